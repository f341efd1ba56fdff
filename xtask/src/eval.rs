//! `cargo xtask eval`: builds and runs `crates/evaluation`, which is a program of its own: it brings the sandbox and the product, and
//! this tool should not wait for them.

use std::process::Command;

use anyhow::{Context, Result};

use crate::project::Project;

/// Arguments of `cargo xtask eval`, which the program reads itself.
#[derive(clap::Args)]
pub struct EvalArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

pub fn run(project: &Project, args: &EvalArgs) -> Result<bool> {
    let mut command = Command::new("cargo");
    command.current_dir(project.root()).args(["run", "--quiet", "--package", "oslira-evaluation"]);
    // Only real providers need TLS, and its C code a compiler.
    if args.options.iter().any(|option| option == "--live") {
        command.args(["--features", "live"]);
    }
    let status = command.arg("--").args(&args.options).status().context("cargo does not start")?;
    Ok(status.success())
}
