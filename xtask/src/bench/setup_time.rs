//! What a newcomer waits for: `cargo xtask demo` in a fresh clone with an empty home directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::metric::{Metric, Report};
use crate::process::run_quiet;
use crate::project::Project;
use crate::step::step;

pub const NAME: &str = "setup.first_demo_s";

/// Clones the last commit and runs the demo there without any cache: no crates, no npm packages, no builds.
pub fn measure(project: &Project, report: &mut Report) -> Result<()> {
    let place = project.state_dir().join("first-demo");
    remove(&place)?;
    let (clone, home) = (place.join("oslira"), place.join("home"));
    std::fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    run_quiet(Command::new("git").args(["clone", "--quiet"]).arg(project.root()).arg(&clone))?;
    let started = Instant::now();
    let first = step("the first demo of a fresh clone", || run_quiet(&mut demo(&clone, &home)));
    let seconds = started.elapsed().as_secs_f64();
    let removed = remove(&place);
    first?;
    report.add(Metric::s(NAME, seconds));
    removed
}

fn demo(clone: &Path, home: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(clone).args(["xtask", "demo"]);
    // The newcomer has Rust already. rustup finds its toolchains by HOME, which is changed here, so it is told where.
    let rustup = std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|old| Path::new(&old).join(".rustup")))
        .filter(|dir| dir.is_dir());
    command.env("HOME", home).env("CARGO_HOME", home.join(".cargo")).env_remove("CARGO_TARGET_DIR");
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("npm_config_cache").env_remove("XDG_CACHE_HOME");
    if let Some(rustup) = rustup {
        command.env("RUSTUP_HOME", rustup);
    }
    command
}

fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}
