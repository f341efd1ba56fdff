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
}
