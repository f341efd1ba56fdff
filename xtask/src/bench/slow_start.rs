//! What it costs an analysis that the engine starts its workflow late, as Cloudflare's may by seconds.
//!
//! The same profiles are analysed one after the other on two new stacks, which differ in this alone: the sandbox draws the same times
//! for the same usernames, so that also few analyses can be compared.

use anyhow::{Context, Result, bail};

use super::customer::Customers;
use super::many::total_s;
use super::metric::{Metric, Report, median};
use crate::postgres::{PgUrl, database::with_client};
use crate::project::Project;
use crate::stack::{Layout, UpOptions, up};

pub const NAME: &str = "light.slow_start.extra_s";

const DELAY_S: u32 = 5;
const ANALYSES: usize = 7;

/// Measures how much longer a cold LIGHT takes if its workflow starts five seconds after it was created. `options` are those of a fresh
/// stack.
pub fn measure(project: &Project, layout: &Layout, options: &UpOptions, report: &mut Report) -> Result<()> {
    eprintln!("  {ANALYSES} LIGHT analyses with an engine that starts at once, and again {DELAY_S} s late …");
    let at_once_s = median_s(project, layout, options, 0)?;
    let late_s = median_s(project, layout, options, DELAY_S)?;
    report.add(Metric::s(NAME, late_s - at_once_s));
    Ok(())
}

fn median_s(project: &Project, layout: &Layout, options: &UpOptions, delay_s: u32) -> Result<f64> {
    let stack = up(project, layout, &UpOptions { engine_start_delay_s: Some(delay_s), ..options.clone() })?;
    let api = Customers::of(&stack)?.mint()?;
    let one = |number: usize| total_s(&api, &format!("fitness.h{number:04}"));
    // The first analysis of an isolate also compiles the module.
    one(0)?;
    let totals_s: Vec<f64> = (1..=ANALYSES).map(one).collect::<Result<_>>()?;
    let waits = "select min(extract(epoch from started_at - created_at))::float8 from runs";
    let shortest_s: f64 = with_client(&PgUrl::parse(&stack.database_url)?, async |client| {
        Ok(client.query_one(waits, &[]).await?.try_get(0)?)
    })?;
    if shortest_s < f64::from(delay_s) {
        bail!("a workflow began {shortest_s:.1} s after its run, although the engine is {delay_s} s late");
    }
    median(&totals_s).context("nothing was measured")
}
