//! `cargo xtask bench`: how fast the whole is, measured from outside on a stack of its own at the speed of the real services.
//!
//! Promises: every run mints its own accounts, so that earlier runs change nothing; the names of metrics never change;
//! nothing is measured while something else of the benchmark works; no figure is asserted.

mod analyses;
mod customer;
mod load;
mod metric;
mod routes;
mod setup_time;
mod six_steps;

use anyhow::{Result, bail};
use serde_json::json;

use crate::interrupt::stop_stack_on_interrupt;
use crate::project::Project;
use crate::stack::{Document, Layout, Speed, UpOptions, down, up};
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

/// A part of the benchmark: the names it can give, and how.
struct Part {
    /// What its metrics' names begin with.
    names: &'static [&'static str],
    measure: fn(&Bench<'_>, &mut Report) -> Result<()>,
}

/// In this order: what leaves work behind comes last.
const PARTS: [Part; 4] = [
    Part { names: &["bundle."], measure: bundle },
    Part { names: &["workflow."], measure: |bench, report| six_steps::measure(bench.project, report) },
    Part { names: &["light.", "deep.", "xray.", "ai.", "prompt."], measure: analyses::measure },
    Part { names: &["http."], measure: routes::measure },
];

/// What the parts share.
struct Bench<'a> {
    project: &'a Project,
    stack: &'a Document,
    customers: Customers<'a>,
    only: &'a str,
    runs: u32,
}

impl Bench<'_> {
    /// Whether somebody asked for a metric that begins so, or for all.
    fn wants(&self, name: &str) -> bool {
        overlaps(name, self.only)
    }
}

fn overlaps(name: &str, only: &str) -> bool {
    name.starts_with(only) || only.starts_with(name)
}

/// Measures and prints.
pub fn run(project: &Project, args: &BenchArgs) -> Result<()> {
    let only = args.only.as_deref().unwrap_or_default();
    let mut report = Report::new(only);
    // Minutes long, and a part of nothing else: only when it is asked for by name.
    if !only.is_empty() && overlaps(setup_time::NAME, only) {
        setup_time::measure(project, &mut report)?;
    } else if PARTS.iter().flat_map(|part| part.names).any(|name| overlaps(name, only)) {
        on_a_stack(project, args, only, &mut report)?;
    } else {
        bail!("no metric begins with `{only}`; docs/performance.md lists them");
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&json!({ "metrics": report.metrics() }))?);
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

fn on_a_stack(project: &Project, args: &BenchArgs, only: &str, report: &mut Report) -> Result<()> {
    let layout = Layout::new(&project.state_dir().join("bench"))?;
    stop_stack_on_interrupt(&layout)?;
    let options = UpOptions { fresh: true, speed: Some(Speed::Real), throw_away: true, ..UpOptions::default() };
    let measured = up(project, &layout, &options).and_then(|stack| {
        let bench = Bench { project, stack: &stack, customers: Customers::of(&stack)?, only, runs: args.runs };
        PARTS
            .iter()
            .filter(|part| part.names.iter().any(|name| bench.wants(name)))
            .try_for_each(|part| (part.measure)(&bench, report))
    });
    let stopped = down(&layout);
    // What went wrong first is what matters.
    measured.and(stopped)
}

/// The Worker as it would be deployed.
fn bundle(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let tools = setup::run(bench.project)?;
    build::worker(bench.project, &tools, true)?;
    let size = build::size(&bench.project.dist());
    // What the next stack runs is built without the shrinking, as always.
    build::worker(bench.project, &tools, false)?;
    report.add(Metric::bytes("bundle.gzip_bytes", size?.gzip_bytes));
    Ok(())
}
