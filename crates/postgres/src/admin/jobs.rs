//! What became of the scheduled jobs.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::jobs::{JobRecords, JobReport, JobRunId},
    shared::store::StoreError,
    triggers::Job,
};

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl JobRecords for AdminDb {
    async fn begin(&self, job: Job, scheduled_for: Timestamp) -> Result<JobRunId, StoreError> {
        const SQL: &str = "select to_jsonb(system.begin_job($1, $2::timestamptz))";
        self.value(SQL, &[Param::of(job.name()), Param::of(scheduled_for)]).await
    }

    async fn end(&self, run: JobRunId, outcome: Result<&JobReport, &str>) -> Result<(), StoreError> {
        const SQL: &str = "select to_jsonb(system.end_job($1::bigint, $2::jsonb, $3))";
        let report = match outcome {
            Ok(report) => Param::json(report)?,
            Err(_) => Param::maybe(None::<&str>),
        };
        self.value::<bool>(SQL, &[Param::of(run.0), report, Param::maybe(outcome.err())]).await.map(drop)
    }
}
