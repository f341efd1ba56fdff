//! Installs npm packages from a lockfile, again only when the lockfile changes.

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
    // `--ignore-scripts`: packages must not run code of their own during installation.
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

/// Copies `package.json` and its lockfile to another directory and installs there, so that the source tree stays clean.
pub fn install_copy(source: &Path, dir: &Path, what: &str) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), dir.join(file))
            .with_context(|| format!("cannot copy {}", source.join(file).display()))?;
    }
    install(dir, what)
}

/// The stamp is inside `node_modules`, so that deleting that directory is enough to install again.
fn stamp(dir: &Path) -> Stamp {
    // Optional packages differ by platform, and a checkout may be shared between two.
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let hash = Hash::new()
        .add_file(&dir.join("package.json"))
        .add_file(&dir.join("package-lock.json"))
        .add(platform.as_bytes());
    Stamp::new(dir.join("node_modules/.oslira-stamp"), &hash)
}
