//! Analyses of every type, cold and from the cache: their total time, the share of it that is Oslira's own (overhead),
//! and the cost of the models.
//!
//! The total runs from just before the request is sent to `finished_at`, written in the transaction that stores the
//! result. The providers' critical path, measured by the sandbox, is the slowest actor run plus the slowest AI call,
//! since actor runs go side by side and so do AI calls. Overhead is the rest: HTTP, database, steps, objects, waiting.
//! The times can be subtracted because database, sandbox and benchmark share this machine's clock.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::metric::{Metric, Report, median};
use super::{Bench, overlaps};
use crate::api::Api;
use crate::http::Http;
use crate::postgres::{PgUrl, database::with_client};

/// As often as a front end polls. The results do not depend on it, because the database writes `finished_at`.
const POLL_EVERY: Duration = Duration::from_secs(1);
const RUN_MAX: Duration = Duration::from_secs(120);

/// The sandbox counts one token per four bytes.
const BYTES_PER_TOKEN: f64 = 4.0;

/// A type of analysis, and how its metrics are named.
pub struct Kind {
    metric: &'static str,
    /// As the API writes it.
    pub analysis_type: &'static str,
    /// A letter in the usernames, so that each type has profiles of its own.
    purpose: &'static str,
    /// Customers who work at the same time; each analyses one profile after the other.
    lanes: usize,
}

/// One AI call over twelve posts.
pub const LIGHT: Kind = Kind { metric: "light", analysis_type: "LIGHT", purpose: "a", lanes: 1 };

/// DEEP and XRAY take about half a minute each, nearly all of it waiting, so that four at once hardly disturb each
/// other.
const KINDS: [Kind; 3] = [
    LIGHT,
    Kind { metric: "deep", analysis_type: "DEEP", purpose: "b", lanes: 4 },
    Kind { metric: "xray", analysis_type: "XRAY", purpose: "c", lanes: 4 },
];

struct Measured {
    total_ms: f64,
    overhead_ms: f64,
    ai_usd: f64,
    /// Tokens of the answer schemas and system messages, which are the same in every analysis for a business.
    prefix_tokens: f64,
    /// How many of those tokens the providers read from their caches.
    cached_tokens: f64,
}

/// The analyses of one customer.
#[derive(Default)]
struct Lane {
    /// The customer's first: no provider has cached the prefix of this business yet.
    first: Vec<Measured>,
    cold: Vec<Measured>,
    cached: Vec<Measured>,
}

pub const NAMES: [&str; 8] = [
    "light.cold.",
    "light.cached.",
    "deep.cold.",
    "deep.cached.",
    "xray.cold.",
    "xray.cached.",
    "ai.cost_usd",
    "prompt.",
];

/// Measures the requested types: `runs` analyses of new profiles, and each of them again from the cache.
pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    // The metrics about all types together need all types, whatever else was asked for.
    let about_all = ["ai.", "prompt."].into_iter().any(|name| !bench.only.is_empty() && overlaps(name, bench.only));
    let (mut cached_tokens, mut prefix_tokens) = (0.0, 0.0);
    for kind in &KINDS {
        if !about_all && !["cold", "cached"].iter().any(|name| bench.wants(&format!("{}.{name}.", kind.metric))) {
            continue;
        }
        let measured = lanes(bench, kind)?;
        for (name, runs) in [("cold", &measured.cold), ("cached", &measured.cached)] {
            let of =
                |pick: fn(&Measured) -> f64| median(&runs.iter().map(pick).collect::<Vec<_>>()).unwrap_or_default();
            report.add(Metric::s(format!("{}.{name}.total_s.p50", kind.metric), of(|run| run.total_ms) / 1_000.0));
            report.add(Metric::ms(format!("{}.{name}.overhead_ms.p50", kind.metric), of(|run| run.overhead_ms)));
        }
        report.add(Metric::usd(format!("ai.cost_usd.{}", kind.metric), mean_usd(&measured.cold)));
        report.add(Metric::usd(format!("ai.cost_usd_no_prefix.{}", kind.metric), mean_usd(&measured.first)));
        cached_tokens += measured.cold.iter().map(|run| run.cached_tokens).sum::<f64>();
        prefix_tokens += measured.cold.iter().map(|run| run.prefix_tokens).sum::<f64>();
    }
    if prefix_tokens > 0.0 {
        report.add(Metric::share("prompt.prefix_cached_share", cached_tokens / prefix_tokens));
    }
    Ok(())
}

fn mean_usd(runs: &[Measured]) -> f64 {
    runs.iter().map(|run| run.ai_usd).sum::<f64>() / runs.len().max(1) as f64
}

