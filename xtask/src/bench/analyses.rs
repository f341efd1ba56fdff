//! Analyses one after the other, cold and from the cache: how long in all, and how much of that is ours.
//!
//! The total is from the moment before the request is sent to `finished_at`, written in the transaction that stores the
//! result. The providers' critical path is what the sandbox's own clock says: the slowest actor run plus the slowest AI
//! call, since those of one kind run side by side. Overhead is the rest: HTTP, database, steps, objects, waiting. Database,
//! sandbox and benchmark share this machine's clock.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::Bench;
use super::metric::{Metric, Report, median};
use crate::api::Api;
use crate::http::Http;

/// As a front end polls.
const POLL_EVERY: Duration = Duration::from_secs(1);
const RUN_MAX: Duration = Duration::from_secs(120);

/// A kind of analysis, and what its metrics begin with.
pub struct Kind {
    /// The metrics' prefix.
    pub metric: &'static str,
    /// As the API writes it.
    pub analysis_type: &'static str,
}

/// One AI call over twelve posts.
pub const LIGHT: Kind = Kind { metric: "light", analysis_type: "LIGHT" };

/// Times of one analysis, in milliseconds.
struct Timing {
    total: f64,
    overhead: f64,
}

/// Measures `runs` analyses of new profiles, and each again from the cache.
pub fn measure(bench: &Bench<'_>, kind: &Kind, report: &mut Report) -> Result<()> {
    let api = bench.customers.mint()?;
    let (mut cold, mut cached) = (Vec::new(), Vec::new());
    // The first analysis of an isolate also compiles and connects: everybody's second is what is measured.
    one(bench, &api, kind, &bench.customers.username("w", 0)?, false)?;
    for number in 0..bench.runs as usize {
        eprint!("\r  {} analyses: {number} of {}", kind.analysis_type, bench.runs);
        let username = bench.customers.username("a", number)?;
        cold.push(one(bench, &api, kind, &username, false)?);
        cached.push(one(bench, &api, kind, &username, true)?);
    }
    eprint!("\r\x1b[K");
    for (name, timings) in [("cold", &cold), ("cached", &cached)] {
        let of = |pick: fn(&Timing) -> f64| median(&timings.iter().map(pick).collect::<Vec<_>>()).unwrap_or_default();
        report.add(Metric::s(format!("{}.{name}.total_s.p50", kind.metric), of(|timing| timing.total) / 1_000.0));
        report.add(Metric::ms(format!("{}.{name}.overhead_ms.p50", kind.metric), of(|timing| timing.overhead)));
    }
    Ok(())
}

fn one(bench: &Bench<'_>, api: &Api, kind: &Kind, username: &str, cached: bool) -> Result<Timing> {
    let asked = Timestamp::now();
    let run = api.analyze(username, kind.analysis_type)?.run_id;
    wait_for_end(api, &run)?;
    let run = api.run(&run)?;
    if run.status != "complete" || run.cache_hit != Some(cached) {
        bail!("the analysis of {username} ended as {}, cache hit {:?}: {:?}", run.status, run.cache_hit, run.error);
    }
    let finished: Timestamp = run.finished_at.context("a finished run without finished_at")?.parse()?;
    let total = finished.duration_since(asked).as_secs_f64() * 1_000.0;
    let after = asked.as_millisecond();
    let scrape = if cached { 0.0 } else { slowest(bench, "apify.run", username, after)? };
    let judged = slowest(bench, "openai.chat", username, after)?;
    Ok(Timing { total, overhead: total - scrape - judged })
}

/// Waits until a run has ended, however it did.
pub fn wait_for_end(api: &Api, run: &str) -> Result<()> {
    let started = Instant::now();
    while !api.progress(run)?.is_final() {
        if started.elapsed() > RUN_MAX {
            bail!("run {run} has not ended after {} s", RUN_MAX.as_secs());
        }
        std::thread::sleep(POLL_EVERY);
    }
    Ok(())
}

/// The longest call of this target about this profile since a moment, by the sandbox's clock.
fn slowest(bench: &Bench<'_>, target: &str, username: &str, after_ms: i64) -> Result<f64> {
    let url = format!("{}/control/received?target={target}&match={username}", bench.stack.sandbox_url);
    let answer = Http::new(Duration::from_secs(5)).get(&url, None)?;
    let calls = answer.body.get("calls").and_then(Value::as_array).context("the sandbox tells no calls")?;
    calls
        .iter()
        .filter(|call| call.get("started_at_ms").and_then(Value::as_i64).is_some_and(|at| at >= after_ms))
        .filter_map(|call| call.get("duration_ms").and_then(Value::as_f64))
        .reduce(f64::max)
        .with_context(|| format!("the sandbox saw no finished {target} about {username}"))
}
