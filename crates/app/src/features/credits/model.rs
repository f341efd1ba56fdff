//! Balances and ledger rows as customers see them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    features::auth::Spender,
    shared::ids::{AccountId, RunId},
};

/// What an account can spend now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// The account.
    pub account_id: AccountId,
    /// Credits; never negative. Without those that have expired, and without what is held.
    pub balance: i64,
    /// Credits of analyses that are under way: they are spent when the analysis gives a result, and come back if it fails.
    pub held: i64,
    /// Credits of refunded payments that had been spent. The next credits that come in pay them.
    pub owed: i64,
}

/// Where credits came from; the order is the one in which they are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    /// A gift.
    Promotion,
    /// Comes with a new account.
    Free,
    /// A month of a subscription.
    Plan,
    /// Bought.
    Pack,
    /// A correction.
    Adjustment,
}

/// Whether a grant can be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Something is left of it.
    Live,
    /// Nothing is left of it.
    Spent,
    /// Its time is over. What was left is lost.
    Expired,
}

/// Credits that came in at once, and what is left of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// Rises with time within an account.
    pub id: i64,
    /// Where they came from.
    pub source: GrantSource,
    /// Credits that came in.
    pub amount: i64,
    /// Credits that can still be spent.
    pub remaining: i64,
    /// Whether they can be spent.
    pub state: GrantState,
    /// Of two grants the one with the smaller number is spent first, then the one that ends sooner, then the older one.
    pub priority: i64,
    /// From then on they cannot be spent; null for never.
    pub expires_at: Option<Timestamp>,
    /// When they came in.
    pub created_at: Timestamp,
}

/// Why credits moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    /// Paid for a run.
    Charge,
    /// Came back from a run that gave no result.
    Refund,
    /// The plan's credits of a period.
    Renewal,
    /// Bought.
    Purchase,
    /// Set by an operator or as starting credits.
    Adjustment,
    /// What was left when a grant's time was over.
    Expiry,
    /// Taken back, because the payment was refunded or is disputed.
    Clawback,
    /// Came back after a dispute that was won.
    Reinstatement,
}

/// What became of the credits that an analysis was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// The analysis is under way.
    Held,
    /// It gave a result, or was cancelled after its work had begun.
    Spent,
    /// It gave no result, and they came back.
    Returned,
}

/// One row of the append-only ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transaction {
    /// Rises with time within an account.
    pub id: i64,
    /// What moved the credits.
    pub kind: TransactionKind,
    /// Credits; negative for those that went out.
    pub amount: i64,
    /// The balance right after.
    pub balance_after: i64,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// Of the charge of a run: what became of it.
    pub state: Option<ChargeState>,
    /// Of an entry of a run: who bought the run.
    #[serde(default)]
    pub spent_by: Option<Spender>,
    /// A sentence for people.
    pub description: String,
    /// When the credits moved.
    pub created_at: Timestamp,
}
