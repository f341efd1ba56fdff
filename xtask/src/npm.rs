//! Installing a locked npm package directory, once per content of its lockfile.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::run_quiet;
use crate::stamp::{Hash, Stamp};
use crate::step::step;

/// Installs exactly what `dir/package-lock.json` says into `dir/node_modules`, without running any package's scripts.
pub fn install(dir: &Path, what: &str) -> Result<()> {
    let stamp = stamp(dir);
    if stamp.is_current() {
        return Ok(());
    }
    step(&format!("installing {what} (npm)"), || {
        run_quiet(
            Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(dir),
        )
    })
    .context("npm could not install the pinned packages: is the npm registry reachable (npm ping)?")?;
    stamp.set()
}

/// Copies `package.json` and its lockfile to a directory outside the source tree and installs them there.
pub fn install_copy(source: &Path, dir: &Path, what: &str) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), dir.join(file))
            .with_context(|| format!("cannot copy {}", source.join(file).display()))?;
    }
    install(dir, what)
}

/// Kept inside `node_modules`, so that deleting that directory is enough to start over.
fn stamp(dir: &Path) -> Stamp {
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let hash = Hash::new()
        .add_file(&dir.join("package.json"))
        .add_file(&dir.join("package-lock.json"))
        .add(platform.as_bytes());
    Stamp::new(dir.join("node_modules/.oslira-stamp"), &hash)
}
