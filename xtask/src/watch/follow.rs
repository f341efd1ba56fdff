//! The watch itself: asks again and again, tells what changed, and keeps what the verdict needs.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use oslira_app::features::diagnostics::HealthSummary;

use super::line::line;

/// For so many intervals at its end nothing may have been heard.
const POLLS_UNHEARD_MAX: u32 = 2;

/// What came of a poll.
pub enum Heard {
    Summary(Box<HealthSummary>),
    /// The deployment did not answer, or not well.
    Failed(String),
    /// It was not asked, or refused to answer, because the token is not good; a new one will come.
    NoToken(String),
    /// It will never answer this watch.
    Over(String),
}

/// Whom to ask.
pub trait Source {
    /// What happened since then; without a moment, of any time.
    fn ask(&mut self, since: Option<Timestamp>) -> Heard;
}

/// Time since the watch began.
pub trait Clock {
    fn elapsed(&self) -> Duration;

    /// Waits; `false` if somebody wants to know the verdict now.
    fn wait(&mut self, time: Duration) -> bool;
}

/// What a watch has seen.
#[derive(Debug, Default)]
pub struct Followed {
    /// Those that were answered, and those that failed.
    pub polls: u32,
    pub failed: u32,
    /// For which there was no token: they say nothing of the deployment.
    pub without_token: u32,
    /// All that happened, as far as it is known.
    pub newest: Option<HealthSummary>,
    /// Jobs that were silent at some time.
    pub silent_jobs: BTreeSet<String>,
    /// Why not all of its time was watched.
    pub over: Option<String>,
}

/// Polls from now until the time is over.
pub fn follow(
    source: &mut impl Source,
    clock: &mut impl Clock,
    time: Duration,
    every: Duration,
    since: Option<Timestamp>,
    tell: &mut dyn FnMut(&str),
) -> Followed {
    let mut followed = Followed::default();
    let mut since = since;
    let mut last = String::new();
    let mut heard_until = Duration::ZERO;
    loop {
        let began = clock.elapsed();
        let told = match poll(source, clock, &mut since) {
            Heard::Summary(summary) => {
                followed.polls += 1;
                heard_until = began;
                let silent = summary.jobs.iter().filter(|job| job.is_silent).map(|job| job.job.clone());
                followed.silent_jobs.extend(silent);
                let told = line(&summary);
                followed.newest = Some(*summary);
                told
            }
            Heard::Failed(why) => {
                followed.polls += 1;
                followed.failed += 1;
                format!("poll failed: {why}")
            }
            Heard::NoToken(why) => {
                followed.without_token += 1;
                format!("no token: {why}")
            }
            Heard::Over(why) => {
                followed.over = Some(why);
                return followed;
            }
        };
        if told != last {
            tell(&format!("{}  {told}", stamp()));
            last = told;
        }
        // The last poll begins when the time is over, so that all of it is judged.
        if began >= time {
            followed.over = unheard(time.saturating_sub(heard_until), every);
            return followed;
        }
        let left = time.saturating_sub(clock.elapsed());
        let pause = every.saturating_sub(clock.elapsed().saturating_sub(began)).min(left);
        if !clock.wait(pause) {
            followed.over = Some("it was interrupted".to_owned());
            return followed;
        }
    }
}

/// A poll may fail at the end too: the one before it tells nearly all. Of more than two intervals somebody must have been heard.
fn unheard(end: Duration, every: Duration) -> Option<String> {
    (end > every * POLLS_UNHEARD_MAX)
        .then(|| format!("nothing was heard of its last {} minutes", end.as_secs().div_ceil(60)))
}

/// One poll. The first that is answered tells what the database's clock says, and so when the watch began by it.
fn poll(source: &mut impl Source, clock: &impl Clock, since: &mut Option<Timestamp>) -> Heard {
    if since.is_none() {
        match source.ask(None) {
            Heard::Summary(first) => *since = first.until.checked_sub(clock.elapsed()).ok(),
            other => return other,
        }
    }
    source.ask(*since)
}

