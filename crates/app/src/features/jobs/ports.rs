//! Where the outcomes of jobs are kept.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::JobReport;
use crate::{shared::store::StoreError, triggers::Job};

/// One time that a job ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobRunId(pub i64);

/// The outcomes of jobs, a row for each time that one ran. A job that dies leaves a row without an end.
#[async_trait]
pub trait JobRecords: Send + Sync {
    /// Writes down that a job starts.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn begin(&self, job: Job, scheduled_for: Timestamp) -> Result<JobRunId, StoreError>;

    /// Writes down how it ended: what it did, or in a sentence why it failed. A repeat MUST change nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn end(&self, run: JobRunId, outcome: Result<&JobReport, &str>) -> Result<(), StoreError>;
}
