//! Runs a job with its record and its point. What keeps the record from being written never keeps the job from running.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::JobRecords;
use crate::{
    shared::{
        clock::Clock,
        store::StoreError,
        telemetry::{Event, JobEnded, Telemetry, tell},
    },
    triggers::Job,
};

/// What a job says that it did, as a small JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct JobReport(Value);

impl JobReport {
    /// The report of a job; names and numbers, no customer's data.
    #[must_use]
    pub fn of(report: &impl Serialize) -> Self {
        // What is no object is a defect of the job's report, which must not fail the job.
        Self(serde_json::to_value(report).ok().filter(Value::is_object).unwrap_or_else(|| json!({})))
    }
}

/// Does the work of a job; writes a row before it and the outcome after it, and tells the outcome.
///
/// # Errors
/// Those of the work.
pub async fn recorded(
    records: &dyn JobRecords,
    telemetry: &dyn Telemetry,
    clock: &dyn Clock,
    job: Job,
    scheduled_for: Timestamp,
    work: impl Future<Output = Result<JobReport, StoreError>>,
) -> Result<JobReport, StoreError> {
    let began = clock.now();
    let run = records.begin(job, scheduled_for).await;
    let outcome = work.await;
    let duration_ms = clock.now().duration_since(began).as_millis() as i64;
    tell(telemetry, &Event::Job(JobEnded { job: job.name(), is_ok: outcome.is_ok(), duration_ms }));
    match &outcome {
        Ok(JobReport(report)) => tracing::info!(job = job.name(), outcome = "ok", %report, "a job has ended"),
        Err(error) => tracing::error!(job = job.name(), outcome = "failed", %error, "a job has ended"),
    }
    let error = outcome.as_ref().err().map(ToString::to_string);
    let written = match run {
        Ok(run) => records.end(run, outcome.as_ref().map_err(|_| error.as_deref().unwrap_or_default())).await,
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        tracing::error!(job = job.name(), %error, "the row with a job's outcome could not be written");
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::{super::JobRunId, *};
    use crate::shared::telemetry::Point;

    /// Remembers what was written; without a database it writes nothing.
    #[derive(Default)]
    struct Double {
        written: Mutex<Vec<String>>,
        points: Mutex<Vec<Point>>,
        is_out: bool,
    }

    impl Telemetry for Double {
        fn record(&self, point: Point) {
            self.points.lock().unwrap().push(point);
        }
    }

    impl Clock for Double {
        fn now(&self) -> Timestamp {
            WHEN
        }
    }

    impl Double {
        fn write(&self, line: String) -> Result<(), StoreError> {
            if self.is_out {
                return Err(StoreError::Unavailable("no database".to_owned()));
            }
            self.written.lock().unwrap().push(line);
            Ok(())
        }
    }

    #[async_trait]
    impl JobRecords for Double {
        async fn begin(&self, job: Job, scheduled_for: Timestamp) -> Result<JobRunId, StoreError> {
            self.write(format!("{} for {scheduled_for}", job.name())).map(|()| JobRunId(7))
        }

        async fn end(&self, run: JobRunId, outcome: Result<&JobReport, &str>) -> Result<(), StoreError> {
            self.write(format!("{}: {:?}", run.0, outcome.map(|JobReport(report)| report.to_string())))
        }
    }

    const WHEN: Timestamp = Timestamp::UNIX_EPOCH;

    async fn run(double: &Double, outcome: Result<JobReport, StoreError>) -> bool {
        let work = async {
            double.write("work".to_owned()).ok();
            outcome
        };
        recorded(double, double, double, Job::CleanUp, WHEN, work).await.is_ok()
    }

    #[tokio::test]
    async fn a_job_that_succeeds_leaves_its_report() {
        let double = Double::default();
        assert!(run(&double, Ok(JobReport::of(&json!({ "leads": 3 })))).await);
        assert_eq!(double.points.lock().unwrap()[0].blobs, ["job", "", "", "clean-up", "ok"]);
        let written = double.written.into_inner().unwrap();
        assert_eq!(written, ["clean-up for 1970-01-01T00:00:00Z", "work", r#"7: Ok("{\"leads\":3}")"#]);
    }

    #[tokio::test]
    async fn a_job_that_fails_leaves_the_reason() {
        let double = Double::default();
        assert!(!run(&double, Err(StoreError::Unavailable("R2".to_owned()))).await);
        assert_eq!(double.points.lock().unwrap()[0].blobs, ["job", "", "", "clean-up", "failed"]);
        let written = double.written.into_inner().unwrap();
        assert_eq!(written.last().unwrap(), r#"7: Err("store unavailable: R2")"#);
    }

    #[tokio::test]
    async fn a_job_runs_whether_or_not_it_can_be_written_down() {
        let double = Double { is_out: true, ..Double::default() };
        let mut has_run = false;
        let work = async {
            has_run = true;
            Ok(JobReport::of(&json!({})))
        };
        recorded(&double, &double, &double, Job::RecoverRuns, WHEN, work).await.unwrap();
        assert!(has_run);
    }

    #[test]
    fn a_report_is_an_object_whatever_it_was_made_of() {
        assert_eq!(JobReport::of(&json!([1])), JobReport::of(&json!({})));
    }
}
