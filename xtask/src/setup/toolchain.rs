//! A compiler for WebAssembly and how cargo runs with it. [`crate::setup::wasm`] chooses one; [`crate::setup::debian`]
//! builds one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::Project;

/// The compilation target of the Worker.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// How to compile for [`TARGET`].
#[derive(Debug, Clone)]
pub enum WasmToolchain {
    /// The toolchain that runs `cargo xtask`: it has the target.
    Own,
    /// Another toolchain that has the target: a directory with `bin/rustc` and `bin/cargo`.
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

/// Whether a library directory holds a compiled `core`. That the directory exists proves nothing.
pub fn has_core(libdir: &Path) -> bool {
    std::fs::read_dir(libdir).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}
