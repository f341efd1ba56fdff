//! The stack's own programs: built together, and copied, so that a later build does not disturb a stack that runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};

use crate::process::cargo_artifacts;
use crate::project::Project;
use crate::stack::Layout;
use crate::stack::part::Part;
use crate::stack::state::State;
use crate::stamp::Hash;
use crate::step::step;

/// The parts that are programs of this workspace, with the names of their packages.
const PROGRAMS: [(Part, &str); 2] = [(Part::Sandbox, "oslira-sandbox"), (Part::Pooler, "oslira-pooler")];

/// Where a part's compiled program is.
pub type Built = Vec<(Part, PathBuf)>;

/// Compiles them.
pub fn build(project: &Project) -> Result<Built> {
    step("compiling the sandbox and the pooler", || {
        PROGRAMS.into_iter().map(|(part, package)| Ok((part, build_one(project, package)?))).collect()
    })
}

fn build_one(project: &Project, package: &str) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(project.root()).args(["build", "--package", package, "--bin", package]);
    let files = cargo_artifacts(&mut cargo, package)?;
    let program = files.into_iter().find(|file| file.file_name().is_some_and(|name| name == package));
    program.with_context(|| format!("cargo made no {package}"))
}

/// Gives the stack its own copies, where it does not have these already.
pub fn copy(built: &Built, layout: &Layout, state: &mut State) -> Result<()> {
    for (part, program) in built {
        let version = version(program)?;
        let copy = path(layout, *part);
        if state.programs.get(part) == Some(&version) && copy.is_file() {
            continue;
        }
        std::fs::create_dir_all(layout.programs())?;
        let _ = std::fs::remove_file(&copy); // the file of a running program cannot be written over
        std::fs::copy(program, &copy).with_context(|| format!("cannot copy {}", program.display()))?;
        state.programs.insert(*part, version);
    }
    Ok(())
}

/// The stack's copy of a part's program.
pub fn of(layout: &Layout, part: Part) -> Result<PathBuf> {
    let program = path(layout, part);
    if !program.is_file() {
        bail!("this stack has no {} yet: run `cargo xtask stack up` without --no-build", part.name());
    }
    Ok(program)
}

fn path(layout: &Layout, part: Part) -> PathBuf {
    layout.programs().join(part.name())
}

/// Cargo touches the file only when it links anew.
fn version(file: &Path) -> Result<String> {
    let meta = file.metadata().with_context(|| format!("cannot read {}", file.display()))?;
    let changed = meta.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    Ok(Hash::new().add(&meta.len().to_le_bytes()).add(&changed.to_le_bytes()).hex())
}
