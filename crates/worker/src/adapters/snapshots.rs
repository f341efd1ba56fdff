//! The profile cache in R2: immutable snapshots, and for each username a pointer to those worth knowing. Which they are
//! is decided by [`SnapshotPointer`]; here its object is only replaced if nobody else has replaced it meanwhile.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        erasure::{InstagramId, SubjectFiles},
        profiles::{
            InstagramHandle, KnownSnapshot, Snapshot, SnapshotKey, SnapshotPointer, SnapshotStore, pointer_key,
            snapshot_key, snapshots_of,
        },
    },
    shared::store::StoreError,
};
use serde::de::DeserializeOwned;
use worker::{Bucket, Conditional, Env, send::SendFuture};

use super::PROFILES_BUCKET;

/// Concurrent savers of one profile; each loser reads again and usually finds nothing left to do.
const POINTER_ATTEMPTS_MAX: u32 = 5;

/// The bucket, and the snapshot that the present run judges: every step needs it and it never changes, so it is read
/// and parsed only once.
pub struct Snapshots {
    env: Env,
    held: Mutex<Option<(SnapshotKey, Snapshot)>>,
}

fn unavailable(error: worker::Error) -> StoreError {
    StoreError::Unavailable(format!("R2: {error}"))
}

impl Snapshots {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone(), held: Mutex::default() }
    }

    fn hold(&self, key: &SnapshotKey, snapshot: &Snapshot) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some((key.clone(), snapshot.clone()));
    }

    fn held(&self, key: &SnapshotKey) -> Option<Snapshot> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|(known, _)| known == key).map(|(_, snapshot)| snapshot.clone())
    }

    fn bucket(&self) -> Result<Bucket, StoreError> {
        self.env.bucket(PROFILES_BUCKET).map_err(unavailable)
    }

    /// An object's value, `None` inside when it is not what it should be, and its etag.
    async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(Option<T>, String)>, StoreError> {
        let Some(object) = self.bucket()?.get(key).execute().await.map_err(unavailable)? else {
            return Ok(None);
        };
        let etag = object.etag();
        let bytes = match object.body() {
            Some(body) => body.bytes().await.map_err(unavailable)?,
            None => Vec::new(),
        };
        Ok(Some((serde_json::from_slice(&bytes).ok(), etag)))
    }

    async fn put_snapshot(&self, snapshot: &Snapshot, hint: &str) -> Result<SnapshotKey, StoreError> {
        let username = &snapshot.profile.username;
        let key = snapshot_key(username, hint);
        // A repeated step finds what the first one stored: a snapshot is never changed.
        let stored: Option<(Option<Snapshot>, _)> = self.read(&key.0).await?;
        let known = match stored {
            Some((Some(first), _)) => {
                KnownSnapshot { key: key.clone(), scraped_at: first.scraped_at, depth: first.depth }
            }
            Some((None, _)) | None => {
                let body = serde_json::to_vec(snapshot).map_err(|error| StoreError::Defect(error.to_string()))?;
                self.bucket()?.put(key.0.as_str(), body).execute().await.map_err(unavailable)?;
                self.hold(&key, snapshot);
                KnownSnapshot { key: key.clone(), scraped_at: snapshot.scraped_at, depth: snapshot.depth }
            }
        };
        self.move_pointer(username, &known).await?;
        Ok(key)
    }

    async fn move_pointer(&self, username: &InstagramHandle, new: &KnownSnapshot) -> Result<(), StoreError> {
        let key = pointer_key(username);
        for _ in 0..POINTER_ATTEMPTS_MAX {
            let present: Option<(Option<SnapshotPointer>, String)> = self.read(&key).await?;
            let (old, condition) = match present {
                Some((old, etag)) => (old, Conditional { etag_matches: Some(etag), ..no_condition() }),
                // Only if there is still no object.
                None => (None, Conditional { etag_does_not_match: Some("*".to_owned()), ..no_condition() }),
            };
            let old = old.unwrap_or_default();
            let moved = old.clone().with(new.clone());
            if moved == old {
                return Ok(());
            }
            let body = serde_json::to_vec(&moved).map_err(|error| StoreError::Defect(error.to_string()))?;
            let bucket = self.bucket()?;
            let put = bucket.put(key.as_str(), body).only_if(condition).execute().await;
            // R2 answers `None` when the condition does not hold.
            if put.map_err(unavailable)?.is_some() {
                return Ok(());
            }
        }
        // Others kept winning, with snapshots as new as this one: the pointer is good enough.
        Ok(())
    }

    async fn newest(
        &self,
        username: &InstagramHandle,
        not_before: Timestamp,
        depth: u32,
    ) -> Result<Option<SnapshotKey>, StoreError> {
        let pointer: Option<(Option<SnapshotPointer>, _)> = self.read(&pointer_key(username)).await?;
        let pointer = pointer.and_then(|(pointer, _)| pointer).unwrap_or_default();
        let Some(key) = pointer.serving(not_before, depth) else {
            return Ok(None);
        };
        // A snapshot that is gone, or of an older form, is a miss: the scrape that follows moves the pointer on.
        let snapshot: Option<(Option<Snapshot>, _)> = self.read(&key.0).await?;
        Ok(snapshot.and_then(|(snapshot, _)| snapshot).map(|snapshot| {
            self.hold(key, &snapshot);
            key.clone()
        }))
    }

    async fn fetch(&self, key: &SnapshotKey) -> Result<Snapshot, StoreError> {
        if let Some(snapshot) = self.held(key) {
            return Ok(snapshot);
        }
        let snapshot = self.read(&key.0).await?;
        let snapshot = snapshot
            .and_then(|(snapshot, _)| snapshot)
            .ok_or_else(|| StoreError::Unavailable("R2: the snapshot is not there".to_owned()))?;
        self.hold(key, &snapshot);
        Ok(snapshot)
    }
}

