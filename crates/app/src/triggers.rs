//! What starts work besides an HTTP request: schedules, queues and workflows, by the names that the platform calls
//! them.
//!
//! Each is a closed list, and the Worker matches it without a wildcard arm: an unknown name runs nothing, and a new
//! entry does not compile until the Worker handles it. `wrangler.jsonc` and `entry.js` must name the same ones; tests
//! compare them.

use jiff::SignedDuration;

/// A job that runs by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Takes care of runs that lost their engine.
    RecoverRuns,
    /// The same when a local stack starts; but every engine has just died, so no run is given time to show a heartbeat.
    RecoverAllRuns,
    /// Ends the lives of data that nobody needs any more.
    CleanUp,
    /// Checks which models will be retired soon.
    WatchModels,
    /// Grants the months of plans that no invoice of their own pays for.
    RenewSubscriptions,
    /// Tries events of Stripe's again, and ends grants whose time is over.
    ReplayEvents,
    /// Compares what Stripe has with what we have.
    ReconcileBilling,
    /// Works off the erasures of profiles.
    EraseSubjects,
    /// Sums up what has ended, for insights.
    SumUp,
    /// Tells what somebody must look at.
    CheckAlarms,
}

impl Job {
    pub const ALL: [Self; 10] = [
        Self::RecoverRuns,
        Self::RecoverAllRuns,
        Self::CheckAlarms,
        Self::EraseSubjects,
        Self::ReplayEvents,
        Self::SumUp,
        Self::CleanUp,
        Self::RenewSubscriptions,
        Self::ReconcileBilling,
        Self::WatchModels,
    ];

    /// The jobs that the platform starts.
    pub const SCHEDULED: [Self; 9] = [
        Self::RecoverRuns,
        Self::CheckAlarms,
        Self::EraseSubjects,
        Self::ReplayEvents,
        Self::SumUp,
        Self::CleanUp,
        Self::RenewSubscriptions,
        Self::ReconcileBilling,
        Self::WatchModels,
    ];

    /// Its name, for rows, logs and the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RecoverRuns => "recover-runs",
            Self::RecoverAllRuns => "recover-all-runs",
            Self::CleanUp => "clean-up",
            Self::WatchModels => "watch-models",
            Self::RenewSubscriptions => "renew-subscriptions",
            Self::ReplayEvents => "replay-events",
            Self::ReconcileBilling => "reconcile-billing",
            Self::EraseSubjects => "erase-subjects",
            Self::SumUp => "sum-up",
            Self::CheckAlarms => "check-alarms",
        }
    }

    /// What it does, for who chooses one.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::RecoverRuns => {
                "every 5 minutes: wake silent runs, refund those that stay silent, end bulks that are over"
            }
            Self::RecoverAllRuns => "when a local stack starts: the same, but wake every active run",
            Self::CleanUp => "daily: remove pictures, deleted rows and old logs, and erase closed accounts",
            Self::WatchModels => "daily: look up when the models in use will be shut down",
            Self::RenewSubscriptions => "daily: grant the months of yearly plans and of plans without Stripe",
            Self::EraseSubjects => "every 10 minutes: erase profiles whose owners want it from every store",
            Self::SumUp => "hourly: sum up what has ended, for insights",
            Self::CheckAlarms => "every 5 minutes: tell what somebody must look at",
            Self::ReplayEvents => "hourly: try events of Stripe's and automatic purchases again, end expired grants",
            Self::ReconcileBilling => {
                "daily: compare subscriptions and events with Stripe's, repair what was missed, note cards that have paid"
            }
        }
    }

    /// Its cron expression, as the platform reports it. The job of a starting local stack has a word that no schedule
    /// produces.
    #[must_use]
    pub const fn cron(self) -> &'static str {
        match self {
            Self::RecoverRuns => "*/5 * * * *",
            Self::RecoverAllRuns => "@start",
            Self::CleanUp => "0 2 * * *",
            Self::WatchModels => "0 5 * * *",
            Self::RenewSubscriptions => "0 3 * * *",
            Self::ReplayEvents => "0 * * * *",
            Self::ReconcileBilling => "0 4 * * *",
            Self::EraseSubjects => "*/10 * * * *",
            Self::SumUp => "10 * * * *",
            // Apart from the recovery, whose expression it would else have.
            Self::CheckAlarms => "2-59/5 * * * *",
        }
    }

    /// How long it may take until it has done its work once more: two or three of its times are missed by then.
    #[must_use]
    pub const fn silence_max(self) -> SignedDuration {
        match self {
            Self::RecoverRuns | Self::RecoverAllRuns | Self::CheckAlarms | Self::EraseSubjects => {
                SignedDuration::from_mins(30)
            }
            Self::ReplayEvents | Self::SumUp => SignedDuration::from_hours(3),
            Self::CleanUp | Self::WatchModels | Self::RenewSubscriptions | Self::ReconcileBilling => {
                SignedDuration::from_hours(27)
            }
        }
    }

    /// The job of this cron expression; `@start` is accepted on a local stack only.
    #[must_use]
    pub fn at(cron: &str, local: bool) -> Option<Self> {
        if local && cron == Self::RecoverAllRuns.cron() {
            return Some(Self::RecoverAllRuns);
        }
        Self::SCHEDULED.into_iter().find(|job| job.cron() == cron)
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }
}

