//! Business profiles, read and written as the calling user.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, CreateOutcome, NewBusinessProfile, UpdateOutcome,
};
use crate::{
    features::auth::Member,
    shared::{
        idempotency::IdempotencyKey,
        ids::BusinessProfileId,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

/// Works under row-level security; MUST filter by the member's account as well. Every call is one transaction.
#[async_trait]
pub trait BusinessProfileRepository: Send + Sync {
    /// Adds a profile; a repeat with the same key adds none.
    ///
    /// # Errors
    /// [`StoreError`]; with `Unavailable` the outcome may be unknown, and an idempotency key makes a repeat safe.
    async fn create(
        &self,
        member: Member,
        profile: &NewBusinessProfile,
        key: Option<&IdempotencyKey>,
        body_hash: &str,
    ) -> Result<CreateOutcome, StoreError>;

    /// Profiles that were not deleted, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn list(
        &self,
        member: Member,
        page: PageQuery<BusinessProfileCursor>,
    ) -> Result<Page<BusinessProfile>, StoreError>;

    /// One profile that was not deleted.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn get(&self, member: Member, id: BusinessProfileId) -> Result<Option<BusinessProfile>, StoreError>;

    /// Changes a profile; with an expected version, only that one. MUST change nothing when nothing differs.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn update(
        &self,
        member: Member,
        id: BusinessProfileId,
        changes: &BusinessProfileChanges,
        expected_version: Option<i32>,
    ) -> Result<UpdateOutcome, StoreError>;

    /// Deletes a profile and returns when it was deleted; a repeat returns the same. `None` if the account never had
    /// it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn delete(&self, member: Member, id: BusinessProfileId) -> Result<Option<Timestamp>, StoreError>;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct BusinessPorts {
    /// Business profiles, as the calling user.
    pub profiles: Arc<dyn BusinessProfileRepository>,
}