/// Deletes every object whose key begins so, and answers how many.
async fn delete_below(bucket: &Bucket, prefix: &str) -> worker::Result<u32> {
    let mut count = 0;
    loop {
        let listed = bucket.list().prefix(prefix).execute().await?;
        let keys: Vec<String> = listed.objects().iter().map(worker::Object::key).collect();
        count += u32::try_from(keys.len()).unwrap_or(u32::MAX);
        if !keys.is_empty() {
            bucket.delete_multiple(keys).await?;
        }
        // A list has a thousand keys at most.
        if !listed.truncated() {
            return Ok(count);
        }
    }
}

#[async_trait]
impl SubjectFiles for Snapshots {
    async fn id_of(&self, username: &InstagramHandle) -> Result<Option<InstagramId>, StoreError> {
        let Some(key) = SendFuture::new(self.newest(username, Timestamp::MIN, 0)).await? else { return Ok(None) };
        let snapshot = SendFuture::new(self.fetch(&key)).await?;
        Ok(snapshot.profile.instagram_id.as_deref().and_then(InstagramId::parse))
    }

    async fn delete_all(&self, username: &InstagramHandle) -> Result<u32, StoreError> {
        let deleted = async {
            let bucket = self.bucket()?;
            // First the pointer, so that no run takes a snapshot that is about to go.
            bucket.delete(pointer_key(username)).await.map_err(unavailable)?;
            delete_below(&bucket, &snapshots_of(username)).await.map_err(unavailable)
        };
        SendFuture::new(deleted).await
    }
}

fn no_condition() -> Conditional {
    Conditional { etag_matches: None, etag_does_not_match: None, uploaded_before: None, uploaded_after: None }
}

#[async_trait]
impl SnapshotStore for Snapshots {
    async fn find(
        &self,
        username: &InstagramHandle,
        not_before: Timestamp,
        depth: u32,
    ) -> Result<Option<SnapshotKey>, StoreError> {
        SendFuture::new(self.newest(username, not_before, depth)).await
    }

    async fn save(&self, snapshot: &Snapshot, key_hint: &str) -> Result<SnapshotKey, StoreError> {
        SendFuture::new(self.put_snapshot(snapshot, key_hint)).await
    }

    async fn load(&self, key: &SnapshotKey) -> Result<Snapshot, StoreError> {
        SendFuture::new(self.fetch(key)).await
    }
}
