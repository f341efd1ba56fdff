//! Balances and ledger rows as customers see them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shared::ids::{AccountId, RunId};

/// What an account can spend now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Balance {
    /// The account.
    pub account_id: AccountId,
    /// Credits; never negative.
    pub balance: i64,
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
}

/// One row of the append-only ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transaction {
    /// Rises with time within an account.
    pub id: i64,
    /// What moved the credits.
    pub kind: TransactionKind,
    /// Credits; negative for a charge.
    pub amount: i64,
    /// The balance right after.
    pub balance_after: i64,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// A sentence for people.
    pub description: String,
    /// When the credits moved.
    pub created_at: Timestamp,
}
