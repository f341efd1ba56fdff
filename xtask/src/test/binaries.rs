//! The test programs that cargo builds from the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::process::cargo_messages;
use crate::project::Project;

/// Which part of a crate the tests belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Unit tests of a library.
    Library,
    /// Unit tests of a program.
    Program,
    /// A file or directory in `tests/`.
    Integration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestBinary {
    /// The directory of its crate in the checkout, such as `crates/app`.
    pub package: String,
    /// The target: the crate's own name for its unit tests, else the name of the file in `tests/`.
    pub target: String,
    pub kind: Kind,
    pub program: PathBuf,
}

/// Compiles with `command` (a `cargo test`) and returns the programs in the order of their names.
pub fn compile(project: &Project, command: &mut Command) -> Result<Vec<TestBinary>> {
    let messages = cargo_messages(command.arg("--no-run"))?;
    let mut found: Vec<TestBinary> =
        messages.iter().filter_map(|message| test_binary(project.root(), message)).collect();
    found.sort_by(|one, other| (&one.package, one.kind, &one.target).cmp(&(&other.package, other.kind, &other.target)));
    Ok(found)
}

fn test_binary(root: &Path, message: &Value) -> Option<TestBinary> {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    if message.pointer("/profile/test") != Some(&Value::Bool(true)) {
        return None;
    }
    let package = Path::new(text("/manifest_path")?).parent()?;
    Some(TestBinary {
        package: package.strip_prefix(root).unwrap_or(package).to_string_lossy().into_owned(),
        target: text("/target/name")?.to_owned(),
        kind: match text("/target/kind/0")? {
            "test" => Kind::Integration,
            "bin" => Kind::Program,
            _ => Kind::Library,
        },
        program: text("/executable")?.into(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_test_program_is_known_by_its_crate_and_its_file() {
        let message = json!({
            "reason": "compiler-artifact", "manifest_path": "/oslira/e2e/Cargo.toml", "executable": "/oslira/target/api-1",
            "target": { "kind": ["test"], "name": "api" }, "profile": { "test": true },
        });
        let found = test_binary(Path::new("/oslira"), &message).unwrap();
        assert_eq!((found.package.as_str(), found.target.as_str(), found.kind), ("e2e", "api", Kind::Integration));
    }

    #[test]
    fn a_library_that_tests_use_is_no_test_program() {
        let message = json!({
            "reason": "compiler-artifact", "manifest_path": "/oslira/e2e/Cargo.toml", "executable": null,
            "target": { "kind": ["lib"], "name": "oslira_e2e" }, "profile": { "test": false },
        });
        assert_eq!(test_binary(Path::new("/oslira"), &message), None);
    }
}
