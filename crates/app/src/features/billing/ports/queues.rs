//! Where events and purchases wait for whoever works on them.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{features::billing::EventEnvelope, shared::store::StoreError};

/// Where an event is put before it is acknowledged, if the database is not asked first.
#[async_trait]
pub trait EventInbox: Send + Sync {
    /// Hands the event to the queue.
    ///
    /// # Errors
    /// Why it was not taken, for the log.
    async fn enqueue(&self, event: &EventEnvelope, payload: &str) -> Result<(), String>;

    /// Puts the event into the bucket.
    ///
    /// # Errors
    /// Why it was not taken, for the log.
    async fn store(&self, event: &EventEnvelope, payload: &str) -> Result<(), String>;

    /// Up to `limit` events of the bucket, as (key, event, payload).
    ///
    /// # Errors
    /// [`StoreError`] when the bucket does not answer.
    async fn stored(&self, limit: u32) -> Result<Vec<(String, EventEnvelope, String)>, StoreError>;

    /// Deletes one of them.
    ///
    /// # Errors
    /// [`StoreError`] when the bucket does not answer.
    async fn forget(&self, key: &str) -> Result<(), StoreError>;
}

/// Where a charge leaves what it has set out to buy.
#[async_trait]
pub trait TopUpQueue: Send + Sync {
    /// Asks for the purchase to be charged, soon.
    ///
    /// # Errors
    /// Why it was not taken, for the log.
    async fn enqueue(&self, purchase: Uuid) -> Result<(), String>;
}

/// Whoever applies events, for an operator who has put one back.
#[async_trait]
pub trait DueEvents: Send + Sync {
    /// Asks for the events whose turn it is to be applied, soon.
    ///
    /// # Errors
    /// Why it was not taken, for the log.
    async fn ask(&self) -> Result<(), String>;
}
