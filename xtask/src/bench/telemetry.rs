//! What telling adds to a request: a Worker that tells as in a deployment, against one that tells nothing.
//!
//! What is told is a line of the log, a point, and the delivery behind the answer. The delivery keeps the isolate's one thread busy, so
//! it delays whoever comes meanwhile. Here each request comes right after the answer to the one before, and so waits for the whole of its
//! delivery. Both Workers are asked the same, each freshly started, in turn.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::load::{Latency, Load, drive};
use super::metric::{Metric, Report, median};
use crate::http::Http;
use crate::project::Project;
use crate::stack::{Document, Layout, Part, UpOptions, WorkerSettings, up};

pub const NAME: &str = "telemetry.overhead_ms.p50";

/// A read of one row: with little work of its own, a request shows what is added to it.
const ROUTE: &str = "/credits/balance";
const ROUNDS: u64 = 5;
const LOAD: Load = Load { warm_up: 500, requests: 2_000, pause: Duration::ZERO };
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines come to the log's file through the runner.
const LOGGED_WITHIN: Duration = Duration::from_millis(500);

/// Measures both, round after round. `options` are those of a fresh stack.
pub fn measure(project: &Project, layout: &Layout, options: &UpOptions, report: &mut Report) -> Result<()> {
    eprintln!(
        "  {} requests told of as in a deployment and as many that are not, {ROUNDS} times in turn …",
        LOAD.requests
    );
    // The first requests of a new database are on neither side.
    let stack = up(project, layout, &UpOptions { settings: WorkerSettings::DeployedAndSilent, ..options.clone() })?;
    ask(&stack)?;
    let side = |settings| {
        let changed = UpOptions { fresh: false, no_build: true, settings, ..options.clone() };
        told(layout, &up(project, layout, &changed)?, settings)
    };
    let mut extra_ms = Vec::new();
    for _ in 0..ROUNDS {
        let on = side(WorkerSettings::Deployed)?;
        let off = side(WorkerSettings::DeployedAndSilent)?;
        eprintln!(
            "  told: median {:.2} ms, p95 {:.2} ms; not told: {:.2} ms, {:.2} ms",
            on.ms(0.5),
            on.ms(0.95),
            off.ms(0.5),
            off.ms(0.95),
        );
        extra_ms.push(on.ms(0.5) - off.ms(0.5));
    }
    report.add(Metric::ms(NAME, median(&extra_ms).context("nothing was measured")?));
    Ok(())
}

/// Asks a Worker, and looks into its log whether it tells what it should.
fn told(layout: &Layout, stack: &Document, settings: WorkerSettings) -> Result<Latency> {
    let log = layout.log(Part::Worker);
    let begins = log.metadata().map_or(0, |meta| meta.len());
    let latency = ask(stack)?;
    std::thread::sleep(LOGGED_WITHIN);
    let lines = lines_about_requests(&log, begins)?;
    if (lines > 0) != (settings == WorkerSettings::Deployed) {
        bail!("the log has {lines} lines about requests of a Worker whose settings are {settings:?}");
    }
    Ok(latency)
}

/// How many of them are in the log after its first `begins` bytes.
fn lines_about_requests(log: &Path, begins: u64) -> Result<usize> {
    let text = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let new = text.get(usize::try_from(begins)?..).unwrap_or_default();
    Ok(String::from_utf8_lossy(new).matches(&format!("\"route\":\"{ROUTE}\"")).count())
}

fn ask(stack: &Document) -> Result<Latency> {
    let url = format!("{}{ROUTE}", stack.api_url);
    drive(vec![Http::new(PATIENCE)], LOAD, |http, _| match http.get(&url, Some(&stack.token))?.status {
        200 => Ok(()),
        status => bail!("{url} answered {status}"),
    })
}
