//! Everything a fresh clone needs, made sure of in order and skipped when it is there: prerequisites, the
//! WebAssembly target, the pinned npm packages, a Node that can run them.

mod debian;
mod node;
mod toolchain;
mod wasm;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process::which;
use crate::project::Project;
pub use crate::setup::toolchain::WasmToolchain;

/// What the set-up found or made.
#[derive(Debug)]
pub struct Tools {
    /// A Node of version 22 or later.
    pub node: PathBuf,
    /// How to compile for WebAssembly.
    pub wasm: WasmToolchain,
}

/// Brings the checkout up to date; cheap when it already is.
pub fn run(project: &Project) -> Result<Tools> {
    check_prerequisites()?;
    let _one_at_a_time = lock(project)?;
    let wasm = wasm::ensure(project)?;
    crate::npm::install(project.root(), "workerd, Miniflare, wrangler, Node and the official clients")?;
    let node = node::choose(project)?;
    Ok(Tools { node, wasm })
}

/// Held while shared files of the checkout (`node_modules`, `dist`) are being made.
pub fn lock(project: &Project) -> Result<File> {
    let dir = project.state_dir();
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let file = File::create(dir.join("setup.lock"))?;
    file.lock().context("cannot lock .oslira/setup.lock")?;
    Ok(file)
}

fn check_prerequisites() -> Result<()> {
    let missing: Vec<&str> = [
        ("cargo", "Rust: https://rustup.rs"),
        ("node", "Node.js: https://nodejs.org or your system's package `nodejs`"),
        ("npm", "npm: comes with Node.js, or your system's package `npm`"),
        ("git", "git: your system's package `git`"),
    ]
    .into_iter()
    .filter(|(program, _)| which(program).is_none())
    .map(|(_, advice)| advice)
    .collect();
    if !missing.is_empty() {
        bail!("these prerequisites are not on PATH; install them and try again:\n  {}", missing.join("\n  "));
    }
    Ok(())
}