fn stamp() -> String {
    Timestamp::now().strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The time of the double's database when the watch begins.
    pub const BEGINNING: &str = "2026-11-27T09:00:00Z";

    /// A summary in which `change` differs from a quiet deployment.
    pub fn summary(change: impl FnOnce(&mut Value)) -> HealthSummary {
        let run = |kind: &str| {
            json!({
                "analysis_type": kind, "begun": 0, "complete": 0, "failed": 0, "failed_by_us": 0, "cancelled": 0,
                "refunded": 0, "p95_ms": null,
            })
        };
        let mut document = json!({
            "since": BEGINNING, "until": BEGINNING, "success_rate": null,
            "runs": [run("LIGHT"), run("DEEP"), run("XRAY")],
            "webhooks": { "unapplied": 0, "oldest_wait_s": 0, "unapplied_before": 3 }, "dead_letters": [],
            "jobs": [{
                "job": "recover-runs", "ok": 1, "failed": 0, "died": 0, "last_ok_at": BEGINNING, "is_silent": false,
            }],
            "alarms": [],
        });
        change(&mut document);
        serde_json::from_value(document).unwrap()
    }

    fn quiet() -> Heard {
        Heard::Summary(Box::new(summary(|_| {})))
    }

    /// Answers in turn, and the last for ever.
    struct Script {
        answers: Vec<fn() -> Heard>,
        asked: Vec<Option<Timestamp>>,
    }

    impl Source for Script {
        fn ask(&mut self, since: Option<Timestamp>) -> Heard {
            self.asked.push(since);
            let place = self.asked.len().min(self.answers.len()) - 1;
            self.answers[place]()
        }
    }

    /// Passes as fast as it is waited for, until somebody interrupts.
    struct Fast {
        now: Duration,
        interrupted_after: Duration,
    }

    impl Clock for Fast {
        fn elapsed(&self) -> Duration {
            self.now
        }

        fn wait(&mut self, time: Duration) -> bool {
            self.now += time;
            self.now < self.interrupted_after
        }
    }

    fn watched(
        answers: Vec<fn() -> Heard>,
        minutes: u64,
        interrupted_after: Duration,
    ) -> (Followed, Vec<String>, Script) {
        let mut script = Script { answers, asked: vec![] };
        let mut clock = Fast { now: Duration::ZERO, interrupted_after };
        let mut lines = Vec::new();
        let minute = Duration::from_secs(60);
        let time = Duration::from_secs(minutes * 60);
        let followed = follow(&mut script, &mut clock, time, minute, None, &mut |line| lines.push(line.to_owned()));
        (followed, lines, script)
    }

    #[test]
    fn it_asks_since_its_own_beginning_by_the_databases_clock_and_tells_only_what_changes() {
        let (followed, lines, script) = watched(vec![quiet], 10, Duration::MAX);
        assert_eq!((followed.polls, followed.failed, lines.len()), (11, 0, 1));
        assert_eq!(followed.over, None, "all of it was watched");
        assert_eq!(script.asked[0], None);
        assert_eq!(script.asked[1..], [Some(BEGINNING.parse().unwrap()); 11]);
    }

    #[test]
    fn a_poll_that_fails_is_counted_and_the_next_one_heard() {
        let fails = || Heard::Failed("no answer".to_owned());
        let (followed, lines, script) = watched(vec![fails, quiet, quiet, fails, quiet], 4, Duration::MAX);
        assert_eq!((followed.polls, followed.failed), (5, 2));
        assert!(followed.newest.is_some());
        assert_eq!(lines.len(), 4, "{lines:?}");
        // The database's clock was first heard after a minute, so the watch began a minute before.
        assert_eq!(script.asked.last().unwrap().unwrap(), "2026-11-27T08:59:00Z".parse::<Timestamp>().unwrap());
    }

    #[test]
    fn minutes_without_a_token_are_no_failures_of_the_deployment() {
        let none = || Heard::NoToken("expired".to_owned());
        let (followed, lines, _) = watched(vec![quiet, quiet, none, none, quiet], 3, Duration::MAX);
        assert_eq!((followed.polls, followed.failed, followed.without_token), (2, 0, 2));
        assert_eq!(lines.iter().filter(|line| line.contains("no token")).count(), 1, "told at once, and once");
    }

    #[test]
    fn it_ends_at_once_where_nothing_will_change_and_when_it_is_interrupted() {
        let over = || Heard::Over("no operator".to_owned());
        let (followed, _, script) = watched(vec![over], 1_440, Duration::MAX);
        assert_eq!((followed.over.as_deref(), script.asked.len()), (Some("no operator"), 1));
        let (followed, _, _) = watched(vec![quiet], 1_440, Duration::from_secs(150));
        assert_eq!((followed.polls, followed.newest.is_some()), (3, true));
        assert_eq!(followed.over.as_deref(), Some("it was interrupted"), "a minute is no day");
    }

    #[test]
    fn time_of_which_nothing_was_heard_was_not_watched() {
        let (fails, none) = (|| Heard::Failed("no answer".to_owned()), || Heard::NoToken("expired".to_owned()));
        // The token of a watch of a day is good for an hour.
        let mut answers = vec![quiet as fn() -> Heard; 61];
        answers.push(none);
        let (followed, _, _) = watched(answers, 1_440, Duration::MAX);
        assert_eq!((followed.failed, followed.newest.is_some()), (0, true));
        assert_eq!(followed.over.as_deref(), Some("nothing was heard of its last 1381 minutes"));
        // The first is the question for the database's time, and the last two or three are not answered.
        let (followed, _, _) = watched(vec![quiet, quiet, quiet, quiet, fails, fails], 4, Duration::MAX);
        assert_eq!((followed.failed, followed.over), (2, None));
        let (followed, _, _) = watched(vec![quiet, quiet, quiet, fails, fails, fails], 4, Duration::MAX);
        assert_eq!((followed.failed, followed.over.as_deref()), (3, Some("nothing was heard of its last 3 minutes")));
        let (followed, _, _) = watched(vec![fails], 4, Duration::MAX);
        assert!(followed.over.is_some() && followed.newest.is_none());
    }

    #[test]
    fn a_job_that_was_silent_for_a_while_is_remembered() {
        let silent = || Heard::Summary(Box::new(summary(|it| it["jobs"][0]["is_silent"] = json!(true))));
        let (followed, _, _) = watched(vec![quiet, quiet, silent, quiet], 5, Duration::MAX);
        assert_eq!(followed.silent_jobs.iter().collect::<Vec<_>>(), ["recover-runs"]);
    }
}
