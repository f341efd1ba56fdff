//! What happens, as numbers: one point for each request, run, AI call, scrape, webhook, job and error. `docs/telemetry.md` has
//! their fields and the questions that they answer.
//!
//! A point may be sampled, lost, or told twice when a step is repeated: it is for trends and alarms, and nothing is decided or
//! billed by it. It holds ids, words of ours, names of models and actors, and numbers; never what a person wrote.

mod columns;
mod error_report;
mod event;
mod outbox;
mod point;

pub use error_report::{ErrorReport, Frame};
pub use event::{AiCalled, CacheUse, Event, JobEnded, RequestAnswered, RunEnd, RunEnded, Scraped, WebhookReceived};
pub use outbox::{Outbox, POINTS_PER_INVOCATION, Parcel};
pub use point::{BLOB_BYTES_MAX, BLOBS_MAX, DOUBLES_MAX, INDEX_BYTES_MAX, Point};

use jiff::Timestamp;

use super::{
    analysis_type::AnalysisType,
    ids::{AccountId, RunId},
};

/// Takes points. It cannot fail and MUST NOT wait: nothing depends on them.
pub trait Telemetry: Send + Sync {
    fn record(&self, point: Point);

    /// Whether anything is told, lines of the log included. It always is, but where a benchmark asks what telling costs.
    fn is_on(&self) -> bool {
        true
    }
}

/// Tells what has happened: as a line in the log, and as a point.
pub fn tell(telemetry: &dyn Telemetry, event: &Event<'_>) {
    if !telemetry.is_on() {
        return;
    }
    event.log();
    telemetry.record(event.point());
}

/// What is known of runs that end at once, otherwise than by their workflow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ending<'a> {
    pub account_id: Option<AccountId>,
    pub analysis_type: Option<AnalysisType>,
    /// Why they failed; empty if they did not.
    pub code: &'a str,
}

/// Tells that runs have ended otherwise than by their workflow.
pub fn tell_ended(telemetry: &dyn Telemetry, runs: &[RunId], end: RunEnd, known: Ending<'_>, ended_at: Timestamp) {
    let Ending { account_id, analysis_type, code } = known;
    for run in runs {
        let ended = RunEnded::without_workflow(*run, end, ended_at);
        tell(telemetry, &Event::Run(RunEnded { account_id, analysis_type, code, ..ended }));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::triggers::wrangler;

    struct Double {
        is_on: bool,
        points: Mutex<Vec<Point>>,
    }

    impl Telemetry for Double {
        fn record(&self, point: Point) {
            self.points.lock().unwrap().push(point);
        }

        fn is_on(&self) -> bool {
            self.is_on
        }
    }

    #[test]
    fn what_is_off_is_told_nothing() {
        for (is_on, points) in [(true, 1), (false, 0)] {
            let double = Double { is_on, points: Mutex::default() };
            tell_ended(&double, &[RunId::new(Uuid::nil())], RunEnd::Swept, Ending::default(), Timestamp::UNIX_EPOCH);
            assert_eq!(double.points.into_inner().unwrap().len(), points);
        }
    }

    #[test]
    fn a_deployment_keeps_every_line_of_its_log_and_no_addresses_of_requests() {
        let kept = json!({ "enabled": true, "head_sampling_rate": 1, "logs": { "invocation_logs": false } });
        assert_eq!(wrangler()["observability"], kept);
    }
}
