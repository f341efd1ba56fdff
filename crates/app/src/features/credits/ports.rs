//! The ledger, read as the calling user.

use async_trait::async_trait;

use super::{Balance, Transaction};
use crate::{
    features::auth::Member,
    http::{Page, PageQuery},
    shared::store::StoreError,
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
}
