//! `cargo xtask coverage`: runs the tests that need no Worker with LLVM's instrumentation and fails where a layer is run too
//! little.
//!
//! Counted are lines, by layer (see [`layers`]), without the lines of tests. The Worker itself is WebAssembly, which is not
//! instrumented, so what only tests against a running stack reach counts as not run. Not part of `cargo xtask test`:
//! everything is compiled a second time.

mod layers;
mod lines;
mod report;
mod tools;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::coverage::report::Report;
use crate::coverage::tools::Tools;
use crate::interrupt::stop_stack_on_interrupt;
use crate::process::{run_loud, run_quiet};
use crate::project::Project;
use crate::setup;
use crate::stack::{Layout, database_alone, down};
use crate::step::step;

/// The crates whose tests run the counted ones. The simulation crashes the workflow body at every step.
const PACKAGES: [&str; 4] = ["oslira-app", "oslira-postgres", "oslira-providers", "oslira-simulation"];

/// How many histories the simulation plays. They are about rare orders of events, and a fiftieth of them reaches the same lines.
const HISTORIES: [(&str, &str); 2] = [("OSLIRA_SIM_HISTORIES", "2000"), ("OSLIRA_SIM_DATABASE_HISTORIES", "20")];

/// Arguments of `cargo xtask coverage`.
#[derive(clap::Args)]
pub struct CoverageArgs {
    /// Leave what was compiled in target/llvm-cov-target (gigabytes), so that the next run compiles less
    #[arg(long)]
    keep: bool,
    /// List the lines that no test runs of every layer, not only of those below their floor
    #[arg(long)]
    all: bool,
}

/// Prints the coverage of every layer; `false` if one is below its floor.
pub fn run(project: &Project, args: &CoverageArgs) -> Result<bool> {
    setup::run(project)?;
    let tools = Tools::ensure(project)?;
    let dir = project.state_dir().join("coverage");
    let layout = Layout::new(&dir)?;
    stop_stack_on_interrupt(&layout)?;
    let measured = measure(project, &tools, &layout, &dir.join("export.lcov"));
    let stopped = down(&layout);
    if !args.keep {
        run_quiet(&mut tools.command(project, "clean"))?;
    }
    // If both failed, the error of the tests is the cause.
    let report = measured?;
    stopped?;

    print!("{}", report.text(args.all));
    let below = report.below_floor();
    if !below.is_empty() {
        let names: Vec<&str> = below.iter().map(|layer| layer.name()).collect();
        println!(
            "\nbelow the floor: {}. Write tests of what these lines do, or remove what nothing needs.",
            names.join(", ")
        );
    }
    Ok(below.is_empty())
}

/// Runs the tests and reads what they ran from `export`.
fn measure(project: &Project, tools: &Tools, layout: &Layout, export: &Path) -> Result<Report> {
    let database = database_alone(project, layout)?;
    // Counts of earlier runs, and programs of earlier sources: LLVM would add them all up. Dependencies stay.
    run_quiet(tools.command(project, "clean").arg("--workspace"))?;
    let mut tests = tools.command(project, "test");
    tests.args(["--no-report", "--quiet", "--tests"]);
    for package in PACKAGES {
        tests.args(["--package", package]);
    }
    // Standard output is for the result.
    tests.envs(HISTORIES).env("OSLIRA_TEST_DATABASE_URL", database.to_string()).stdout(std::io::stderr());
    if !step("running the tests with instrumentation", || run_loud(&mut tests))?.success() {
        bail!("a test failed, so what was run says nothing: see above, and `cargo xtask test`");
    }
    let mut exported = tools.command(project, "report");
    exported.arg("--lcov").arg("--output-path").arg(export);
    step("adding up what was run", || run_quiet(&mut exported))?;

    let text = std::fs::read_to_string(export).with_context(|| format!("cannot read {}", export.display()))?;
    let files = lines::parse(&text, project.root())?;
    Ok(Report::of(lines::without_tests(files, project.root())?))
}
