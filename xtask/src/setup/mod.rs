//! Sets up what a fresh clone needs and skips what is there: prerequisites, the WebAssembly target, the pinned npm
//! packages, a Node that can run them.

pub mod debian;
pub mod node;
mod toolchain;
mod wasm;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process::which;
use crate::project::Project;
pub use crate::setup::toolchain::WasmToolchain;

#[derive(Debug)]
pub struct Tools {
    /// A Node of version 22 or later.
    pub node: PathBuf,
    pub wasm: WasmToolchain,
}

/// Does what is missing of the set-up; takes little time if nothing is.
pub fn run(project: &Project) -> Result<Tools> {
    check_prerequisites()?;
    let _one_at_a_time = lock(project)?;
    let wasm = wasm::ensure(project)?;
    crate::npm::install(project.root(), "workerd, Miniflare, wrangler, Node and the official clients")?;
    let node = node::choose(project)?;
    Ok(Tools { node, wasm })
}

/// A lock on the files that all stacks of the checkout share (`node_modules`, `dist`), held until the value is dropped.
pub fn lock(project: &Project) -> Result<File> {
    let dir = project.state_dir();
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let file = File::create(dir.join("setup.lock"))?;
    file.lock().context("cannot lock .oslira/setup.lock")?;
    Ok(file)
}

/// Our directory in the user's cache, for tools that all checkouts share; `None` for a user without a home.
pub fn cache_dir() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))?;
    Some(cache.join("oslira"))
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
