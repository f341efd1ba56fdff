//! What the models cost for a profile that fills its token limit: fifty posts, each with a long caption.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::Duration;

use super::metric::{Metric, Report};
use super::{Bench, analyses};
use crate::http::Http;

const PROFILES: usize = 3;
const POSTS: usize = 50;
/// Longer than what is shown of a caption.
const SENTENCES: usize = 14;

/// Measures both types, with the business's prefix in the providers' caches.
pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    for (metric, analysis_type, purpose) in [("deep_full", "DEEP", "e"), ("xray_full", "XRAY", "f")] {
        let name = format!("ai.cost_usd.{metric}");
        if !bench.wants(&name) {
            continue;
        }
        eprintln!("  {PROFILES} {analysis_type} analyses of full profiles …");
        let api = bench.customers.mint()?;
        let mut costs_usd = vec![];
        // The first one fills the caches.
        for number in 0..=PROFILES {
            let username = bench.customers.username(purpose, number)?;
            fill(bench, &username)?;
            let id = api.analyze(&username, analysis_type)?.run_id;
            analyses::wait_for_end(&api, &id)?;
            let cost = analyses::cost(bench, &id)?;
            costs_usd.push(cost.get("ai_microusd").and_then(Value::as_f64).context("an analysis without costs")? / 1e6);
        }
        costs_usd.remove(0);
        report.add(Metric::usd(name, costs_usd.iter().sum::<f64>() / PROFILES as f64));
    }
    Ok(())
}

/// Gives a profile's posts captions that are longer than what is shown of them.
fn fill(bench: &Bench<'_>, username: &str) -> Result<()> {
    let caption = |post: usize| {
        let sentence = |number: usize| {
            format!(
                "Morning {post} of the long block, lap {number}: steady legs, wind from the river, and bread with eggs \
                 afterwards because nothing else stays down."
            )
        };
        (0..SENTENCES).map(sentence).collect::<Vec<_>>().join(" ")
    };
    let seen = json!({ "username": username, "captions": (0..POSTS).map(caption).collect::<Vec<_>>() });
    let url = format!("{}/control/profiles", bench.stack.sandbox_url);
    let answer = Http::new(Duration::from_secs(5)).post(&url, Some(&bench.stack.sandbox_token), &seen)?;
    if answer.status != 200 {
        bail!("the sandbox answers {} to the captions of {username}: {}", answer.status, answer.body);
    }
    Ok(())
}
