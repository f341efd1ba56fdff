//! The WebAssembly compiler for machines on which rustup cannot download the target: Debian's `rustc-web`, with a
//! standard library built once from `rust-web-src`, kept in the user's cache as a directory that looks like a rustup
//! toolchain.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{answer, run_quiet, which};
use crate::setup::cache_dir;
use crate::setup::toolchain::{TARGET, has_core};
use crate::stamp::short_hash;
use crate::step::step;

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
const RUSTC: &str = "/usr/bin/rustc";
const LINKERS: [&str; 4] = ["lld-22", "lld-21", "lld-20", "lld-19"];

/// The toolchain, if an earlier run built it and the compiler is still the same.
pub fn installed() -> Option<PathBuf> {
    let dir = directory()?;
    has_core(&dir.join("lib/rustlib").join(TARGET).join("lib")).then_some(dir)
}

/// The toolchain, installing packages and building the library where needed.
pub fn ensure() -> Result<PathBuf> {
    if let Some(dir) = installed() {
        return Ok(dir);
    }
    let has_packages = run_quiet(Command::new("dpkg").arg("--status").args(PACKAGES)).is_ok();
    if !has_packages || linker().is_none() {
        install_packages()?;
    }
    let dir = directory().context("the packages are installed, but /usr/bin/rustc does not start")?;
    step("building the WebAssembly standard library (once)", || assemble(&dir))?;
    Ok(dir)
}

/// A directory in the user's cache for this version of the compiler.
fn directory() -> Option<PathBuf> {
    let version = answer(RUSTC, &["--version"])?;
    Some(cache_dir()?.join(format!("rust-wasm-{}", short_hash(version.as_bytes()))))
}

fn install_packages() -> Result<()> {
    let apt = Apt::find(&format!("{} lld-19", PACKAGES.join(" ")))?;
    step("installing Debian's Rust for the web", || {
        apt.run(&["update"])?;
        apt.run(&[&["install"], &PACKAGES[..]].concat())?;
        // The packages' names contain the version; take the newest that the system has.
        for linker in LINKERS {
            if apt.run(&["install", linker]).is_ok() {
                return Ok(());
            }
        }
        bail!("no linker among {}", LINKERS.join(", "))
    })
}

/// Debian's package manager, as root or by a sudo that asks for no password.
pub struct Apt {
    by_sudo: bool,
}

impl Apt {
    /// Fails, and says what to install by hand, if the system has none or we may not use it.
    pub fn find(wanted: &str) -> Result<Self> {
        if which("apt-get").is_none() {
            bail!("this is not a Debian system (no apt-get)");
        }
        let root = rustix::process::geteuid().is_root();
        let by_sudo = !root && which("sudo").is_some() && run_quiet(Command::new("sudo").args(["-n", "true"])).is_ok();
        if !root && !by_sudo {
            bail!("installing packages needs root: apt-get install {wanted}");
        }
        Ok(Self { by_sudo })
    }

    pub fn run(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new(if self.by_sudo { "sudo" } else { "apt-get" });
        if self.by_sudo {
            command.args(["-n", "apt-get"]);
        }
        command.args(["-qq", "-y", "--no-install-recommends"]).args(args).env("DEBIAN_FRONTEND", "noninteractive");
        run_quiet(&mut command).map(drop)
    }
}

fn linker() -> Option<PathBuf> {
    LINKERS.iter().find_map(|name| which(name))
}

/// Builds the library in a scratch directory and renames the result to `dir`, so that an incomplete toolchain is never
/// found.
fn assemble(dir: &Path) -> Result<()> {
    let scratch = dir.with_extension(format!("new-{}", std::process::id()));
    let crate_dir = scratch.join("build");
    std::fs::create_dir_all(crate_dir.join("src")).with_context(|| format!("cannot create {}", scratch.display()))?;
    std::fs::write(
        crate_dir.join("Cargo.toml"),
        "[workspace]\n[package]\nname = \"stdbuild\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
         [profile.release]\ndebug = 0\npanic = \"abort\"\n",
    )?;
    std::fs::write(crate_dir.join("src/lib.rs"), "#![no_std]\n")?;
    run_quiet(
        Command::new("/usr/bin/cargo")
            .args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET])
            .current_dir(&crate_dir)
            // Nothing of the developer's own Rust may leak in. RUSTC_BOOTSTRAP allows the unstable `-Zbuild-std`.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO_TARGET_DIR")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", RUSTC)
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env("__CARGO_DEFAULT_LIB_METADATA", "wasmstd"),
    )?;
    let toolchain = scratch.join("toolchain");
    lay_out(&toolchain, &crate_dir.join("target").join(TARGET).join("release/deps"), dir)?;
    let _ = std::fs::remove_dir_all(dir);
    std::fs::rename(&toolchain, dir)?;
    std::fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// Creates the directory layout that rustc expects of a sysroot; `home` is its final path.
fn lay_out(toolchain: &Path, libraries: &Path, home: &Path) -> Result<()> {
    let host = host_triple()?;
    let rustlib = toolchain.join("lib/rustlib");
    let target = rustlib.join(TARGET).join("lib");
    for dir in [toolchain.join("bin"), target.clone(), rustlib.join(&host).join("bin")] {
        std::fs::create_dir_all(dir)?;
    }
    for program in ["rustc", "rustdoc"] {
        let script = format!("#!/bin/sh\nexec /usr/bin/{program} --sysroot \"{}\" \"$@\"\n", home.display());
        write_script(&toolchain.join("bin").join(program), &script)?;
    }
    symlink("/usr/bin/cargo", toolchain.join("bin/cargo"))?;
    let clippy = format!("#!/bin/sh\nSYSROOT=\"{}\" exec /usr/bin/cargo-clippy \"$@\"\n", home.display());
    write_script(&toolchain.join("bin/cargo-clippy"), &clippy)?;
    symlink(format!("/usr/lib/rustlib/{host}/lib"), rustlib.join(&host).join("lib"))?;
    symlink(linker().context("no lld found")?, rustlib.join(&host).join("bin/rust-lld"))?;
    for shared in ["src", "etc"] {
        symlink(Path::new("/usr/lib/rustlib").join(shared), rustlib.join(shared))?;
    }
    for entry in std::fs::read_dir(libraries)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_library = name.ends_with(".rlib") || name.ends_with(".rmeta");
        if is_library && !name.starts_with("libstdbuild") {
            std::fs::copy(&path, target.join(&name))?;
        }
    }
    Ok(())
}

fn host_triple() -> Result<String> {
    let output = run_quiet(Command::new(RUSTC).arg("-vV"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc -vV names no host")
}

fn write_script(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