/// What the names of the staging deployment's queues begin with, as in `wrangler.jsonc`.
pub const STAGING_PREFIX: &str = "staging-";

/// A queue whose messages the Worker consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Runs and bulks whose workflow could not be started by the request.
    Analysis,
    /// What could not be started after all deliveries.
    AnalysisDead,
    /// Rounds of the recovery of silent runs. Apart from the starts, which would wait behind them.
    Recovery,
    /// Events of Stripe's, and automatic purchases.
    Billing,
    /// Those that could not be delivered.
    BillingDead,
}

impl Queue {
    pub const ALL: [Self; 5] = [Self::Analysis, Self::AnalysisDead, Self::Recovery, Self::Billing, Self::BillingDead];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analysis => "analysis",
            Self::AnalysisDead => "analysis-dead",
            Self::Recovery => "recovery",
            Self::Billing => "billing",
            Self::BillingDead => "billing-dead",
        }
    }

    /// The queue of this name at the platform. Names are the account's, so those of the staging deployment have a prefix.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix(STAGING_PREFIX).unwrap_or(name);
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }
}

/// A class of workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowClass {
    Analysis,
    Bulk,
}

impl WorkflowClass {
    pub const ALL: [Self; 2] = [Self::Analysis, Self::Bulk];

    /// The name of the JavaScript class.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analysis => "AnalysisWorkflow",
            Self::Bulk => "BulkWorkflow",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// `wrangler.jsonc` without its comments, which all have a line of their own.
#[cfg(test)]
pub fn wrangler() -> serde_json::Value {
    let text = include_str!("../../../wrangler.jsonc");
    let json: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    serde_json::from_str(&json.join("\n")).unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn names(list: &Value, key: &str) -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    }

    /// The names that `entry.js` exports as `export const NAME = function("NAME");`.
    fn exported(function: &str) -> Vec<String> {
        let exports = include_str!("../../worker/js/entry.js").lines().filter_map(|line| {
            let (name, made) = line.strip_prefix("export const ")?.split_once(" = ")?;
            let argument = made.strip_prefix(function)?.strip_prefix("(\"")?.strip_suffix("\");")?;
            assert_eq!(name, argument, "a class is exported by another name");
            Some(name.to_owned())
        });
        exports.collect()
    }

    #[test]
    fn the_platform_schedules_exactly_the_jobs() {
        assert_eq!(wrangler()["triggers"]["crons"], serde_json::json!(Job::SCHEDULED.map(Job::cron)));
    }

    #[test]
    fn every_job_has_a_name_and_a_time_of_its_own() {
        for job in Job::ALL {
            assert_eq!(Job::named(job.name()), Some(job));
            assert_eq!(Job::at(job.cron(), true), Some(job));
            assert!(job.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", job.name());
        }
        assert!(Job::SCHEDULED.iter().all(|job| Job::ALL.contains(job)));
    }

    #[test]
    fn the_platform_delivers_exactly_the_queues() {
        assert_eq!(names(&wrangler()["queues"]["consumers"], "queue"), Queue::ALL.map(Queue::name));
    }

    #[test]
    fn the_platform_and_the_entry_know_exactly_the_classes() {
        let wrangler = wrangler();
        assert_eq!(names(&wrangler["workflows"], "class_name"), WorkflowClass::ALL.map(WorkflowClass::name));
        assert_eq!(exported("workflow"), WorkflowClass::ALL.map(WorkflowClass::name));
        assert_eq!(exported("durable"), names(&wrangler["durable_objects"]["bindings"], "class_name"));
    }

    #[test]
    fn an_unknown_name_starts_nothing() {
        assert_eq!(Job::at("0 5 * * *", false), Some(Job::WatchModels));
        assert_eq!(Job::at("*/7 * * * *", true), None);
        assert_eq!(Job::at("@start", false), None, "only a local stack may send this word");
        assert_eq!(Job::at("@start", true), Some(Job::RecoverAllRuns));
        assert_eq!(Job::named("forget-profiles"), None);
        assert_eq!(Queue::named("analysis"), Some(Queue::Analysis));
        assert_eq!(Queue::named("staging-billing-dead"), Some(Queue::BillingDead));
        assert_eq!(Queue::named("staging-staging-analysis"), None);
        assert_eq!(Queue::named("analysis-dead-dead"), None);
        assert_eq!(WorkflowClass::named("AnalysisWorkflow"), Some(WorkflowClass::Analysis));
        assert_eq!(WorkflowClass::named("analysis"), None);
    }
}
