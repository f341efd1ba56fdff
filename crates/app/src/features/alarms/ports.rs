//! Where alarms are kept.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{AlarmLimits, Crossing};
use crate::{shared::store::StoreError, triggers::Queue};

/// Alarms, and what they are told by.
#[async_trait]
pub trait AlarmStore: Send + Sync {
    /// Opens the alarms that hold by these limits, closes those that are over, and answers every beginning and end that was not told
    /// yet, the oldest first. It MUST be safe beside others of its kind: what one was answered is no other's for two minutes.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn check(&self, limits: &AlarmLimits, now: Timestamp) -> Result<Vec<Crossing>, StoreError>;

    /// Writes down that these were told.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn note_told(&self, told: &[Crossing]) -> Result<(), StoreError>;

    /// Writes down that a queue has given up so many messages, of which there MUST be at least one.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn note_dead_letters(&self, queue: Queue, messages: usize) -> Result<(), StoreError>;
}
