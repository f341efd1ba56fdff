//! Whether every target of the checklist held.

use std::fmt;

use oslira_app::features::alarms::AlarmLimits;
use oslira_app::features::diagnostics::{HealthSummary, RunHealth};

use super::follow::Followed;

/// An event of Stripe's may be on its way when the watch ends; one that has waited for longer is not being applied.
const EVENT_WAIT_MAX_S: u64 = 300;
/// One poll in so many may fail.
const POLLS_OF_ONE_FAILURE: u32 = 100;

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Held,
    Missed,
    /// There was nothing to judge it by.
    NotJudged,
}

impl Outcome {
    const fn of(is_held: bool) -> Self {
        if is_held { Self::Held } else { Self::Missed }
    }

    /// Each as long as the others.
    const fn words(self) -> &'static str {
        match self {
            Self::Held => "held      ",
            Self::Missed => "MISSED    ",
            Self::NotJudged => "not judged",
        }
    }
}

/// One target: what it is, what was found, and what that makes of it.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    what: String,
    found: String,
    outcome: Outcome,
}

/// All targets, and what else whoever watched wants to know.
#[derive(Debug)]
pub struct Verdict {
    targets: Vec<Target>,
    notes: Vec<String>,
    /// Whether any analysis ended: without one a watch says nothing of what customers buy.
    has_analyses: bool,
    /// Why not all of its time was watched.
    over: Option<String>,
}

impl Verdict {
    /// Whether all of it was watched, with an analysis, and no target was missed.
    pub fn is_held(&self) -> bool {
        self.over.is_none() && self.has_analyses && !self.is_missed()
    }

    fn is_missed(&self) -> bool {
        self.targets.iter().any(|target| target.outcome == Outcome::Missed)
    }

    fn in_short(&self) -> &'static str {
        match (self.is_missed(), self.is_held()) {
            (true, _) => "NOT every target held",
            (false, true) => "every target held",
            (false, false) => "no target was missed, but NOT all was judged",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Target { what, found, outcome } in &self.targets {
            writeln!(out, "  {}  {what}: {found}", outcome.words())?;
        }
        for note in &self.notes {
            writeln!(out, "              {note}")?;
        }
        if let Some(over) = &self.over {
            writeln!(out, "not all of it was watched: {over}")?;
        }
        writeln!(out, "{}", self.in_short())
    }
}

