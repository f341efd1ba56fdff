//! Where snapshots and pictures are kept. Every effect MUST be safe to repeat: the workflow runs each at least once.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{InstagramHandle, Snapshot, SnapshotKey};
use crate::shared::store::StoreError;

/// The profile cache: immutable snapshots and, per username, a pointer to the newest.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// The newest snapshot that is at least `depth` posts deep and was scraped at or after `not_before`.
    ///
    /// # Errors
    /// [`StoreError`]; the caller treats it as a miss.
    async fn find(
        &self,
        username: &InstagramHandle,
        not_before: Timestamp,
        depth: u32,
    ) -> Result<Option<SnapshotKey>, StoreError>;

    /// Saves a snapshot and moves the pointer forward, never backward. With the same `key_hint`, a repeated save writes
    /// the same object.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn save(&self, snapshot: &Snapshot, key_hint: &str) -> Result<SnapshotKey, StoreError>;

    /// Reads a snapshot.
    ///
    /// # Errors
    /// [`StoreError`] when it is not there or not readable.
    async fn load(&self, key: &SnapshotKey) -> Result<Snapshot, StoreError>;
}

/// Keeps copies of profile pictures: Instagram's own addresses expire within hours.
#[async_trait]
pub trait PictureStore: Send + Sync {
    /// Copies the picture at an address that a stranger's profile gave; replaces an older one of the same username. The
    /// address MUST be fetched only from Instagram's own servers, without redirects, with limits on time and size, and
    /// only what is a picture by its own bytes may be kept.
    ///
    /// # Errors
    /// A sentence for the log; nobody's analysis fails for a picture.
    async fn copy(&self, username: &InstagramHandle, url: &str) -> Result<(), String>;

    /// Deletes the pictures of up to a thousand usernames; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn delete(&self, usernames: &[InstagramHandle]) -> Result<(), StoreError>;
}

/// When a profile must have lost those who needed its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbandonedWhen {
    /// Between these two, a lead of it was deleted, or a run ended without one.
    pub since: Timestamp,
    pub until: Timestamp,
    /// Or the account of a lead of it was closed before this.
    pub closed_before: Timestamp,
}

/// What the database knows of profiles, whoever analysed them; used by schedules only.
#[async_trait]
pub trait ProfileRecords: Send + Sync {
    /// Usernames, in their order and after `after`, of which nobody needs the picture any more: it was abandoned then, no
    /// account has it as a lead, and no run works on it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn abandoned(
        &self,
        when: AbandonedWhen,
        after: Option<&InstagramHandle>,
        limit: usize,
    ) -> Result<Vec<InstagramHandle>, StoreError>;

    /// Forgets the changes of profiles before this time; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn forget_changes(&self, until: Timestamp) -> Result<u64, StoreError>;
}
