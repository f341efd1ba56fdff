//! What a flood by one account costs the others: how much slower their requests become.
//!
//! The stack limits requests as a deployment does. Both sides are open loops: a request leaves at its time, whether or not earlier ones
//! were answered, so that neither side gets slower to spare the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::customer::Customers;
use super::load::{Latency, OpenLoad, drive_open};
use super::metric::{Metric, Report};
use crate::api::Api;
use crate::http::Http;
use crate::project::Project;
use crate::stack::{Document, Layout, UpOptions, up};

pub const NAME: &str = "flood.other_tenant_p95_ratio";

/// 500 a second for half a minute: three windows of the limit.
const FLOOD: OpenLoad = OpenLoad { warm_up: 0, requests: 15_000, every: Duration::from_millis(2) };
/// A request of the flood waits for its connection only if an answer takes longer than an eighth of a second.
const FLOOD_CONNECTIONS: usize = 64;
/// Twenty a second of all others together, for as long; each stays below its own limit.
const OTHERS: OpenLoad = OpenLoad { warm_up: 40, requests: 560, every: Duration::from_millis(50) };
const OTHER_ACCOUNTS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures the others alone and beside the flood. `options` are those of a fresh stack.
pub fn measure(project: &Project, layout: &Layout, options: &UpOptions, report: &mut Report) -> Result<()> {
    let stack = up(project, layout, &UpOptions { rate_limit_scale: Some(1), ..options.clone() })?;
    let customers = Customers::of(&stack)?;
    let others: Vec<Api> = (0..OTHER_ACCOUNTS).map(|_| customers.mint()).collect::<Result<_>>()?;
    eprintln!(
        "  {} requests by {OTHER_ACCOUNTS} accounts, alone, then beside 500 a second by another …",
        OTHERS.requests
    );
    let alone = ask(&others)?;
    let (beside, refused) = std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&stack));
        let beside = ask(&others);
        let refused = flood.join().map_err(|_| anyhow!("the flood panicked"))??;
        Ok::<_, anyhow::Error>((beside?, refused))
    })?;
    eprintln!(
        "  alone: median {:.1} ms, p95 {:.1} ms; beside the flood: {:.1} ms, {:.1} ms; {refused} of {} were refused",
        alone.ms(0.5),
        alone.ms(0.95),
        beside.ms(0.5),
        beside.ms(0.95),
        FLOOD.requests,
    );
    if refused == 0 {
        bail!("nothing of the flood was refused: no limit is enforced");
    }
    report.add(Metric::ratio(NAME, beside.ms(0.95) / alone.ms(0.95)));
    Ok(())
}

/// Each account reads its balance in turn; a refusal ends the measuring.
fn ask(others: &[Api]) -> Result<Latency> {
    drive_open(others.iter().collect(), OTHERS, |api: &&Api, _| api.balance().map(drop))
}

/// The stack's first user does nothing else; answers how many of its requests were refused.
fn flood(stack: &Document) -> Result<usize> {
    let refused = AtomicUsize::new(0);
    let url = format!("{}/credits/balance", stack.api_url);
    let connections = (0..FLOOD_CONNECTIONS).map(|_| Http::new(PATIENCE)).collect::<Vec<Http>>();
    drive_open(connections, FLOOD, |http, _| match http.get(&url, Some(&stack.token))?.status {
        200 => Ok(()),
        429 => {
            refused.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        status => bail!("{url} answered {status}"),
    })?;
    Ok(refused.into_inner())
}
