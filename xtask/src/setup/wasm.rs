//! Chooses a compiler for WebAssembly: rustup's target if it can be installed, else one built from Debian's packages.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::process::{run_quiet, which};
use crate::project::Project;
use crate::setup::debian;
use crate::setup::toolchain::{TARGET, WasmToolchain, has_core};
use crate::step::step;

/// Finds or installs a compiler for WebAssembly.
pub fn ensure(project: &Project) -> Result<WasmToolchain> {
    // OSLIRA_WASM_TOOLCHAIN=debian is for trying the fallback on a machine with rustup.
    let forced = std::env::var("OSLIRA_WASM_TOOLCHAIN").ok();
    if forced.as_deref() != Some("debian") {
        if has_target(project) {
            return Ok(WasmToolchain::Own);
        }
        // Before rustup: where this exists, rustup has failed before, and a failure takes long without a network.
        if let Some(found) = debian::installed() {
            return Ok(WasmToolchain::Other(found));
        }
        if which("rustup").is_some() && add_target(project) && has_target(project) {
            return Ok(WasmToolchain::Own);
        }
    }
    debian::ensure().map(WasmToolchain::Other).map_err(|error| {
        anyhow!(
            "no compiler for {TARGET}. `rustup target add {TARGET}` did not work, and neither did Debian's packages: \
             {error:#}\nInstall the target by hand with rustup, or run once as root on Debian 12 or later"
        )
    })
}

fn has_target(project: &Project) -> bool {
    let mut command = Command::new("rustc");
    let output = command.args(["--print", "target-libdir", "--target", TARGET]).current_dir(project.root()).output();
    output.is_ok_and(|output| {
        output.status.success() && has_core(Path::new(String::from_utf8_lossy(&output.stdout).trim()))
    })
}

fn add_target(project: &Project) -> bool {
    step(&format!("rustup target add {TARGET}"), || {
        run_quiet(Command::new("rustup").args(["target", "add", TARGET]).current_dir(project.root())).is_ok()
    })
}
