//! `cargo xtask lint`: formatting, clippy with warnings denied for both targets, and `deny.toml` where cargo-deny is
//! installed.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{answer, run_loud};
use crate::project::Project;
use crate::setup;
use crate::step::step;

/// The crates that compile only for WebAssembly.
pub const WASM_ONLY: [&str; 3] = ["oslira-bench", "oslira-worker", "workers-workflows"];

/// Runs every lint and stops at the first failure.
pub fn run(project: &Project) -> Result<()> {
    let tools = setup::run(project)?;

    let mut format = Command::new("cargo");
    format.current_dir(project.root()).args(["fmt", "--all", "--check"]);
    must_pass("checking the format", &mut format, "run `cargo fmt --all`")?;

    let mut native = Command::new("cargo");
    native.current_dir(project.root()).args(["clippy", "--quiet", "--workspace", "--all-targets"]);
    for package in WASM_ONLY {
        native.args(["--exclude", package]);
    }
    must_pass("clippy for this machine", native.args(["--", "-D", "warnings"]), "see the messages above")?;

    let mut wasm = tools.wasm.cargo(project, "clippy");
    wasm.arg("--quiet");
    for package in WASM_ONLY {
        wasm.args(["--package", package]);
    }
    must_pass("clippy for WebAssembly", wasm.args(["--", "-D", "warnings"]), "see the messages above")?;

    // Not demanded: it takes minutes to compile, and dependencies change rarely.
    if answer("cargo", &["deny", "--version"]).is_some() {
        let mut deny = Command::new("cargo");
        deny.current_dir(project.root()).args(["deny", "--offline", "--locked", "--log-level", "error"]);
        deny.args(["check", "licenses", "bans", "sources"]);
        must_pass("licences and bans", &mut deny, "deny.toml says what is allowed, and why")?;
    }
    Ok(())
}

fn must_pass(name: &str, command: &mut Command, advice: &str) -> Result<()> {
    if step(name, || run_loud(command))?.success() {
        return Ok(());
    }
    bail!("{name} failed: {advice}")
}
