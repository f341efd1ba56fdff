//! Many analyses at once: a bulk of a hundred, a customer who comes behind it, and how many actor runs there ever were at the same
//! time.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::metric::{Metric, Report, median};
use super::{Bench, analyses};
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

pub const NAMES: [&str; 3] = ["bulk100.", "fairness.", "scrape.peak_concurrency"];

/// Measures all of it: the three belong to one story.
pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    eprintln!("  a bulk of {LINES} LIGHT analyses, and another with a single one behind it …");
    // The first analysis of an isolate also compiles the module.
    let single = bench.customers.mint()?;
    let mut number = 0;
    let mut one = |api: &Api| {
        number += 1;
        total_s(api, &bench.customers.username("s", number)?)
    };
    one(&single)?;
    let alone: Vec<f64> = (0..ALONE).map(|_| one(&single)).collect::<Result<_>>()?;
    let alone_s = median(&alone).context("nothing was measured")?;
    report.add(Metric::s("bulk100.light.total_s", bulk(bench, "p")?));
    let behind_s = std::thread::scope(|scope| {
        let bulk = scope.spawn(|| bulk(bench, "q"));
        sleep(BEHIND);
        let behind_s = one(&single);
        bulk.join().map_err(|_| anyhow!("a thread of the benchmark panicked"))??;
        behind_s
    })?;
    report.add(Metric::s("fairness.single_behind_bulk_extra_s", behind_s - alone_s));
    report.add(Metric::count("scrape.peak_concurrency", peak(bench)?));
    Ok(())
}

/// From just before the request to the end that the database wrote.
fn total_s(api: &Api, username: &str) -> Result<f64> {
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
