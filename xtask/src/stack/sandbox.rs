//! The sandbox as a part of the stack: built, copied (so that a later build does not change a running stack), started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::http::Http;
use crate::process::cargo_artifacts;
use crate::project::Project;
use crate::stack::Layout;
use crate::stack::processes::Launch;
use crate::stack::state::{Part, State};
use crate::stack::supervise::{Plan, ensure, port};
use crate::stamp::Hash;
use crate::step::step;

/// Compiles the sandbox and returns the path of its program.
pub fn build(project: &Project) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(project.root()).args(["build", "--package", "oslira-sandbox", "--bin", "oslira-sandbox"]);
    let files = step("compiling the sandbox", || cargo_artifacts(&mut cargo, "oslira-sandbox"))?;
    files
        .into_iter()
        .find(|file| file.file_name().is_some_and(|name| name == "oslira-sandbox"))
        .context("cargo made no oslira-sandbox")
}

/// Gives the stack its own copy of the program, unless it has this version already.
pub fn copy(built: &Path, layout: &Layout, state: &mut State) -> Result<()> {
    let version = version(built)?;
    let copy = program(layout);
    if state.programs.get(&Part::Sandbox) != Some(&version) || !copy.is_file() {
        std::fs::create_dir_all(layout.programs())?;
        let _ = std::fs::remove_file(&copy); // the file of a running program cannot be overwritten, only replaced
        std::fs::copy(built, &copy).context("cannot copy the sandbox")?;
        state.programs.insert(Part::Sandbox, version);
    }
    Ok(())
}

/// Starts the sandbox, unless the right one runs already, and returns its URL.
pub fn start(layout: &Layout, state: &mut State) -> Result<String> {
    let port = port(layout, state, Part::Sandbox)?;
    let url = format!("http://127.0.0.1:{port}");
    let program = program(layout);
    if !program.is_file() {
        bail!("this stack has no sandbox yet: run `cargo xtask stack up` without --no-build");
    }
    let scale = state.speed.time_scale();
    let version = state.programs.get(&Part::Sandbox).cloned().unwrap_or_default();
    let log = layout.log(Part::Sandbox);
    let mut launch = || {
        let mut command = Command::new(&program);
        command.args(["--port", &port.to_string(), "--time-scale", scale]);
        command.arg("--state-dir").arg(layout.sandbox_state()).arg("--jwt-secret-file").arg(layout.jwt_secret());
        command.current_dir(layout.dir());
        Ok(Launch { command, log: log.clone(), user: None })
    };
    let http = Http::new(Duration::from_secs(2));
    let check = || match http.get(&format!("{url}/health"), None)?.status {
        200 => Ok(()),
        status => bail!("/health answers {status}"),
    };
    let plan = Plan {
        part: Part::Sandbox,
        fingerprint: format!("{version} {port} {scale}"),
        stop: Signal::TERM,
        launch: &mut launch,
        check: &check,
        patience: Duration::from_secs(20),
    };
    step("starting the sandbox", || ensure(layout, state, plan))?;
    Ok(url)
}

fn program(layout: &Layout) -> PathBuf {
    layout.programs().join("oslira-sandbox")
}

/// Size and time of the last change identify a build: cargo rewrites the file only when it links again, and hashing the
/// whole program would take longer.
fn version(file: &Path) -> Result<String> {
    let meta = file.metadata().with_context(|| format!("cannot read {}", file.display()))?;
    let changed = meta.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    Ok(Hash::new().add(&meta.len().to_le_bytes()).add(&changed.to_le_bytes()).hex())
}
