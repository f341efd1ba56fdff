//! What the clean-up needs of the database.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Remains;
use crate::shared::store::StoreError;

/// Removes for good what has ended.
#[async_trait]
pub trait RemainsStore: Send + Sync {
    /// Removes up to `limit` rows of this kind that were deleted, or written, before this time; answers how many. Fewer than
    /// `limit` MUST mean that nothing more can be removed now. It MUST be one short transaction that keeps no customer
    /// waiting, and safe beside others of its kind.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn remove(&self, what: Remains, before: Timestamp, limit: u32) -> Result<u32, StoreError>;
}
