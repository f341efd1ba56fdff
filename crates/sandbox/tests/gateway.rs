//! The AI Gateway over HTTP, as Oslira's adapters use it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Stand, lead_request};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

const METADATA: &str = r#"{"run_id":"run-1","kind":"light"}"#;

/// A chat completion through the gateway, without the gateway's token.
fn bare(stand: &Stand, gateway: &str, body: &Value) -> RequestBuilder {
    let url = format!("{}/gateway/v1/account/{gateway}/openai/chat/completions", stand.base);
    stand.client.post(url).bearer_auth("sandbox-openai-key").json(body)
}

fn chat(stand: &Stand, body: &Value) -> RequestBuilder {
    bare(stand, "oslira", body).header("cf-aig-authorization", "Bearer sandbox-gateway-token")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

async fn count(stand: &Stand, target: &str) -> u64 {
    stand.received(&format!("?target={target}")).await["count"].as_u64().unwrap()
}

/// The gateway's own error: its code and message.
async fn own_error(answer: Response) -> (u16, u64, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["success"], &body["result"], &body["messages"]), (&json!(false), &json!([]), &json!([])));
    let error = &body["error"][0];
    (status, error["code"].as_u64().unwrap(), error["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_call_passes_through_and_is_recorded_twice_with_its_metadata() {
    let stand = Stand::start(0.0).await;
    let answer =
        chat(&stand, &lead_request("gpt-5-mini", "")).header("cf-aig-metadata", METADATA).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!((header(&answer, "cf-aig-cache-status"), header(&answer, "cf-aig-step")), ("MISS", "0"));
    assert_eq!((header(&answer, "cf-aig-log-id").len(), header(&answer, "cf-aig-event-id").len()), (26, 26));
    assert!(answer.headers().contains_key("x-request-id"), "the provider's headers pass through");
    assert_eq!(answer.json::<Value>().await.unwrap()["model"], "gpt-5-mini-2025-08-07");
    let received = stand.received("?match=bean.there").await;
    let calls = received["calls"].as_array().unwrap();
    let targets: Vec<&Value> = calls.iter().map(|call| &call["target"]).collect();
    assert_eq!(targets, ["gateway", "openai.chat"]);
    assert_eq!(calls[0]["path"], "/gateway/v1/account/oslira/openai/chat/completions");
    assert_eq!(calls[1]["path"], "/openai/v1/chat/completions");
    for call in calls {
        assert_eq!(call["metadata"], json!({"run_id": "run-1", "kind": "light"}));
        assert_eq!((&call["status"], &call["usernames"]), (&json!(200), &json!(["bean.there"])));
    }
    let text = received.to_string();
    assert!(!text.contains("sandbox-gateway-token") && !text.contains("sandbox-openai-key"));
    stand.chat(lead_request("gpt-5-mini", "direct")).await.unwrap();
    assert_eq!(stand.received("?match=direct").await["calls"][0]["metadata"], Value::Null);
}

#[tokio::test]
async fn a_hit_is_the_very_same_body_and_asks_no_provider() {
    let stand = Stand::start(0.0).await;
    let body = lead_request("gpt-5-mini", "");
    let cached = |body: &Value| chat(&stand, body).header("cf-aig-cache-ttl", "3600");
    let first = cached(&body).send().await.unwrap();
    assert_eq!(header(&first, "cf-aig-cache-status"), "MISS");
    let first = first.text().await.unwrap();
    let second = cached(&body).send().await.unwrap();
    assert_eq!((header(&second, "cf-aig-cache-status"), header(&second, "content-type")), ("HIT", "application/json"));
    assert_eq!(second.text().await.unwrap(), first);
    assert_eq!((count(&stand, "gateway").await, count(&stand, "openai.chat").await), (2, 1));

    let status =
        async |request: RequestBuilder| header(&request.send().await.unwrap(), "cf-aig-cache-status").to_owned();
    assert_eq!(status(cached(&body).header("cf-aig-skip-cache", "true")).await, "MISS");
    assert_eq!(status(chat(&stand, &body)).await, "MISS", "without a time to live nothing is read");
    let reordered = body.to_string().replacen("{", "{ ", 1);
    assert_eq!(status(cached(&body).body(reordered)).await, "MISS", "another byte is another request");
    assert_eq!(status(cached(&lead_request("gpt-5-mini", "other"))).await, "MISS");
    let elsewhere = bare(&stand, "open_other", &body).header("cf-aig-cache-ttl", "3600");
    assert_eq!(status(elsewhere).await, "MISS", "another gateway has another cache");
}

#[tokio::test]
async fn a_key_of_ones_own_stands_for_the_request_and_errors_are_not_kept() {
    let stand = Stand::start(0.0).await;
    let keyed = |text: &str| chat(&stand, &lead_request("gpt-4o-mini", text)).header("cf-aig-cache-key", "mine");
    stand.fault(json!({"target": "openai.chat", "kind": "status", "status": 500, "times": 1})).await;
    assert_eq!(keyed("a").send().await.unwrap().status(), 500);
    let good = keyed("a").send().await.unwrap();
    assert_eq!((good.status().as_u16(), header(&good, "cf-aig-cache-status")), (200, "MISS"));
    let other = keyed("b").send().await.unwrap();
    assert_eq!(header(&other, "cf-aig-cache-status"), "HIT");
    assert_eq!(other.text().await.unwrap(), good.text().await.unwrap());
}

#[tokio::test]
async fn the_gateways_own_errors_are_lists_and_a_providers_passes_unchanged() {
    let stand = Stand::start(0.0).await;
    let body = lead_request("gpt-4o-mini", "");
    let refused = (401, 2009, "Unauthorized".to_owned());
    assert_eq!(own_error(bare(&stand, "oslira", &body).send().await.unwrap()).await, refused);
    let wrong = bare(&stand, "oslira", &body).header("cf-aig-authorization", "Bearer wrong");
    assert_eq!(own_error(wrong.send().await.unwrap()).await, refused);
    assert_eq!(bare(&stand, "open_gateway", &body).send().await.unwrap().status(), 200);
    assert_eq!(count(&stand, "openai.chat").await, 1);
    for metadata in ["[]", r#"{"a":{"b":1}}"#] {
        let bad = chat(&stand, &body).header("cf-aig-metadata", metadata);
        assert_eq!(own_error(bad.send().await.unwrap()).await.0, 400, "{metadata}");
    }
    let nowhere = stand.client.post(format!("{}/gateway/v1/account/open_g/mistral/v1/chat", stand.base));
    assert_eq!(own_error(nowhere.send().await.unwrap()).await, (400, 2008, "Invalid provider".to_owned()));

    stand.fault(json!({"target": "gateway", "kind": "rate_limit", "times": 1, "retry_after_s": 3})).await;
    let limited = chat(&stand, &body).send().await.unwrap();
    assert_eq!(header(&limited, "retry-after"), "3");
    assert_eq!(own_error(limited).await, (429, 2003, "Rate limited".to_owned()));
    stand.fault(json!({"target": "gateway", "kind": "status", "status": 502, "times": 1})).await;
    let outage = chat(&stand, &body).send().await.unwrap();
    assert_eq!((outage.status().as_u16(), header(&outage, "content-type")), (502, "text/html; charset=UTF-8"));

    let unknown_model = chat(&stand, &lead_request("gpt-9", "")).send().await.unwrap();
    assert_eq!(unknown_model.status(), 404);
    assert_eq!(unknown_model.json::<Value>().await.unwrap()["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn a_provider_that_hangs_up_is_the_gateways_error_and_a_broken_answer_breaks() {
    let stand = Stand::start(0.0).await;
    let body = lead_request("gpt-4o-mini", "");
    let cached = || chat(&stand, &body).header("cf-aig-cache-ttl", "60");
    stand.fault(json!({"target": "openai.chat", "kind": "drop", "times": 1})).await;
    let known = (400, 2005, "Failed to get response from provider".to_owned());
    assert_eq!(own_error(cached().send().await.unwrap()).await, known);
    stand.fault(json!({"target": "openai.chat", "kind": "truncate", "times": 1})).await;
    let broken = cached().send().await.unwrap();
    assert_eq!(broken.status(), 200);
    assert!(broken.text().await.is_err());
    let whole = cached().send().await.unwrap();
    assert_eq!(header(&whole, "cf-aig-cache-status"), "MISS", "half an answer is not kept");
    stand.fault(json!({"target": "gateway", "kind": "drop", "times": 1})).await;
    assert!(cached().send().await.is_err());
}

#[tokio::test]
async fn attempts_and_a_time_limit_are_the_callers_to_set() {
    let stand = Stand::start(0.0).await;
    let body = lead_request("gpt-4o-mini", "");
    stand.fault(json!({"target": "openai.chat", "kind": "overloaded", "times": 2})).await;
    let patient = chat(&stand, &body).header("cf-aig-max-attempts", "3").header("cf-aig-retry-delay", "1");
    assert_eq!(patient.send().await.unwrap().status(), 200);
    assert_eq!((count(&stand, "gateway").await, count(&stand, "openai.chat").await), (1, 3));
    stand.fault(json!({"target": "openai.chat", "kind": "hold", "times": 1})).await;
    let hasty = chat(&stand, &body).header("cf-aig-request-timeout", "50").send().await.unwrap();
    assert_eq!(own_error(hasty).await.1, 2005);
}

#[tokio::test]
async fn a_fault_finds_its_call_by_the_metadata_too_and_so_does_who_asks_what_was_received() {
    let stand = Stand::start(0.0).await;
    let with = |call: &str| {
        let metadata = json!({"run": "r1", "call": call}).to_string();
        chat(&stand, &lead_request("gpt-4o-mini", "")).header("cf-aig-metadata", metadata)
    };
    let both = json!(["bean.there", "\"call\":\"outreach\""]);
    stand.fault(json!({"target": "openai.chat", "kind": "status", "status": 500, "match": both})).await;
    assert_eq!(with("light").send().await.unwrap().status(), 200);
    assert_eq!(with("outreach").send().await.unwrap().status(), 500);
    assert_eq!(stand.received("?target=openai.chat&match=outreach").await["count"], 1);
    assert_eq!(stand.received("?target=gateway&match=r1").await["count"], 2);
}

#[tokio::test]
async fn anthropic_goes_by_its_own_path_with_its_cache_control() {
    let stand = Stand::start(0.0).await;
    let usage = async || {
        let system = format!("{}<business>We sell grinders.</business>", "Rule. ".repeat(2_000));
        let body = json!({
            "model": "claude-sonnet-5", "max_tokens": 500,
            "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": "<profile>{\"username\":\"bean.there\"}</profile>"}],
        });
        let url = format!("{}/gateway/v1/account/oslira/anthropic/v1/messages", stand.base);
        let request = stand.client.post(url).header("cf-aig-authorization", "Bearer sandbox-gateway-token");
        let request = request.header("x-api-key", "sandbox-anthropic-key").header("anthropic-version", "2023-06-01");
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["usage"].take()
    };
    let (first, second) = (usage().await, usage().await);
    assert!(first["cache_creation_input_tokens"].as_u64().unwrap() > 3_000);
    assert_eq!(second["cache_read_input_tokens"], first["cache_creation_input_tokens"]);
    assert_eq!(stand.received("?target=anthropic.messages").await["calls"][0]["usernames"], json!(["bean.there"]));
}
