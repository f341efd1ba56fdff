//! Many analyses at once: a bulk of a hundred, a customer who comes behind it, a hundred customers, and how many actor runs there ever
//! were at the same time.

use std::{cell::Cell, thread::sleep, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::metric::{Metric, Report, median};
use super::{Bench, analyses, concurrent};
use crate::api::Api;
use crate::http::Http;
use crate::postgres::{PgUrl, database::with_client};

const LINES: usize = 100;
/// Analyses that nothing disturbs, to compare with.
const ALONE: usize = 3;
/// So long after the bulk comes the other customer: by then it holds every lease.
const BEHIND: Duration = Duration::from_millis(1_500);
/// A bulk of a hundred takes a quarter of a minute.
const BULK_MAX: Duration = Duration::from_secs(120);

const BULK: &str = "bulk100.light.total_s";
const BEHIND_BULK: &str = "fairness.single_behind_bulk_extra_s";
const CONCURRENT: &str = "concurrent100.light.ratio_to_limit";
const PEAK: &str = "scrape.peak_concurrency";

pub const NAMES: [&str; 4] = [BULK, BEHIND_BULK, CONCURRENT, PEAK];

/// Measures what was asked for, and all of it for the peak.
pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let wants = |name| bench.wants(name) || bench.wants(PEAK);
    let single = Single { api: bench.customers.mint()?, number: Cell::new(0) };
    // The first analysis of an isolate also compiles the module.
    single.total_s(bench)?;
    if wants(BULK) {
        eprintln!("  a bulk of {LINES} LIGHT analyses …");
        report.add(Metric::s(BULK, bulk(bench, "p")?));
    }
    if wants(BEHIND_BULK) {
        report.add(Metric::s(BEHIND_BULK, behind_bulk_extra_s(bench, &single)?));
    }
    if wants(CONCURRENT) {
        report.add(Metric::ratio(CONCURRENT, concurrent::ratio_to_limit(bench)?));
    }
    report.add(Metric::count(PEAK, peak(bench)?));
    Ok(())
}

/// How much longer a single analysis takes that comes behind another account's bulk, than alone.
fn behind_bulk_extra_s(bench: &Bench<'_>, single: &Single) -> Result<f64> {
    eprintln!("  a bulk of {LINES} LIGHT analyses with a single one behind it …");
    let alone: Vec<f64> = (0..ALONE).map(|_| single.total_s(bench)).collect::<Result<_>>()?;
    let behind_s = std::thread::scope(|scope| {
        let bulk = scope.spawn(|| bulk(bench, "q"));
        sleep(BEHIND);
        let behind_s = single.total_s(bench);
        bulk.join().map_err(|_| anyhow!("a thread of the benchmark panicked"))??;
        behind_s
    })?;
    Ok(behind_s - median(&alone).context("nothing was measured")?)
}

/// A customer who analyses one new profile after the other.
struct Single {
    api: Api,
    number: Cell<usize>,
}

impl Single {
    fn total_s(&self, bench: &Bench<'_>) -> Result<f64> {
        self.number.set(self.number.get() + 1);
        total_s(&self.api, &bench.customers.username("t", self.number.get())?)
    }
}

/// From just before the request to the end that the database wrote.
pub fn total_s(api: &Api, username: &str) -> Result<f64> {
    let asked = Timestamp::now();
    let run = api.analyze(username, "LIGHT")?.run_id;
    analyses::wait_for_end(api, &run)?;
    let run = api.run(&run)?;
    if run.status != "complete" {
        bail!("the analysis of {username} ended as {}: {:?}", run.status, run.error);
    }
    let finished: Timestamp = run.finished_at.context("a finished run without finished_at")?.parse()?;
    Ok(finished.duration_since(asked).as_secs_f64())
}

/// Until the last line of a bulk of new profiles has its result.
fn bulk(bench: &Bench<'_>, purpose: &str) -> Result<f64> {
    let api = bench.customers.mint()?;
    let usernames: Vec<String> =
        (0..LINES).map(|number| bench.customers.username(purpose, number)).collect::<Result<_>>()?;
    let asked = Timestamp::now();
    let bulk = api.bulk(&usernames, "LIGHT")?;
    let begun = std::time::Instant::now();
    while !api.progress(&bulk)?.is_final() {
        if begun.elapsed() > BULK_MAX {
            bail!("bulk {bulk} has not ended after {} s", BULK_MAX.as_secs());
        }
        sleep(Duration::from_secs(1));
    }
    let sql = "select count(*) filter (where status = 'complete'), extract(epoch from max(finished_at))::float8
        from runs where bulk_id = $1::text::uuid";
    let (complete, finished_s): (i64, f64) = with_client(&PgUrl::parse(&bench.stack.database_url)?, async |client| {
        let row = client.query_one(sql, &[&bulk]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    })?;
    if complete != LINES as i64 {
        bail!("{complete} of {LINES} lines of bulk {bulk} are complete");
    }
    Ok(finished_s - asked.as_millisecond() as f64 / 1_000.0)
}

/// The most actor runs that the sandbox ever saw at one moment.
fn peak(bench: &Bench<'_>) -> Result<usize> {
    let url = format!("{}/control/received?target=apify.run", bench.stack.sandbox_url);
    let answer = Http::new(Duration::from_secs(5)).get(&url, Some(&bench.stack.sandbox_token))?;
    let peak = answer.body.get("peak_concurrency").and_then(Value::as_u64).context("the sandbox tells no peak")?;
    Ok(usize::try_from(peak)?)
}
