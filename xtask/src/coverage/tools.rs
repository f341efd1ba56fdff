//! cargo-llvm-cov at a pinned version, and the two programs of LLVM that it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{answer, is_executable, run_quiet, which};
use crate::project::Project;
use crate::setup::cache_dir;
use crate::setup::debian::Apt;
use crate::step::step;

const VERSION: &str = "0.9.1";

/// Variables that cargo-llvm-cov reads, and the programs that they name.
const PROGRAMS: [(&str, &str); 2] = [("LLVM_COV", "llvm-cov"), ("LLVM_PROFDATA", "llvm-profdata")];

/// A newer LLVM reads what an older one wrote; how many major versions newer is looked for.
const NEWER_MAX: u32 = 4;

/// How to run cargo-llvm-cov.
#[derive(Debug)]
pub struct Tools {
    cargo_llvm_cov: PathBuf,
    llvm: Vec<(&'static str, PathBuf)>,
}

impl Tools {
    /// Finds what is there and installs what is missing.
    pub fn ensure(project: &Project) -> Result<Self> {
        Ok(Self { llvm: llvm(project)?, cargo_llvm_cov: cargo_llvm_cov()? })
    }

    /// `cargo llvm-cov SUBCOMMAND` in the checkout.
    pub fn command(&self, project: &Project, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo_llvm_cov);
        command.current_dir(project.root()).args(["llvm-cov", subcommand]);
        command.envs(self.llvm.iter().map(|(variable, program)| (variable, program)));
        command
    }
}

/// In the user's cache, by its version: compiled once for all checkouts.
fn cargo_llvm_cov() -> Result<PathBuf> {
    let root = cache_dir()
        .context("there is no cache directory to install cargo-llvm-cov in: set XDG_CACHE_HOME")?
        .join(format!("cargo-llvm-cov-{VERSION}"));
    let program = root.join("bin/cargo-llvm-cov");
    if !is_executable(&program) {
        step("installing cargo-llvm-cov (cargo)", || {
            let mut install = Command::new("cargo");
            install.args(["install", "--quiet", "--locked", "--version", &format!("={VERSION}"), "--root"]).arg(&root);
            run_quiet(install.arg("cargo-llvm-cov"))
        })
        .context("cargo could not install cargo-llvm-cov: is crates.io reachable?")?;
    }
    Ok(program)
}

/// The programs that can read what this compiler's instrumentation writes: those that the user names, else rustup's, else
/// Debian's.
fn llvm(project: &Project) -> Result<Vec<(&'static str, PathBuf)>> {
    let named = PROGRAMS.map(|(variable, _)| std::env::var_os(variable));
    if named.iter().all(Option::is_some) {
        // They are inherited as they are.
        return Ok(Vec::new());
    }
    let verbose = answer("rustc", &["-vV"]).context("rustc does not start")?;
    let compiler = Compiler::parse(&verbose).context("`rustc -vV` names no host or no LLVM")?;
    let sysroot = answer("rustc", &["--print", "sysroot"]).context("rustc names no sysroot")?;
    let of_rustup = Path::new(&sysroot).join("lib/rustlib").join(&compiler.host).join("bin");
    if let Some(found) = in_directory(&of_rustup) {
        return Ok(found);
    }
    if let Some(found) = of_debian(compiler.llvm_major) {
        return Ok(found);
    }
    if which("rustup").is_some()
        && add_component(project)
        && let Some(found) = in_directory(&of_rustup)
    {
        return Ok(found);
    }
    install_from_debian(compiler.llvm_major).with_context(|| {
        format!(
            "no llvm-cov and llvm-profdata for LLVM {major}: `rustup component add llvm-tools` did not work, and neither did \
             Debian's packages. Install LLVM {major} or newer and set LLVM_COV and LLVM_PROFDATA to its programs",
            major = compiler.llvm_major
        )
    })
}

/// What the compiler says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Compiler {
    host: String,
    llvm_major: u32,
}

impl Compiler {
    fn parse(verbose: &str) -> Option<Self> {
        let field = |name: &str| verbose.lines().find_map(|line| line.strip_prefix(name));
        let llvm_major = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
        Some(Self { host: field("host: ")?.to_owned(), llvm_major })
    }
}

fn in_directory(dir: &Path) -> Option<Vec<(&'static str, PathBuf)>> {
    let found = PROGRAMS.map(|(variable, name)| (variable, dir.join(name)));
    found.iter().all(|(_, program)| is_executable(program)).then(|| found.to_vec())
}

fn add_component(project: &Project) -> bool {
    step("rustup component add llvm-tools", || {
        run_quiet(Command::new("rustup").args(["component", "add", "llvm-tools"]).current_dir(project.root())).is_ok()
    })
}

fn majors(oldest: u32) -> impl Iterator<Item = u32> {
    oldest..=oldest + NEWER_MAX
}

fn of_debian(oldest: u32) -> Option<Vec<(&'static str, PathBuf)>> {
    majors(oldest).find_map(|major| in_directory(&PathBuf::from(format!("/usr/lib/llvm-{major}/bin"))))
}

fn install_from_debian(oldest: u32) -> Result<Vec<(&'static str, PathBuf)>> {
    let apt = Apt::find(&format!("llvm-{oldest}"))?;
    step("installing LLVM's tools (apt)", || {
        apt.run(&["update"])?;
        for major in majors(oldest) {
            if apt.run(&["install", &format!("llvm-{major}")]).is_ok()
                && let Some(found) = of_debian(oldest)
            {
                return Ok(found);
            }
        }
        bail!("Debian has no package llvm-{oldest} to llvm-{}", oldest + NEWER_MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_names_its_host_and_its_llvm() {
        let verbose = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        let expected = Compiler { host: "x86_64-unknown-linux-gnu".to_owned(), llvm_major: 22 };
        assert_eq!(Compiler::parse(verbose), Some(expected));
        assert_eq!(Compiler::parse("rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\n"), None, "a compiler without LLVM");
    }

    #[test]
    fn a_directory_counts_only_with_both_programs() {
        let dir = std::env::temp_dir().join(format!("oslira-llvm-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let add = |name: &str| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::write(dir.join(name), "").unwrap();
            std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        add("llvm-cov");
        assert_eq!(in_directory(&dir), None);
        add("llvm-profdata");
        let expected = [("LLVM_COV", dir.join("llvm-cov")), ("LLVM_PROFDATA", dir.join("llvm-profdata"))];
        assert_eq!(in_directory(&dir), Some(expected.to_vec()));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_older_llvm_is_never_taken() {
        assert_eq!(majors(22).collect::<Vec<_>>(), [22, 23, 24, 25, 26]);
    }
}
