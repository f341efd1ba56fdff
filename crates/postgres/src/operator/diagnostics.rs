//! What operators ask about the deployment.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        alarms::AlarmLimits,
        auth::Operator,
        diagnostics::{DiagnosticsStore, HealthSummary, RoundTripCount, RunTimings},
    },
    shared::{ids::RunId, store::StoreError},
};

use super::db::OperatorDb;
use crate::session::Param;

#[async_trait]
impl DiagnosticsStore for OperatorDb {
    async fn begin_round_trips(&self, operator: &Operator, count: RoundTripCount) -> Result<(), StoreError> {
        let sql = "select operator.measure_round_trips($1::integer, $2)";
        self.call::<bool>(operator, sql, &[Param::of(count.get())]).await.map(drop)
    }

    async fn round_trip(&self) -> Result<(), StoreError> {
        self.tick().await
    }

    async fn run_timings(&self, operator: &Operator, run: RunId) -> Result<Option<RunTimings>, StoreError> {
        self.call(operator, "select operator.find_run_timings($1::uuid, $2)", &[Param::of(run)]).await
    }

    async fn health(
        &self,
        operator: &Operator,
        since: Option<Timestamp>,
        limits: &AlarmLimits,
    ) -> Result<HealthSummary, StoreError> {
        let sql = "select operator.health_summary($1::timestamptz, $2::jsonb, $3)";
        self.call(operator, sql, &[Param::maybe(since), Param::json(limits)?]).await
    }
}
