//! `cargo xtask test`: runs the tests against a stack of their own, which is deleted afterwards.
//!
//! Without arguments all suites run side by side (see [`plan`]) on the Worker as it is deployed; each prints one line, and the
//! totals come last. With arguments it is an ordinary `cargo test` whose environment says where the stack is, on a Worker that
//! was not shrunk: that takes most of a minute.

mod binaries;
pub mod plan;
mod runner;
pub mod schemathesis;
pub mod suite;

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::chaos;
use crate::interrupt::stop_stack_on_interrupt;
use crate::lint::WASM_ONLY;
use crate::process::{own_binary, run_loud};
use crate::project::Project;
use crate::stack::{Document, LOOSE, Layout, Speed, UpOptions, down, up};
use crate::step::step;
pub use crate::test::binaries::TestBinary;
use crate::test::plan::Plan;
use crate::test::suite::Environment;

const STACK: &str = "test";

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct TestArgs {
    /// Leave the stack in .oslira/test running afterwards, to look at a failure
    #[arg(long)]
    keep: bool,
    /// Run `cargo test` with these arguments instead of every suite: a filter, `--package NAME`, `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

/// Runs the tests; `false` if one failed.
pub fn run(project: &Project, args: &TestArgs) -> Result<bool> {
    if args.cargo_test.is_empty() { everything(project, args.keep) } else { selected(project, args) }
}

fn everything(project: &Project, keep: bool) -> Result<bool> {
    let started = Instant::now();
    let binaries = step("compiling the tests", || compile(project))?;
    let mut plan = Plan::of(project, &binaries);
    let options = UpOptions { optimize: true, ..of_tests() };
    let outcomes = with_stack(project, STACK, keep, &options, |stack, environment| {
        plan.stack.extend(schemathesis::suite(project, stack)?);
        plan.apart.push(chaos::suite(project)?);
        runner::run(project, &plan, environment)
    })?;
    Ok(runner::summarize(&outcomes, started.elapsed()))
}

fn selected(project: &Project, args: &TestArgs) -> Result<bool> {
    // Compiled before the stack starts: a compiler error needs no stack.
    let mut compile = cargo_test(project, &args.cargo_test);
    if !step("compiling the tests", || run_loud(compile.args(["--quiet", "--no-run"]).args(&args.cargo_test)))?
        .success()
    {
        return Ok(false);
    }
    let mut tests = cargo_test(project, &args.cargo_test);
    let status = with_stack(project, STACK, args.keep, &of_tests(), |_, environment| {
        run_loud(tests.arg("--quiet").args(&args.cargo_test).envs(environment.iter().cloned()))
    });
    Ok(status?.success())
}

/// Compiles the tests of all native crates.
pub fn compile(project: &Project) -> Result<Vec<TestBinary>> {
    binaries::compile(project, &mut cargo_test(project, &[]))
}

/// A fresh stack whose pauses are short.
pub fn of_tests() -> UpOptions {
    UpOptions {
        fresh: true,
        speed: Some(Speed::Fast),
        rate_limit_scale: Some(LOOSE),
        throw_away: true,
        ..UpOptions::default()
    }
}

/// Does `work` with the stack of that name below `.oslira`, and stops the stack afterwards.
pub fn with_stack<T>(
    project: &Project,
    name: &str,
    keep: bool,
    options: &UpOptions,
    work: impl FnOnce(&Document, &Environment) -> Result<T>,
) -> Result<T> {
    let layout = Layout::new(&project.state_dir().join(name))?;
    stop_stack_on_interrupt(&layout)?;
    let done = up(project, &layout, options).and_then(|stack| {
        let environment = [
            ("OSLIRA_STACK", layout.document().into()),
            ("OSLIRA_STACK_DIR", layout.dir().into()),
            ("OSLIRA_TEST_DATABASE_URL", stack.database_url.clone().into()),
            ("OSLIRA_XTASK", own_binary()?.into()),
            // A test that restarts the stack must restart the programs under test, not build newer ones.
            ("OSLIRA_NO_BUILD", "1".into()),
        ];
        work(&stack, &environment)
    });
    let stopped = if keep {
        eprintln!("  the stack is still running: `cargo xtask stack down --dir {}`", layout.dir().display());
        Ok(())
    } else {
        down(&layout)
    };
    // If both failed, the error of the work is the cause.
    let done = done?;
    stopped.map(|()| done)
}

/// A `cargo test` of all native crates, unless the arguments name packages.
fn cargo_test(project: &Project, args: &[String]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(project.root()).arg("test");
    if !names_packages(args) {
        command.arg("--workspace");
        for package in WASM_ONLY {
            command.args(["--exclude", package]);
        }
    }
    command
}

fn names_packages(args: &[String]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "-p" || arg.starts_with("--package"))
}

#[cfg(test)]
mod tests {
    use super::names_packages;

    #[test]
    fn a_named_package_replaces_the_workspace() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(names_packages(&args("-p oslira-app cache")));
        assert!(names_packages(&args("--package=oslira-app")));
        assert!(!names_packages(&args("cache -- -p")));
    }
}
