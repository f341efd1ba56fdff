//! What the feature needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{HealthSummary, RoundTripCount, RunTimings};
use crate::{
    features::{alarms::AlarmLimits, auth::Operator},
    shared::{clock::Clock, ids::RunId, store::StoreError},
};

/// What operators ask of the database about the deployment. But for a round trip, each MUST decide whether the caller is an operator,
/// and write down that they asked.
#[async_trait]
pub trait DiagnosticsStore: Send + Sync {
    /// Whether so many round trips may be measured. It MUST be the first statement, so that they find an open connection.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer, and `OperatorRequired`.
    async fn begin_round_trips(&self, operator: &Operator, count: RoundTripCount) -> Result<(), StoreError>;

    /// One statement that does nothing, on the connection of the one before it. Nothing MUST answer it in the database's place.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn round_trip(&self) -> Result<(), StoreError>;

    /// Where the time of a run went; `None` if there is no such run.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer, and `OperatorRequired`.
    async fn run_timings(&self, operator: &Operator, run: RunId) -> Result<Option<RunTimings>, StoreError>;

    /// How everything went since then, or without a moment in the last day. The limits say how long jobs may be silent.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer, and `OperatorRequired`.
    async fn health(
        &self,
        operator: &Operator,
        since: Option<Timestamp>,
        limits: &AlarmLimits,
    ) -> Result<HealthSummary, StoreError>;
}

/// What the handlers can reach.
#[derive(Clone)]
pub struct DiagnosticsPorts {
    pub store: Arc<dyn DiagnosticsStore>,
    pub clock: Arc<dyn Clock>,
    /// The deployment's own.
    pub limits: Arc<AlarmLimits>,
}
