//! A compiler for WebAssembly: rustup's target where it can be had, else one assembled from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::process::{answer, run_quiet, which};
use crate::project::Project;
use crate::setup::debian;
use crate::step::step;

/// The compilation target of the Worker.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// How to compile for [`TARGET`].
#[derive(Debug, Clone)]
pub enum WasmToolchain {
    /// The toolchain that runs `cargo xtask` has the target.
    Own,
    /// A directory with `bin/rustc` of another compiler that has it.
    Other(PathBuf),
}

impl WasmToolchain {
    /// `cargo <subcommand> --target wasm32-unknown-unknown` with this compiler.
    pub fn cargo(&self, project: &Project, subcommand: &str) -> Command {
        let mut command = match self {
            Self::Own => Command::new("cargo"),
            Self::Other(toolchain) => {
                let mut command = Command::new(toolchain.join("bin/cargo"));
                let path = std::env::var_os("PATH").unwrap_or_default();
                let first = std::iter::once(toolchain.join("bin"));
                if let Ok(path) = std::env::join_paths(first.chain(std::env::split_paths(&path))) {
                    command.env("PATH", path);
                }
                // Two compilers must not share build directories: each would discard the other's work.
                command
                    .env("RUSTC", toolchain.join("bin/rustc"))
                    .args(["--config", "build.target-dir='target/debian'"]);
                command
            }
        };
        command.current_dir(project.root()).args([subcommand, "--target", TARGET]);
        command
    }
}

/// Finds or installs a compiler for WebAssembly.
pub fn ensure(project: &Project) -> Result<WasmToolchain> {
    let forced = std::env::var("OSLIRA_WASM_TOOLCHAIN").ok();
    if forced.as_deref() != Some("debian") {
        if has_target(project) {
            return Ok(WasmToolchain::Own);
        }
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

/// Whether a library directory holds a compiled `core`: the directory alone proves nothing.
pub fn has_core(libdir: &Path) -> bool {
    std::fs::read_dir(libdir).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

fn add_target(project: &Project) -> bool {
    step(&format!("rustup target add {TARGET}"), || {
        run_quiet(Command::new("rustup").args(["target", "add", TARGET]).current_dir(project.root())).is_ok()
    })
}

/// The compiler's version line, as part of a toolchain's identity.
pub fn rustc_version(rustc: &Path) -> Option<String> {
    answer(rustc, &["--version"])
}
