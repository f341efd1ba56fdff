//! What operators see.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::shared::ids::{AccountId, UserId};

/// Something that an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorAction {
    pub id: i64,
    pub operator_id: UserId,
    /// The operation: `find_account`, `adjust_credits`, `fail_run`, …
    pub action: String,
    /// To whom or what it was done, by an id: of an account, a user, a run or an erasure.
    pub subject_id: Option<Uuid>,
    /// Why, as the operator said.
    pub reason: String,
    /// What came of it: `ok`, `repeated`, `not_found`, …
    pub outcome: String,
    /// What else says what was done: credits, the id of an event, a service.
    pub details: serde_json::Value,
    pub at: Timestamp,
}

/// Whether an account lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    Open,
    /// It can be opened again until it is erased.
    Closed,
    /// Only its ledger is left.
    Erased,
}

/// A subscription as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanView {
    pub plan: String,
    /// Stripe's word.
    pub status: String,
    pub period_ends_at: Timestamp,
}

/// An account: its state and its money, nothing of what it has analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccountForOperators")]
pub struct AccountView {
    pub id: AccountId,
    pub name: String,
    pub state: AccountState,
    /// The plan whose limits it has.
    pub plan: String,
    /// Its newest subscription, if it ever had one.
    pub subscription: Option<PlanView>,
    pub created_at: Timestamp,
    /// Since when it buys nothing.
    pub blocked_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
    /// In credits.
    pub balance: i64,
    /// Credits that it owes, after money was taken back.
    pub owed: i64,
    /// What its runs may cost in one day (UTC); none for no cap.
    pub daily_credit_cap: Option<i64>,
    /// How many people belong to it.
    pub people: u32,
    /// Analyses under way.
    pub active_runs: u32,
}