/// Runs the lanes of one type side by side, each with its own customer and its share of the runs.
fn lanes(bench: &Bench<'_>, kind: &Kind) -> Result<Lane> {
    eprintln!("  {} {} analyses, cold and cached, {} at a time …", bench.runs, kind.analysis_type, kind.lanes);
    let runs = bench.runs as usize;
    let mut all = Lane::default();
    std::thread::scope(|scope| {
        let working: Vec<_> =
            (0..kind.lanes).map(|number| scope.spawn(move || lane(bench, kind, number, runs))).collect();
        for thread in working {
            let lane = thread.join().map_err(|_| anyhow!("a thread of the benchmark panicked"))??;
            all.first.extend(lane.first);
            all.cold.extend(lane.cold);
            all.cached.extend(lane.cached);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(all)
}

fn lane(bench: &Bench<'_>, kind: &Kind, number: usize, runs: usize) -> Result<Lane> {
    let api = bench.customers.mint()?;
    let username = |run: usize| bench.customers.username(kind.purpose, 1_000 * number + run);
    let mut lane = Lane::default();
    // A customer's first analysis is measured apart: an isolate's first also compiles the module and opens connections.
    lane.first.push(one(bench, &api, kind, &username(0)?, false)?);
    for run in (1..=runs).filter(|run| run % kind.lanes == number) {
        lane.cold.push(one(bench, &api, kind, &username(run)?, false)?);
        lane.cached.push(one(bench, &api, kind, &username(run)?, true)?);
    }
    Ok(lane)
}

fn one(bench: &Bench<'_>, api: &Api, kind: &Kind, username: &str, cached: bool) -> Result<Measured> {
    let asked = Timestamp::now();
    let run = api.analyze(username, kind.analysis_type)?.run_id;
    wait_for_end(api, &run)?;
    let run = api.run(&run)?;
    if run.status != "complete" || run.cache_hit != Some(cached) {
        bail!("the analysis of {username} ended as {}, cache hit {:?}: {:?}", run.status, run.cache_hit, run.error);
    }
    let finished: Timestamp = run.finished_at.context("a finished run without finished_at")?.parse()?;
    let total_ms = finished.duration_since(asked).as_secs_f64() * 1_000.0;
    let after_ms = asked.as_millisecond();
    let scrape_ms = if cached { 0.0 } else { slowest(&calls(bench, "apify.run", username, after_ms)?)? };
    let questions = calls(bench, "openai.chat", username, after_ms)?;
    let cost = cost(bench, &run.id)?;
    let answers = cost.get("calls").and_then(Value::as_array).context("an analysis without calls")?;
    let cached_of = |name: &Value| {
        let call = answers.iter().find(|call| call.get("call") == Some(name));
        call.and_then(|call| call.get("cached_tokens")).and_then(Value::as_f64).unwrap_or(0.0)
    };
    let prefixes: Vec<(f64, f64)> = questions
        .iter()
        .map(|question| {
            let prefix = prefix_tokens(question);
            let name = question.pointer("/body/response_format/json_schema/name").unwrap_or(&Value::Null);
            // The sandbox may also have cached the beginning of a profile that was judged before; only the prefix
            // counts.
            (prefix, cached_of(name).min(prefix))
        })
        .collect();
    Ok(Measured {
        total_ms,
        overhead_ms: total_ms - scrape_ms - slowest(&questions)?,
        ai_usd: cost.get("ai_microusd").and_then(Value::as_f64).context("an analysis without costs")? / 1e6,
        prefix_tokens: prefixes.iter().map(|(prefix, _)| prefix).sum(),
        cached_tokens: prefixes.iter().map(|(_, cached)| cached).sum(),
    })
}

/// What operators are told that a run cost; the API does not say it.
pub fn cost(bench: &Bench<'_>, run: &str) -> Result<Value> {
    with_client(&PgUrl::parse(&bench.stack.database_url)?, async |client| {
        let row = client.query_one("select cost from analyses where run_id = $1::text::uuid", &[&run]).await?;
        Ok(row.try_get(0)?)
    })
}

/// Waits until a run is complete, failed or cancelled.
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

/// The calls to a sandbox target about a profile that started at `after_ms` or later.
pub fn calls(bench: &Bench<'_>, target: &str, username: &str, after_ms: i64) -> Result<Vec<Value>> {
    let url = format!("{}/control/received?target={target}&match={username}", bench.stack.sandbox_url);
    let mut answer = Http::new(Duration::from_secs(5)).get(&url, Some(&bench.stack.sandbox_token))?;
    let calls = answer.body.get_mut("calls").map(Value::take).context("the sandbox's answer has no calls")?;
    let mut calls: Vec<Value> = serde_json::from_value(calls)?;
    calls.retain(|call| call.get("started_at_ms").and_then(Value::as_i64).is_some_and(|at| at >= after_ms));
    Ok(calls)
}

/// How long the slowest of these calls took, in milliseconds.
pub fn slowest(calls: &[Value]) -> Result<f64> {
    let took = calls.iter().filter_map(|call| call.get("duration_ms").and_then(Value::as_f64));
    took.reduce(f64::max).context("the sandbox saw no finished call")
}

fn prefix_tokens(question: &Value) -> f64 {
    let bytes = match question.pointer("/body/messages/0/content") {
        Some(Value::String(text)) => text.len(),
        // Models with explicit breakpoints take the message in parts.
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.map(str::len).sum()
        }
        _ => 0,
    };
    let schema = question.pointer("/body/response_format/json_schema/schema").map(Value::to_string);
    (bytes + schema.unwrap_or_default().len()) as f64 / BYTES_PER_TOKEN
}
