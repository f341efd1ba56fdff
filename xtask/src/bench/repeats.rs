//! What scraping costs: a deep analysis of a profile that nobody has read before, and one of the same profile three days
//! and about four posts later.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::Duration;

use super::metric::{Metric, Report};
use super::{Bench, analyses};
use crate::http::Http;

const PROFILES: usize = 4;
/// Four posts in three days.
const CADENCE_DAYS: f64 = 0.75;
const AGO_S: u64 = 3 * 86_400;

/// Measures both. The sandbox dates the first scrape three days back, so that the second one is not served from the
/// cache and finds new posts.
pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    eprintln!("  {PROFILES} DEEP analyses, and again three days later …");
    let usernames: Vec<String> =
        (0..PROFILES).map(|number| bench.customers.username("d", number)).collect::<Result<_>>()?;
    let first = mean_usd(bench, &usernames, AGO_S)?;
    let repeat = mean_usd(bench, &usernames, 0)?;
    report.add(Metric::usd("scrape.cost_usd.deep", first));
    report.add(Metric::usd("scrape.cost_usd.deep_repeat", repeat));
    Ok(())
}

/// The average cost of the scrapes of one analysis of each profile, all at the same time: their cost does not depend on
/// how long they take.
fn mean_usd(bench: &Bench<'_>, usernames: &[String], ago_s: u64) -> Result<f64> {
    let api = bench.customers.mint()?;
    for username in usernames {
        let seen = json!({ "username": username, "cadence_days": CADENCE_DAYS, "ago_s": ago_s });
        let url = format!("{}/control/profiles", bench.stack.sandbox_url);
        let answer = Http::new(Duration::from_secs(5)).post(&url, Some(&bench.stack.sandbox_token), &seen)?;
        if answer.status != 200 {
            bail!("the sandbox answers {} to {seen}: {}", answer.status, answer.body);
        }
    }
    let runs: Vec<String> =
        usernames.iter().map(|username| Ok(api.analyze(username, "DEEP")?.run_id)).collect::<Result<_>>()?;
    let mut sum_microusd = 0.0;
    for id in &runs {
        analyses::wait_for_end(&api, id)?;
        let run = api.run(id)?;
        if run.status != "complete" || run.cache_hit != Some(false) {
            bail!(
                "the analysis of {} ended as {}, cache hit {:?}: {:?}",
                run.username,
                run.status,
                run.cache_hit,
                run.error
            );
        }
        let cost = analyses::cost(bench, id)?;
        sum_microusd += cost.get("scrape_microusd").and_then(Value::as_f64).context("an analysis without costs")?;
    }
    Ok(sum_microusd / runs.len() as f64 / 1e6)
}
