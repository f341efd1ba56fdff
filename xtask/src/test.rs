//! `cargo xtask test`: every test, against a stack of its own that is thrown away.

use std::process::Command;

use anyhow::Result;

use crate::interrupt::stop_stack_on_interrupt;
use crate::lint::WASM_ONLY;
use crate::process::{own_binary, run_loud};
use crate::project::Project;
use crate::stack::{Layout, Speed, UpOptions, down, up};
use crate::step::step;

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct TestArgs {
    /// Leave the stack in .oslira/test running afterwards, to look at a failure
    #[arg(long)]
    keep: bool,
    /// What follows is for `cargo test`: a filter, `--package NAME`, `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

/// Runs the tests; `false` when one failed, or does not compile.
pub fn run(project: &Project, args: &TestArgs) -> Result<bool> {
    let layout = Layout::new(&project.state_dir().join("test"))?;
    stop_stack_on_interrupt(&layout)?;
    let mut compile = cargo_test(project, args);
    if !step("compiling the tests", || run_loud(compile.arg("--no-run").args(&args.cargo_test)))?.success() {
        return Ok(false);
    }
    let options = UpOptions { fresh: true, speed: Some(Speed::Fast), throw_away: true, ..UpOptions::default() };
    let tested = up(project, &layout, &options).and_then(|stack| {
        let mut tests = cargo_test(project, args);
        run_loud(with_stack(tests.args(&args.cargo_test), &layout, &stack.database_url)?)
    });
    let stopped = if args.keep {
        eprintln!("  the stack is still running: `cargo xtask stack down --dir {}`", layout.dir().display());
        Ok(())
    } else {
        down(&layout)
    };
    // What went wrong first is what matters.
    let passed = tested?.success();
    stopped.map(|()| passed)
}

fn cargo_test(project: &Project, args: &TestArgs) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(project.root()).args(["test", "--quiet"]);
    if !names_packages(&args.cargo_test) {
        command.arg("--workspace");
        for package in WASM_ONLY {
            command.args(["--exclude", package]);
        }
    }
    command
}

/// What the tests know of their stack.
fn with_stack<'a>(command: &'a mut Command, layout: &Layout, database_url: &str) -> Result<&'a mut Command> {
    Ok(command
        .env("OSLIRA_STACK", layout.document())
        .env("OSLIRA_STACK_DIR", layout.dir())
        .env("OSLIRA_TEST_DATABASE_URL", database_url)
        .env("OSLIRA_XTASK", own_binary()?)
        // A test that repairs the stack wants the programs under test, not newer ones.
        .env("OSLIRA_NO_BUILD", "1"))
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
