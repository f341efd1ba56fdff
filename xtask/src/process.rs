//! Runs other programs. Unless a function says otherwise, their output is shown only when they fail.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Lines of a failed program's output that the error shows.
const TAIL_LINES: usize = 30;

/// Runs a program to its end; the error of a failed one shows the end of its output.
pub fn run_quiet(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", name(command)))?;
    if output.status.success() {
        return Ok(output);
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    bail!("`{}` failed ({}):\n{}", line(command), output.status, tail(&text, TAIL_LINES));
}

/// Runs a program whose output is the result: it goes straight to the terminal.
pub fn run_loud(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", name(command)))
}

/// A program's standard output, trimmed; `None` if the program is missing or fails.
pub fn answer(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first executable of this name on PATH.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| is_executable(file))
}

/// The path of this binary. If a build replaced the file meanwhile, Linux appends " (deleted)" to the old path.
pub fn own_binary() -> Result<PathBuf> {
    let path = std::env::current_exe().context("cannot find this program's own file")?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map(Into::into).unwrap_or(path.clone()))
}

pub fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Runs `cargo build` (given with all its arguments) and returns the files it made for the target `name`.
pub fn cargo_artifacts(command: &mut Command, target: &str) -> Result<Vec<PathBuf>> {
    let messages = cargo_messages(command)?;
    let is_target = |message: &&Value| message.pointer("/target/name").and_then(Value::as_str) == Some(target);
    let made = messages.iter().filter(is_target).filter_map(|message| message.get("filenames")?.as_array()).flatten();
    Ok(made.filter_map(Value::as_str).map(PathBuf::from).collect())
}

/// Runs a compiling cargo command and returns its message about each artifact. Compiler messages go to standard error
/// as usual.
pub fn cargo_messages(command: &mut Command) -> Result<Vec<Value>> {
    // Artifacts as JSON on standard output, but compiler messages readable on standard error.
    command.args(["--quiet", "--message-format=json-render-diagnostics"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))?;
    let stdout = child.stdout.take().context("cargo has no output")?;
    let mut messages = Vec::new();
    for message in BufReader::new(stdout).lines() {
        let message: Value = serde_json::from_str(&message?).unwrap_or_default();
        if message.get("reason").and_then(Value::as_str) == Some("compiler-artifact") {
            messages.push(message);
        }
    }
    if !child.wait()?.success() {
        bail!("`{}` failed: the compiler's messages are above", line(command));
    }
    Ok(messages)
}

pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(count)).fold(String::new(), |all, line| all + line + "\n")
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    command.get_args().fold(name(command), |all, arg| format!("{all} {}", arg.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_the_program_said() {
        let error =
            run_quiet(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("out\nerr"), "{error}");
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc", 2), "b\nc\n");
        assert_eq!(tail("a", 2), "a\n");
    }
}