/// Judges what was seen.
pub fn of(followed: &Followed) -> Verdict {
    let mut targets = Vec::new();
    let mut notes = Vec::new();
    let has_analyses = followed.newest.as_ref().is_some_and(|summary| count_judged(&summary.runs) > 0);
    if let Some(summary) = &followed.newest {
        notes.push(format!("from {:.0} to {:.0}, by the database's clock", summary.since, summary.until));
        targets.extend(of_summary(summary));
        targets.push(Target {
            what: "every job has run in its time".to_owned(),
            found: match followed.silent_jobs.len() {
                0 => "none was silent".to_owned(),
                _ => format!("silent: {}", join(followed.silent_jobs.iter().map(String::as_str))),
            },
            outcome: Outcome::of(followed.silent_jobs.is_empty()),
        });
        notes.extend(further(summary));
    }
    let Followed { polls, failed, without_token, .. } = *followed;
    targets.push(Target {
        what: format!("at most 1 in {POLLS_OF_ONE_FAILURE} polls failed"),
        found: format!("{failed} of {polls}"),
        // With none answered, nothing was watched.
        outcome: Outcome::of(followed.newest.is_some() && failed * POLLS_OF_ONE_FAILURE <= polls),
    });
    if without_token > 0 {
        notes.push(format!(
            "{without_token} times there was no good token to ask with; what happened before a later answer is counted all the same"
        ));
    }
    Verdict { targets, notes, has_analyses, over: followed.over.clone() }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn of_summary(summary: &HealthSummary) -> Vec<Target> {
    let limits = AlarmLimits::default();
    let mut targets = vec![success(&summary.runs, limits.success_min)];
    for run in &summary.runs {
        let kind = run.analysis_type.as_str();
        let most = limits.p95_max_s.get(kind).copied().unwrap_or_default();
        let found = run.p95_ms.map_or_else(
            || "none to judge by".to_owned(),
            |p95| format!("{:.1} s of {} complete", p95 as f64 / 1_000.0, run.complete),
        );
        let outcome = run.p95_ms.map_or(Outcome::NotJudged, |p95| Outcome::of(p95 as f64 <= most * 1_000.0));
        targets.push(Target { what: format!("95 of 100 {kind} within {most} s"), found, outcome });
    }
    let events = summary.webhooks;
    targets.push(Target {
        what: "every event of Stripe's is applied".to_owned(),
        found: match events.unapplied {
            0 => "none waits".to_owned(),
            unapplied => format!("{unapplied} wait, the oldest for {} s", events.oldest_wait_s),
        },
        outcome: Outcome::of(events.unapplied == 0 || events.oldest_wait_s <= EVENT_WAIT_MAX_S),
    });
    let dead = summary.dead_letters.iter().map(|letters| format!("{} in {}", letters.messages, letters.queue));
    let dead: Vec<String> = dead.collect();
    targets.push(Target {
        what: "no dead letter".to_owned(),
        found: if dead.is_empty() { "none".to_owned() } else { dead.join(", ") },
        outcome: Outcome::of(dead.is_empty()),
    });
    targets
}

/// As the insights count it: what was cancelled, and what a profile is to blame for, is left out.
fn count_judged(runs: &[RunHealth]) -> u64 {
    runs.iter().map(|run| run.complete + run.failed_by_us).sum()
}

fn success(runs: &[RunHealth], least: f64) -> Target {
    let complete: u64 = runs.iter().map(|run| run.complete).sum();
    let counted = count_judged(runs);
    let share = complete as f64 / counted.max(1) as f64;
    Target {
        what: format!("{:.0} of 100 analyses succeed", least * 100.0),
        found: match counted {
            0 => "none has ended; run `cargo xtask canary` while it watches".to_owned(),
            _ => format!("{complete} of {counted} ({:.2} %)", share * 100.0),
        },
        outcome: if counted == 0 { Outcome::NotJudged } else { Outcome::of(share >= least) },
    }
}

/// What is no target, and worth a look.
fn further(summary: &HealthSummary) -> Vec<String> {
    let mut notes = Vec::new();
    let refunded: u64 = summary.runs.iter().map(|run| run.refunded).sum();
    if refunded > 0 {
        notes.push(format!("{refunded} analyses were refunded"));
    }
    let troubled = summary.jobs.iter().filter(|job| job.failed + job.died > 0);
    notes.extend(troubled.map(|job| format!("{} failed {} times, and died {} times", job.job, job.failed, job.died)));
    if summary.webhooks.unapplied_before > 0 {
        notes.push(format!("{} events of Stripe's wait from before", summary.webhooks.unapplied_before));
    }
    notes.extend(summary.alarms.iter().map(|alarm| {
        let name = format!("{} {}", alarm.alarm, alarm.subject);
        let end = alarm.closed_at.map_or_else(|| "open".to_owned(), |at| format!("over at {at:.0}"));
        format!(
            "alarm {}: {} against {}, since {:.0}, {end}",
            name.trim(),
            alarm.value,
            alarm.threshold,
            alarm.opened_at
        )
    }));
    notes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::follow::tests::summary;
    use super::*;

    /// A change of a summary in which every target is held.
    type Change = fn(&mut Value);

    /// A summary in which `change` differs from one of a hundred LIGHT.
    fn bought(change: impl FnOnce(&mut Value)) -> HealthSummary {
        summary(|it| {
            (it["runs"][0]["complete"], it["runs"][0]["p95_ms"]) = (json!(100), json!(6_140));
            change(it);
        })
    }

    fn judged(change: impl FnOnce(&mut Value)) -> Verdict {
        of(&Followed { polls: 100, failed: 1, newest: Some(bought(change)), ..Followed::default() })
    }

    fn those(verdict: &Verdict, outcome: Outcome) -> Vec<&str> {
        verdict.targets.iter().filter(|target| target.outcome == outcome).map(|target| target.what.as_str()).collect()
    }

    fn missed(verdict: &Verdict) -> Vec<&str> {
        those(verdict, Outcome::Missed)
    }

    #[test]
    fn a_deployment_in_order_and_one_at_its_limits_hold_every_target() {
        assert!(judged(|_| {}).is_held());
        let verdict = judged(|it| {
            (it["runs"][0]["complete"], it["runs"][0]["failed_by_us"]) = (json!(99), json!(1));
            it["runs"][0]["p95_ms"] = json!(11_000);
            it["runs"][2]["p95_ms"] = json!(25_000);
            it["webhooks"] = json!({ "unapplied": 1, "oldest_wait_s": 300, "unapplied_before": 7 });
            it["jobs"][0]["failed"] = json!(1);
        });
        assert!(verdict.is_held(), "{verdict}");
        let text = verdict.to_string();
        assert!(text.contains("99 of 100 (99.00 %)") && text.ends_with("every target held\n"), "{text}");
        assert!(text.contains("recover-runs failed 1 times") && text.contains("7 events of Stripe's wait from before"));
    }

    #[test]
    fn each_target_can_be_missed() {
        let changes: [(Change, &str); 6] = [
            (|it| it["runs"][1]["failed_by_us"] = json!(2), "99 of 100 analyses succeed"),
            (|it| it["runs"][0]["p95_ms"] = json!(11_001), "95 of 100 LIGHT within 11 s"),
            (|it| it["runs"][1]["p95_ms"] = json!(25_001), "95 of 100 DEEP within 25 s"),
            (|it| it["runs"][2]["p95_ms"] = json!(25_001), "95 of 100 XRAY within 25 s"),
            (
                |it| it["webhooks"] = json!({ "unapplied": 1, "oldest_wait_s": 301, "unapplied_before": 0 }),
                "every event of Stripe's is applied",
            ),
            (
                |it| it["dead_letters"] = json!([{ "queue": "q", "messages": 1, "last_at": "2026-11-27T09:00:00Z" }]),
                "no dead letter",
            ),
        ];
        for (change, target) in changes {
            let verdict = judged(change);
            assert_eq!((missed(&verdict), verdict.is_held()), (vec![target], false));
            assert!(verdict.to_string().ends_with("NOT every target held\n"));
        }
    }

    #[test]
    fn a_type_that_nobody_bought_is_not_judged_and_a_watch_without_any_analysis_is_no_success() {
        let verdict = judged(|_| {});
        let latencies = ["95 of 100 DEEP within 25 s", "95 of 100 XRAY within 25 s"];
        assert_eq!((those(&verdict, Outcome::NotJudged), verdict.is_held()), (latencies.to_vec(), true));
        assert!(
            verdict.to_string().contains("  not judged  95 of 100 XRAY within 25 s: none to judge by"),
            "{verdict}"
        );
        let verdict = of(&Followed { polls: 100, newest: Some(summary(|_| {})), ..Followed::default() });
        assert_eq!((missed(&verdict).len(), verdict.is_held()), (0, false));
        let text = verdict.to_string();
        assert!(
            text.contains("  not judged  99 of 100 analyses succeed: none has ended; run `cargo xtask canary`"),
            "{text}"
        );
        assert!(text.ends_with("no target was missed, but NOT all was judged\n"), "{text}");
    }

    #[test]
    fn silent_jobs_failed_polls_and_a_watch_that_was_cut_short_are_no_success() {
        let of_polls =
            |polls, failed| of(&Followed { polls, failed, newest: Some(bought(|_| {})), ..Followed::default() });
        assert!(of_polls(100, 1).is_held() && !of_polls(99, 1).is_held() && !of_polls(1_440, 15).is_held());
        let silent = ["clean-up".to_owned()].into();
        let followed = Followed { polls: 9, newest: Some(bought(|_| {})), silent_jobs: silent, ..Followed::default() };
        let verdict = of(&followed);
        assert_eq!(missed(&verdict), ["every job has run in its time"]);
        let over = Some("the token has expired".to_owned());
        let verdict = of(&Followed { polls: 9, newest: Some(bought(|_| {})), over, ..Followed::default() });
        assert!(!verdict.is_held() && missed(&verdict).is_empty(), "{verdict}");
        assert!(verdict.to_string().contains("not all of it was watched: the token has expired"), "{verdict}");
        assert!(verdict.to_string().ends_with("but NOT all was judged\n"), "{verdict}");
        assert!(!of(&Followed::default()).is_held(), "nothing was heard");
    }
}
