//! `cargo xtask bench`: measures the whole from outside, on a stack of its own at the speed of the real services.
//!
//! Promises: every run creates its own accounts, so that earlier runs change nothing; the names of metrics never
//! change; nothing else of the benchmark runs during a measurement; no result is asserted, because machines differ.

mod analyses;
mod begin;
mod concurrent;
mod customer;
mod deploy;
mod flood;
mod full_profiles;
mod greedy;
mod ledger;
mod load;
mod many;
mod metric;
mod repeats;
mod routes;
mod scale;
mod setup_time;
mod six_steps;
mod slow_start;
mod telemetry;
mod timed;
mod webhook;

use anyhow::{Result, bail};
use serde_json::json;

use crate::interrupt::stop_stack_on_interrupt;
use crate::project::Project;
use crate::stack::{Document, LOOSE, Layout, PoolerKind, Speed, UpOptions, down, up};
use crate::{build, setup};

use self::customer::Customers;
use self::metric::{Metric, Report};

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct BenchArgs {
    /// Print {"metrics":[{"name","value","unit"}]} instead of a table
    #[arg(long)]
    json: bool,
    /// Measure only what begins with this, for example `light`, `http.balance` or `bundle`
    #[arg(long, value_name = "PREFIX")]
    only: Option<String>,
    /// How many analyses of each kind, cold and cached
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=40))]
    runs: u32,
}

/// A part of the benchmark.
struct Part {
    /// How the names of its metrics begin.
    names: &'static [&'static str],
    measure: fn(&Bench<'_>, &mut Report) -> Result<()>,
}

/// The routes come last: their analyses still run when the part ends, and would disturb another measurement.
const PARTS: [Part; 10] = [
    Part { names: &["bundle."], measure: bundle },
    Part { names: &["workflow."], measure: |bench, report| six_steps::measure(bench.project, report) },
    Part { names: &analyses::NAMES, measure: analyses::measure },
    Part { names: &["ai.cost_usd.deep_full", "ai.cost_usd.xray_full"], measure: full_profiles::measure },
    Part { names: &["scrape.cost_usd."], measure: repeats::measure },
    Part { names: &many::NAMES, measure: many::measure },
    Part { names: &ledger::NAMES, measure: ledger::measure },
    Part { names: &[begin::NAME], measure: begin::measure },
    Part { names: &webhook::NAMES, measure: webhook::measure },
    Part { names: &["http."], measure: routes::measure },
];

/// A part that needs stacks of its own. It starts them with the options of a fresh stack.
struct PartWithStacks {
    name: &'static str,
    measure: fn(&Project, &Layout, &UpOptions, &mut Report) -> Result<()>,
}

const PARTS_WITH_STACKS: [PartWithStacks; 3] = [
    PartWithStacks { name: slow_start::NAME, measure: slow_start::measure },
    PartWithStacks { name: telemetry::NAME, measure: telemetry::measure },
    PartWithStacks { name: flood::NAME, measure: flood::measure },
];

/// What takes minutes and does not need the stack of the others is measured only when it is asked for by name.
struct PartApart {
    names: &'static str,
    measure: fn(&Project, &mut Report) -> Result<()>,
}

const PARTS_APART: [PartApart; 4] = [
    PartApart { names: setup_time::NAME, measure: setup_time::measure },
    PartApart { names: deploy::NAMES, measure: deploy::measure },
    PartApart { names: "scale.", measure: scale::measure },
    PartApart { names: scale::INSIGHTS, measure: scale::measure_insights },
];

struct Bench<'a> {
    project: &'a Project,
    stack: &'a Document,
    layout: &'a Layout,
    customers: Customers<'a>,
    only: &'a str,
    runs: u32,
}

impl Bench<'_> {
    /// Whether a metric whose name begins with `name` was asked for. `only` is empty when all were.
    fn wants(&self, name: &str) -> bool {
        overlaps(name, self.only)
    }
}

fn overlaps(name: &str, only: &str) -> bool {
    name.starts_with(only) || only.starts_with(name)
}

pub fn run(project: &Project, args: &BenchArgs) -> Result<()> {
    let only = args.only.as_deref().unwrap_or_default();
    let mut report = Report::new(only);
    let apart = PARTS_APART.iter().find(|part| !only.is_empty() && overlaps(part.names, only));
    let measured = if let Some(part) = apart {
        (part.measure)(project, &mut report)
    } else if PARTS
        .iter()
        .flat_map(|part| part.names.iter().copied())
        .chain(PARTS_WITH_STACKS.iter().map(|part| part.name))
        .any(|name| overlaps(name, only))
    {
        on_a_stack(project, args, only, &mut report)
    } else {
        bail!("no metric begins with `{only}`; docs/performance.md lists them");
    };
    // What was measured before a part failed is worth its minutes.
    if args.json {
        println!("{}", serde_json::to_string_pretty(&json!({ "metrics": report.metrics() }))?);
    } else {
        print!("{}", report.table());
    }
    measured
}

fn on_a_stack(project: &Project, args: &BenchArgs, only: &str, report: &mut Report) -> Result<()> {
    let layout = Layout::new(&project.state_dir().join("bench"))?;
    stop_stack_on_interrupt(&layout)?;
    let pooler = PoolerKind::PgBouncer;
    // One client measures as fast as it is answered, which no customer may.
    let rate_limit_scale = Some(LOOSE);
    let options = UpOptions {
        fresh: true,
        speed: Some(Speed::Real),
        rate_limit_scale,
        throw_away: true,
        pooler,
        ..UpOptions::default()
    };
    let measured = parts(project, &layout, &options, args, only, report);
    let stopped = down(&layout);
    // If both failed, the error of the measuring is the cause.
    measured.and(stopped)
}

/// Measures what was asked for on one stack, and then what needs stacks of its own.
fn parts(
    project: &Project,
    layout: &Layout,
    options: &UpOptions,
    args: &BenchArgs,
    only: &str,
    report: &mut Report,
) -> Result<()> {
    let is_wanted = |part: &&Part| part.names.iter().any(|name| overlaps(name, only));
    let mut wanted = PARTS.iter().filter(is_wanted).peekable();
    if wanted.peek().is_some() {
        let stack = up(project, layout, options)?;
        let bench = Bench { project, stack: &stack, layout, customers: Customers::of(&stack)?, only, runs: args.runs };
        wanted.try_for_each(|part| (part.measure)(&bench, report))?;
    }
    PARTS_WITH_STACKS
        .iter()
        .filter(|part| overlaps(part.name, only))
        .try_for_each(|part| (part.measure)(project, layout, options, report))
}

/// The size of the Worker as it is deployed.
fn bundle(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let tools = setup::run(bench.project)?;
    build::worker(bench.project, &tools, true)?;
    let size = build::size(&bench.project.dist());
    // Restores the build that stacks run, which is not shrunk, before a failed `size` returns.
    build::worker(bench.project, &tools, false)?;
    report.add(Metric::bytes("bundle.gzip_bytes", size?.gzip_bytes));
    Ok(())
}
