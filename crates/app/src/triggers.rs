//! What starts work besides an HTTP request: schedules, queues and workflows, by the names that the platform calls them.
//!
//! Each is a closed list, and the Worker matches it without a default: a name that is not in it runs nothing, and a new
//! entry does not compile until it has its work. `wrangler.jsonc` and `entry.js` must name the same ones; tests hold them
//! equal.

/// A job that runs by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Every five minutes: takes care of runs that lost their engine.
    RecoverRuns,
    /// When a local stack starts: the same, but every engine has just died, so no run is given time to show a heartbeat.
    RecoverAllRuns,
    /// Daily: looks which models end soon.
    WatchModels,
}

impl Job {
    /// The jobs that the platform starts.
    pub const SCHEDULED: [Self; 2] = [Self::RecoverRuns, Self::WatchModels];

    /// When it runs, as the platform says it; what a local stack says when it starts is no cron expression.
    #[must_use]
    pub const fn cron(self) -> &'static str {
        match self {
            Self::RecoverRuns => "*/5 * * * *",
            Self::RecoverAllRuns => "@start",
            Self::WatchModels => "0 5 * * *",
        }
    }

    /// The job to run at `cron`; only a local stack may say that it starts.
    #[must_use]
    pub fn at(cron: &str, local: bool) -> Option<Self> {
        if local && cron == Self::RecoverAllRuns.cron() {
            return Some(Self::RecoverAllRuns);
        }
        Self::SCHEDULED.into_iter().find(|job| job.cron() == cron)
    }
}

/// A queue whose messages the Worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Runs whose workflow could not be started by the request.
    Analysis,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 1] = [Self::Analysis];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analysis => "analysis",
        }
    }

    /// The queue of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }
}

/// A class of workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowClass {
    /// One analysis.
    Analysis,
}

impl WorkflowClass {
    /// Every class.
    pub const ALL: [Self; 1] = [Self::Analysis];

    /// The name of the JavaScript class.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analysis => "AnalysisWorkflow",
        }
    }

    /// The class of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// `wrangler.jsonc` without its comments, which all have a line of their own.
    fn wrangler() -> Value {
        let text = include_str!("../../../wrangler.jsonc");
        let json: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        serde_json::from_str(&json.join("\n")).unwrap()
    }

    fn names(list: &Value, key: &str) -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    }

    /// What `entry.js` exports as made by this function, once for each name.
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
        assert_eq!(Job::at("*/10 * * * *", true), None);
        assert_eq!(Job::at("@start", false), None, "a deployment never hears that a local stack starts");
        assert_eq!(Job::at("@start", true), Some(Job::RecoverAllRuns));
        assert_eq!(Queue::named("analysis"), Some(Queue::Analysis));
        assert_eq!(Queue::named("analysis-dead"), None);
        assert_eq!(WorkflowClass::named("AnalysisWorkflow"), Some(WorkflowClass::Analysis));
        assert_eq!(WorkflowClass::named("analysis"), None);
    }
}
