//! What the demo does: four analyses at once, one of them again, then the balance and the ledger.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{Api, Run, Transaction};
use crate::demo::live::Live;
use crate::stack::Document;

/// Three profiles with recorded data in the sandbox, and one that does not exist.
const USERNAMES: [&str; 4] = ["nasa", "frcsurat", "apifytech", "notfound_example"];
const MISSING: &str = "notfound_example";
const AGAIN: &str = "nasa";

const POLL_EVERY: Duration = Duration::from_millis(500);
const RUN_MAX: Duration = Duration::from_secs(180);

/// One finished run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    pub username: String,
    pub run_id: String,
    pub status: String,
    /// 0 to 100, when complete.
    pub score: Option<i64>,
    /// The facts and rules behind the score.
    pub evidence: Value,
    /// The model's reasons, each with what shows it.
    pub reasons: Value,
    /// The judgement in a sentence or two.
    pub summary: Option<String>,
    /// Whose model judged; `sandbox` here.
    pub provider: Option<String>,
    /// The run's price.
    pub credits: i64,
    /// What became of the charge.
    pub charge_outcome: Option<String>,
    /// Whether the profile came from the cache.
    pub cache_hit: bool,
    pub error: Option<Value>,
    /// In milliseconds: `accepted_ms` and `total_ms`.
    pub timings: Value,
}

/// The balance before the first analysis and after the last.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Credits {
    pub before: i64,
    pub after: i64,
}

#[derive(Debug, Serialize)]
pub struct Report {
    /// The four runs in order, then the repeated one.
    pub runs: Vec<RunReport>,
    pub credits: Credits,
    /// All entries of the ledger, oldest first.
    pub ledger: Vec<Transaction>,
    /// In milliseconds.
    pub timings: Value,
}

/// Plays the scenario against a running stack.
pub fn play(stack: &Document, started: Instant) -> Result<Report> {
    let api = Api::new(stack);
    let stack_ms = millis(started);
    let before = api.balance()?;
    let first = Instant::now();
    let mut runs = analyze_all(&api, &USERNAMES)?;
    let analyses_ms = millis(first);
    let second = Instant::now();
    runs.extend(analyze_all(&api, &[AGAIN])?);
    let again_ms = millis(second);
    let credits = Credits { before, after: api.balance()? };
    let ledger = api.ledger()?;
    let timings = json!({
        "stack_ms": stack_ms,
        "analyses_ms": analyses_ms,
        "cached_analysis_ms": again_ms,
        "total_ms": millis(started),
    });
    Ok(Report { runs, credits, ledger, timings })
}

/// Runs all analyses at once; the reports are in the order of the names.
fn analyze_all(api: &Api, usernames: &[&str]) -> Result<Vec<RunReport>> {
    let live = &Live::new(usernames);
    std::thread::scope(|scope| {
        let working: Vec<_> = usernames
            .iter()
            .enumerate()
            .map(|(index, username)| scope.spawn(move || analyze(api, username, live, index)))
            .collect();
        working.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread of the demo panicked"))?).collect()
    })
}

fn analyze(api: &Api, username: &str, live: &Live, index: usize) -> Result<RunReport> {
    let started = Instant::now();
    let run_id = api.analyze(username, "LIGHT")?.run_id;
    let accepted_ms = millis(started);
    loop {
        let progress = api.progress(&run_id)?;
        live.show(index, &progress);
        if progress.is_final() {
            break;
        }
        if started.elapsed() > RUN_MAX {
            bail!("the analysis of {username} did not end within {} s (run {run_id})", RUN_MAX.as_secs());
        }
        std::thread::sleep(POLL_EVERY);
    }
    let total_ms = millis(started);
    let run = api.run(&run_id).with_context(|| format!("the run of {username} cannot be read"))?;
    Ok(report(run, json!({"accepted_ms": accepted_ms, "total_ms": total_ms})))
}

fn report(run: Run, timings: Value) -> RunReport {
    let result = run.result.unwrap_or_default();
    let text = |field: &str| result.get(field).and_then(Value::as_str).map(str::to_owned);
    let list = |field: &str| result.get(field).cloned().unwrap_or_else(|| json!([]));
    RunReport {
        score: result.get("score").and_then(Value::as_i64),
        evidence: list("evidence"),
        reasons: list("reasons"),
        summary: text("summary"),
        provider: text("provider"),
        username: run.username,
        run_id: run.id,
        status: run.status,
        credits: run.credits,
        charge_outcome: run.charge_outcome,
        cache_hit: run.cache_hit.unwrap_or(false),
        error: run.error,
        timings,
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Everything in the report that differs from the expected course, as sentences.
pub fn surprises(report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    for run in &report.runs {
        let wanted = if run.username == MISSING { "failed" } else { "complete" };
        if run.status != wanted {
            found.push(format!("{} is {} instead of {wanted}", run.username, run.status));
        }
        if wanted == "complete" && run.score.is_none() {
            found.push(format!("{} has no score", run.username));
        }
    }
    if !report.runs.last().is_some_and(|run| run.cache_hit) {
        found.push(format!("the second analysis of {AGAIN} did not hit the cache"));
    }
    let missing_run = report.runs.iter().find(|run| run.username == MISSING).map(|run| run.run_id.as_str());
    let is_refund = |entry: &&Transaction| entry.kind == "refund" && entry.run_id.as_deref() == missing_run;
    if report.ledger.iter().filter(is_refund).count() != 1 {
        found.push(format!("{MISSING} was not refunded exactly once"));
    }
    // Only complete runs cost anything in the end; a failed one was refunded.
    let earned: i64 = report.runs.iter().filter(|run| run.status == "complete").map(|run| run.credits).sum();
    if report.credits.before - earned != report.credits.after {
        let Credits { before, after } = report.credits;
        found.push(format!("{before} credits less {earned} for the results are not the {after} that are left"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(username: &str, status: &str, cache_hit: bool) -> RunReport {
        let result = (status == "complete").then(|| json!({"score": 50}));
        let run = Run {
            id: format!("run-{username}"),
            username: username.to_owned(),
            status: status.to_owned(),
            credits: 1,
            charge_outcome: None,
            cache_hit: Some(cache_hit),
            error: None,
            result,
            finished_at: None,
        };
        report(run, Value::Null)
    }

    fn refund(run_id: &str) -> Transaction {
        Transaction {
            kind: "refund".to_owned(),
            amount: 1,
            balance_after: 99,
            run_id: Some(run_id.to_owned()),
            description: None,
            created_at: None,
        }
    }

    fn as_promised() -> Report {
        Report {
            runs: vec![run("nasa", "complete", false), run(MISSING, "failed", false), run(AGAIN, "complete", true)],
            credits: Credits { before: 100, after: 98 },
            ledger: vec![refund("run-notfound_example")],
            timings: Value::Null,
        }
    }

    #[test]
    fn the_promised_course_is_no_surprise() {
        assert_eq!(surprises(&as_promised()), Vec::<String>::new());
    }

    #[test]
    fn a_double_refund_is_one() {
        let mut report = as_promised();
        report.ledger.push(refund("run-notfound_example"));
        assert_eq!(surprises(&report).len(), 1);
    }

    #[test]
    fn a_lost_credit_and_a_missed_cache_are_two() {
        let mut report = as_promised();
        report.credits.after = 97;
        report.runs.pop();
        report.runs.push(run(AGAIN, "complete", false));
        assert_eq!(surprises(&report).len(), 2);
    }
}
