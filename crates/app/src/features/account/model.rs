//! An account, what became of closing and opening it, and what an export is made of.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    features::auth::Role,
    shared::ids::{AccountId, RunId},
};

/// An account, as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountView {
    pub id: AccountId,
    /// For people; closing asks for it.
    pub name: String,
    /// What the caller is in it.
    pub role: Role,
    pub state: AccountState,
    pub created_at: Timestamp,
    /// Since when nothing can be bought for it, because we have blocked it; null while that is not so.
    pub blocked_at: Option<Timestamp>,
    /// Null while it is open.
    pub closed_at: Option<Timestamp>,
    /// Of a closed one: until then an owner can open it again; afterwards it is erased.
    pub erased_after: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    Open,
    /// Only its owners see it, take its data out or open it again.
    Closed,
}

/// An account, or that it is not the caller's to see.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum AccountOutcome {
    #[serde(rename = "ok")]
    Found {
        account: AccountView,
    },
    Forbidden,
}

/// What became of closing an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CloseOutcome {
    /// It is closed, perhaps since an earlier request.
    #[serde(rename = "ok")]
    Closed {
        account: AccountView,
        /// The runs that this request has cancelled.
        cancelled: Vec<RunId>,
    },
    /// It has another name.
    NameMismatch,
    /// A subscription would go on taking money.
    SubscriptionActive,
    Forbidden,
}

/// What became of opening an account again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RestoreOutcome {
    /// It is open, perhaps since an earlier request.
    #[serde(rename = "ok")]
    Open {
        account: AccountView,
    },
    /// It was closed longer ago than it can be opened again.
    TooLate,
    Forbidden,
}

/// A table of an export.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ExportedTable {
    pub name: String,
    /// Of a sheet, in their order.
    pub columns: Vec<String>,
    /// How many rows a full page has.
    pub page_rows: usize,
}

/// A row of it, by column.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ExportedRow {
    /// Where the next page goes on.
    pub key: Value,
    pub row: Map<String, Value>,
}
