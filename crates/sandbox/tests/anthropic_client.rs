//! Anthropic's official client uses the sandbox, directly and through the gateway.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::path::Path;

use common::Stand;
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs the script against this sandbox and returns what it saw.
async fn drive(stand: &Stand) -> Value {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(
        project.join("node_modules/@anthropic-ai/sdk").exists(),
        "the Anthropic client is not installed: run `cargo xtask setup` or `npm ci --ignore-scripts`"
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/anthropic.mjs");
    let mut node = Command::new("node");
    // The client reads settings from the environment; those of the developer must not change the test.
    node.arg(script).arg(&stand.base).env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    let output = node.output().await.expect("node could not be started: is it installed?");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn check(name: &str, seen: &Value) {
    let judged: Value =
        serde_json::from_str(seen["written"]["message"]["content"][0]["text"].as_str().expect(name)).unwrap();
    assert!(judged["fit_score"].as_u64().unwrap() > 60, "{name}: {judged}");
    assert_eq!(seen["written"]["message"]["stop_reason"], "end_turn");
    let usage = |call: &str, field: &str| seen[call]["message"]["usage"][field].as_u64().unwrap();
    let prefix = usage("written", "cache_creation_input_tokens") + usage("written", "cache_read_input_tokens");
    assert!(prefix > 4_096, "{name}: {prefix}");
    assert_eq!(usage("read", "cache_read_input_tokens"), prefix, "{name}");
    assert_eq!(usage("read", "cache_creation_input_tokens"), 0, "{name}");
    assert!(usage("read", "input_tokens") < 200, "{name}: the cached prefix is not part of the input");

    assert_eq!(seen["limited"]["message"]["stop_reason"], "max_tokens");
    assert_eq!(usage("limited", "output_tokens"), 5);
    assert_eq!(seen["tool"]["message"]["stop_reason"], "tool_use");
    assert!(seen["tool"]["message"]["content"][0]["input"]["summary"].is_string());
    assert_eq!(seen["refusal"]["message"]["stop_reason"], "refusal");
    assert_eq!(seen["refusal"]["message"]["content"], json!([]));
    for (call, error, status, kind) in [
        ("unknown_model", "NotFoundError", 404, "not_found_error"),
        ("wrong_key", "AuthenticationError", 401, "authentication_error"),
        ("overloaded", "OverloadedError", 529, "overloaded_error"),
        ("unpaid", "PaymentRequiredError", 402, "billing_error"),
    ] {
        let seen = &seen[call];
        assert_eq!((&seen["error"], &seen["status"]), (&json!(error), &json!(status)), "{name}: {call} {seen}");
        assert_eq!(seen["type"], kind, "{name}: {call}");
        assert!(seen["request_id"].as_str().unwrap().starts_with("req_"), "{name}: {call}");
    }
    assert!(seen["retried"]["message"].is_object(), "{name}: {}", seen["retried"]);
    assert_eq!(seen["retried"]["calls"], 2, "{name}");
    assert!(seen["retried"]["waited_ms"].as_f64().unwrap() >= 990.0, "{name}: retry-after was not honoured");
}

#[tokio::test]
async fn the_official_client_understands_the_sandbox() {
    let stand = Stand::start(0.0).await;
    let seen = drive(&stand).await;
    check("direct", &seen["direct"]);
    check("gateway", &seen["gateway"]);
    assert!(seen["direct"]["written"]["message"]["usage"]["cache_creation_input_tokens"].as_u64().unwrap() > 0);
    assert_eq!(seen["direct"]["dropped"]["error"], "APIConnectionError");
    // Without the gateway this is a lost connection; the gateway answers it with an error of its own.
    assert_eq!(
        (&seen["gateway"]["dropped"]["error"], &seen["gateway"]["dropped"]["status"]),
        (&json!("BadRequestError"), &json!(400))
    );
    let received = stand.received("?target=gateway").await;
    assert_eq!(received["calls"][0]["metadata"], json!({"run_id": "run-1"}));
    check_models(&seen);
    check_newer_models(&seen);
}

fn check_models(seen: &Value) {
    let models = seen["models"].as_array().unwrap();
    let field = |id: &str, name: &str| models.iter().find(|model| model["id"] == id).expect(id)[name].clone();
    assert_eq!(models[0]["id"], seen["first"], "pages and the whole begin alike");
    assert_eq!(field("claude-haiku-5-5", "lifecycle"), "active");
    assert_eq!(field("claude-haiku-5-5", "retires_at"), Value::Null);
    assert_eq!(field("claude-sonnet-4-5-20250929", "lifecycle"), "deprecated");
    assert_eq!(field("claude-sonnet-4-5-20250929", "retires_at"), "2026-11-30T00:00:00Z");
    assert_eq!(field("claude-sonnet-5-5", "capabilities")["thinking"]["types"]["between_tools"]["supported"], true);
    let gone = &seen["gone"];
    assert_eq!((&gone["asked"]["error"], &gone["asked"]["type"]), (&json!("NotFoundError"), &json!("not_found_error")));
    assert_eq!(gone["listed"].as_array().unwrap().len(), models.len() - 1);
    assert_eq!(gone["retired"]["lifecycle"], "retired");
}

fn check_newer_models(seen: &Value) {
    let content = |call: &str| seen[call]["message"]["content"].as_array().unwrap().clone();
    let types = |call: &str| content(call).iter().map(|block| block["type"].clone()).collect::<Vec<_>>();
    assert_eq!((types("thought"), types("unthought")), (vec![json!("thinking"), json!("text")], vec![json!("text")]));
    assert_eq!(seen["refused"]["error"], "BadRequestError");
    for (code, error) in [
        ("contract_spend_limit_reached", "ContractSpendLimitReachedError"),
        ("linked_organization_billing_unavailable", "LinkedOrganizationBillingUnavailableError"),
    ] {
        assert_eq!(seen["unbilled"][code]["error"], error);
    }
}
