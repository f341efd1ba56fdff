//! The ledger and the daily cap, as the calling user.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Balance, Budget, CapOutcome, DailyCap, Grant, Transaction};
use crate::{
    features::auth::Member,
    shared::{
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

/// Reads under row-level security; MUST filter by the member's account as well.
#[async_trait]
pub trait CreditLedger: Send + Sync {
    /// The account's balance; `None` when row-level security shows none (a membership that just ended).
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn balance(&self, member: Member) -> Result<Option<Balance>, StoreError>;

    /// Movements, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn transactions(&self, member: Member, page: PageQuery<i64>) -> Result<Page<Transaction>, StoreError>;

    /// Grants, newest first, ended ones included. One whose time is over MUST be shown so, even before its end is posted.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn grants(&self, member: Member, page: PageQuery<i64>) -> Result<Page<Grant>, StoreError>;

    /// The daily cap and what is used of it; `None` when the caller's membership has ended.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn budget(&self, member: Member) -> Result<Option<Budget>, StoreError>;

    /// Sets the daily cap, or removes it with `None`. The database MUST refuse this to anybody but an owner.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn set_daily_cap(&self, member: Member, cap: Option<DailyCap>) -> Result<CapOutcome, StoreError>;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct CreditPorts {
    /// Balances and transactions, as the calling user.
    pub ledger: Arc<dyn CreditLedger>,
}
