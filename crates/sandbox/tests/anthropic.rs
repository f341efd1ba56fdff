//! Anthropic over HTTP, as Oslira's adapter uses it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::Stand;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

fn schema() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["fit_score", "summary"],
        "properties": {"fit_score": {"type": "integer"}, "summary": {"type": "string"}}})
}

/// A small request about a coffee roaster. Its instructions are a block that a test can mark for the cache.
fn lead_request(model: &str, text: &str) -> Value {
    let profile = json!({"username": "bean.there", "biography": format!("Specialty coffee roaster {text}"), "followersCount": 9_000});
    json!({
        "model": model, "max_tokens": 2_000,
        "system": [{"type": "text", "text": "Judge the lead. <business>We sell grinders to coffee roasters.</business>"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": format!("<profile>{profile}</profile>")}]}],
        "output_config": {"format": {"type": "json_schema", "schema": schema()}},
    })
}

fn post(stand: &Stand, body: &Value) -> RequestBuilder {
    let request = stand.client.post(format!("{}/anthropic/v1/messages", stand.base)).json(body);
    request.header("anthropic-version", "2023-06-01")
}

async fn send(stand: &Stand, body: &Value) -> Response {
    post(stand, body).header("x-api-key", "sandbox-anthropic-key").send().await.unwrap()
}

async fn message(stand: &Stand, body: &Value) -> Value {
    let answer = send(stand, body).await;
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    answer.json().await.unwrap()
}

/// The status, the error's type and its message.
async fn error(request: RequestBuilder) -> (u16, String, String) {
    let answer = request.send().await.unwrap();
    let (status, id) = (answer.status().as_u16(), answer.headers()["request-id"].clone());
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["type"], &body["request_id"]), (&json!("error"), &json!(id.to_str().unwrap())));
    let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
    (status, text("type"), text("message"))
}

/// The text of the last block, because a model that thinks has a block of thoughts before it.
fn text(message: &Value) -> &str {
    message["content"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap()
}

fn content(message: &Value) -> Value {
    serde_json::from_str(text(message)).unwrap()
}

#[tokio::test]
async fn a_message_has_every_part_of_a_real_one() {
    let stand = Stand::start(0.0).await;
    let answer = send(&stand, &lead_request("claude-haiku-4-5", "")).await;
    for header in ["request-id", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-output-tokens-reset"] {
        assert!(answer.headers().contains_key(header), "{header}");
    }
    let message: Value = answer.json().await.unwrap();
    assert!(message["id"].as_str().unwrap().starts_with("msg_sandbox_"));
    assert_eq!((&message["type"], &message["role"]), (&json!("message"), &json!("assistant")));
    assert_eq!((&message["model"], &message["stop_reason"]), (&json!("claude-haiku-4-5-20251001"), &json!("end_turn")));
    assert!(content(&message)["fit_score"].as_u64().unwrap() > 60);
    let usage = &message["usage"];
    assert!(usage["input_tokens"].as_u64().unwrap() > 20 && usage["output_tokens"].as_u64().unwrap() > 10);
    assert_eq!((&usage["cache_creation_input_tokens"], &usage["cache_read_input_tokens"]), (&json!(0), &json!(0)));
    assert_eq!(usage["output_tokens_details"]["thinking_tokens"], 0);
    let received = stand.received("?target=anthropic.messages&match=bean.there").await;
    assert_eq!((&received["count"], &received["calls"][0]["usernames"]), (&json!(1), &json!(["bean.there"])));
    assert!(!received.to_string().contains("sandbox-anthropic-key"));
}

#[tokio::test]
async fn both_providers_judge_alike() {
    let stand = Stand::start(0.0).await;
    let claude = content(&message(&stand, &lead_request("claude-sonnet-5", "")).await);
    let mut chat = common::lead_request("gpt-4o-mini", "");
    chat["response_format"]["json_schema"]["schema"] = schema();
    let chat: Value = stand.chat(chat).await.unwrap().json().await.unwrap();
    let chat: Value = serde_json::from_str(chat["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(claude, chat);
}

#[tokio::test]
async fn a_tool_is_used_with_an_object_and_thoughts_come_before_the_text() {
    let stand = Stand::start(0.0).await;
    let mut request = lead_request("claude-sonnet-5", "");
    request.as_object_mut().unwrap().remove("output_config");
    request["tools"] = json!([{"name": "judge", "strict": true, "input_schema": schema()}]);
    request["tool_choice"] = json!({"type": "tool", "name": "judge"});
    let used = message(&stand, &request).await;
    assert_eq!((&used["stop_reason"], &used["content"][0]["type"]), (&json!("tool_use"), &json!("tool_use")));
    assert_eq!(used["content"][0]["name"], "judge");
    assert!(used["content"][0]["input"]["fit_score"].as_u64().unwrap() > 60);
    request["max_tokens"] = json!(12);
    let short = message(&stand, &request).await;
    assert_eq!(short["stop_reason"], "max_tokens");
    let input = short["content"][0]["input"].as_object().unwrap();
    assert!(input.contains_key("fit_score") && !input.contains_key("summary"), "{input:?}");

    let mut request = lead_request("claude-sonnet-5", "");
    request["thinking"] = json!({"type": "adaptive"});
    request["output_config"]["effort"] = json!("low");
    let thought = message(&stand, &request).await;
    let types: Vec<&Value> = thought["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(types, ["thinking", "text"]);
    let low = thought["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().unwrap();
    request["output_config"]["effort"] = json!("high");
    let high = message(&stand, &request).await["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().unwrap();
    assert!(0 < low && low < high, "{low} {high}");
    request["max_tokens"] = json!(100);
    let none = message(&stand, &request).await;
    assert_eq!((&none["stop_reason"], &none["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(100)));
    assert!(none["content"].as_array().unwrap().iter().all(|block| block["type"] != "text"));
}

#[tokio::test]
async fn a_marked_prefix_is_written_then_read_and_the_floor_is_the_models() {
    let stand = Stand::start(0.0).await;
    let usage = async |model: &str, tail: &str, marked: bool| {
        let mut request = lead_request(model, tail);
        let long = format!("{}{}", "Rule. ".repeat(1_500), request["system"][0]["text"].as_str().unwrap());
        request["system"][0]["text"] = json!(long);
        if marked {
            request["system"][0]["cache_control"] = json!({"type": "ephemeral"});
        }
        let usage = message(&stand, &request).await["usage"].take();
        let count = |name: &str| usage[name].as_u64().unwrap();
        assert_eq!(usage["cache_creation"]["ephemeral_5m_input_tokens"], usage["cache_creation_input_tokens"]);
        (count("cache_creation_input_tokens"), count("cache_read_input_tokens"), count("input_tokens"))
    };
    let (written, read, rest) = usage("claude-sonnet-5", "one", true).await;
    assert!(written > 2_250 && read == 0 && rest < 100, "{written} {read} {rest}");
    assert_eq!(usage("claude-sonnet-5", "two", true).await, (0, written, rest));
    let unmarked = usage("claude-sonnet-5", "two", false).await;
    assert_eq!((unmarked.0, unmarked.1), (0, 0));
    assert_eq!(unmarked.2, written + rest);
    for _ in 0..2 {
        let below = usage("claude-haiku-4-5", "one", true).await;
        assert_eq!((below.0, below.1), (0, 0), "Haiku 4.5 caches nothing below 4,096 tokens");
    }
}

#[tokio::test]
async fn every_fault_is_of_its_kind() {
    let stand = Stand::start(0.0).await;
    let request = |kind: &str| lead_request("claude-sonnet-5", kind);
    let plant = async |fault: Value| stand.fault(fault).await;
    let under = async |kind: &str| {
        plant(json!({"target": "anthropic.messages", "kind": kind, "times": 1, "match": kind})).await;
        send(&stand, &request(kind)).await
    };
    let refusal: Value = under("refusal").await.json().await.unwrap();
    assert_eq!((&refusal["stop_reason"], &refusal["content"]), (&json!("refusal"), &json!([])));
    assert_eq!(refusal["stop_details"]["type"], "refusal");
    let length: Value = under("length").await.json().await.unwrap();
    assert_eq!(length["stop_reason"], "max_tokens");
    let cut = text(&length);
    assert!(!cut.is_empty() && serde_json::from_str::<Value>(cut).is_err());
    let malformed: Value = under("malformed").await.json().await.unwrap();
    assert!(serde_json::from_str::<Value>(text(&malformed)).is_err());
    let violated = content(&under("schema_violation").await.json().await.unwrap());
    assert!(violated.get("fit_score").is_none() && violated.get("unexpected").is_some());

    let limited = under("rate_limit").await;
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(limited.headers()["anthropic-ratelimit-requests-remaining"], "0");
    let body: Value = limited.json().await.unwrap();
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("rate_limit_error")));
    let overloaded = under("overloaded").await;
    assert_eq!(overloaded.status(), 529);
    assert!(!overloaded.headers().contains_key("retry-after"));
    assert_eq!(overloaded.json::<Value>().await.unwrap()["error"]["type"], "overloaded_error");

    assert_eq!(under("insufficient_quota").await.status(), 402);
    for (status, kind) in [(400, "invalid_request_error"), (429, "rate_limit_error")] {
        plant(json!({"target": "anthropic.messages", "kind": "insufficient_quota", "status": status, "times": 1}))
            .await;
        let unpaid = send(&stand, &request("")).await;
        assert_eq!(unpaid.status(), status);
        assert!(!unpaid.headers().contains_key("retry-after"));
        let body: Value = unpaid.json().await.unwrap();
        assert_eq!(body["error"]["type"], kind);
        assert_eq!(body["error"]["details"]["error_code"] == "enforced_spend_limit_reached", status == 429);
    }
    for (status, kind) in
        [(403, "permission_error"), (413, "request_too_large"), (500, "api_error"), (504, "timeout_error")]
    {
        plant(json!({"target": "anthropic.messages", "kind": "status", "status": status, "times": 1})).await;
        let failed = send(&stand, &request("")).await;
        assert_eq!(failed.status(), status);
        assert_eq!(failed.json::<Value>().await.unwrap()["error"]["type"], kind);
    }
}

#[tokio::test]
async fn each_bill_that_cannot_be_paid_has_a_code_of_its_own() {
    let stand = Stand::start(0.0).await;
    for (code, given, status, kind) in [
        ("enforced_spend_limit_reached", None, 429, "rate_limit_error"),
        ("contract_spend_limit_reached", Some(429), 429, "rate_limit_error"),
        ("linked_organization_spend_limit_reached", None, 402, "billing_error"),
        ("linked_organization_billing_unavailable", None, 402, "billing_error"),
        ("linked_organization_billing_unavailable", Some(429), 429, "rate_limit_error"),
    ] {
        let fault = json!({"target": "anthropic.messages", "kind": "insufficient_quota", "code": code, "status": given, "times": 1});
        stand.fault(fault).await;
        let unpaid = send(&stand, &lead_request("claude-haiku-5-5", "")).await;
        assert_eq!(unpaid.status(), status, "{code}");
        assert!(!unpaid.headers().contains_key("retry-after"));
        let error = unpaid.json::<Value>().await.unwrap()["error"].take();
        assert_eq!((&error["type"], &error["details"]["error_code"]), (&json!(kind), &json!(code)));
    }
}

#[tokio::test]
async fn an_overloaded_openai_answers_503_in_its_own_form() {
    let stand = Stand::start(0.0).await;
    stand.fault(json!({"target": "openai.chat", "kind": "overloaded", "times": 1})).await;
    let overloaded = stand.chat(common::lead_request("gpt-4o-mini", "")).await.unwrap();
    assert_eq!(overloaded.status(), 503);
    assert_eq!(overloaded.json::<Value>().await.unwrap()["error"]["code"], "server_is_overloaded");
}

#[tokio::test]
async fn keys_versions_and_paths_are_checked_in_anthropics_words() {
    let stand = Stand::start(0.0).await;
    let (body, key) = (lead_request("claude-sonnet-5", ""), "sandbox-anthropic-key");
    let refused = |status: u16, kind: &str, message: &str| (status, kind.to_owned(), message.to_owned());
    let known = refused(401, "authentication_error", "x-api-key header is required");
    assert_eq!(error(post(&stand, &body)).await, known);
    let known = refused(401, "authentication_error", "invalid x-api-key");
    assert_eq!(error(post(&stand, &body).header("x-api-key", "sk-ant-wrong")).await, known);
    let url = format!("{}/anthropic/v1", stand.base);
    let known = refused(400, "invalid_request_error", "anthropic-version: header is required");
    let unversioned = stand.client.post(format!("{url}/messages")).json(&body).header("x-api-key", key);
    assert_eq!(error(unversioned).await, known);
    let unknown = lead_request("claude-9", "");
    let known = refused(404, "not_found_error", "model: claude-9");
    assert_eq!(error(post(&stand, &unknown).header("x-api-key", key)).await, known);
    let known = refused(413, "request_too_large", "Request exceeds the maximum size");
    assert_eq!(error(stand.client.post(format!("{url}/messages")).body(" ".repeat(9_000_000))).await, known);
    assert_eq!(error(stand.client.post(format!("{url}/nowhere"))).await.0, 404);
    let models =
        stand.client.get(format!("{url}/models")).header("x-api-key", key).header("anthropic-version", "2023-06-01");
    let models: Value = models.send().await.unwrap().json().await.unwrap();
    assert_eq!((&models["first_id"], &models["has_more"]), (&json!("claude-haiku-5-5"), &json!(false)));
    assert_eq!(stand.received("?target=anthropic.other").await["count"], 2);
}

#[tokio::test]
async fn the_newest_models_think_unasked_and_each_stops_at_its_own_word() {
    let stand = Stand::start(0.0).await;
    let ask = async |model: &str, kind: Option<&str>| {
        let mut request = lead_request(model, "");
        if let Some(kind) = kind {
            request["thinking"] = json!({"type": kind});
        }
        let message = message(&stand, &request).await;
        let blocks: Vec<String> = message["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|block| block["type"].as_str().unwrap().to_owned())
            .collect();
        let thoughts = message["content"][0]["thinking"].as_str().map(str::to_owned);
        (blocks, thoughts, message["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().unwrap())
    };
    for (model, word) in [
        ("claude-haiku-5-5", Some("disabled")),
        ("claude-sonnet-5-5", Some("between_tools")),
        ("claude-sonnet-5", Some("disabled")),
        ("claude-opus-5-5", None),
    ] {
        let (blocks, thoughts, spent) = ask(model, None).await;
        assert_eq!((blocks, thoughts.as_deref()), (vec!["thinking".into(), "text".into()], Some("")), "{model}");
        // About 1,400 thinking tokens at the default effort high, 700 at medium, give or take a fifth.
        let high = !["claude-haiku-5-5", "claude-opus-5-5"].contains(&model);
        let typical = if high { 1_120..=1_680 } else { 560..=840 };
        assert!(typical.contains(&spent), "{model} spent {spent} by default");
        if let Some(word) = word {
            assert_eq!(ask(model, Some(word)).await, (vec!["text".into()], None, 0), "{model}");
        }
    }
    assert_eq!(ask("claude-haiku-4-5", None).await.2, 0);
}

#[tokio::test]
async fn claude_5_counts_thirty_per_cent_more_tokens_for_the_same_text() {
    let stand = Stand::start(0.0).await;
    let usage = async |model: &str, marked: bool| {
        let mut request = lead_request(model, "");
        let long = format!("{}{}", "Rule. ".repeat(3_000), request["system"][0]["text"].as_str().unwrap());
        request["system"][0]["text"] = json!(long);
        if marked {
            request["system"][0]["cache_control"] = json!({"type": "ephemeral"});
        }
        if model == "claude-haiku-5-5" {
            request["thinking"] = json!({"type": "disabled"});
        }
        let usage = message(&stand, &request).await["usage"].take();
        ["input_tokens", "cache_creation_input_tokens", "output_tokens"].map(|name| usage[name].as_f64().unwrap())
    };
    for marked in [false, true] {
        let (old, new) = (usage("claude-haiku-4-5", marked).await, usage("claude-haiku-5-5", marked).await);
        let counted = if marked { [1, 2] } else { [0, 2] };
        for kind in counted {
            let ratio = new[kind] / old[kind];
            // 1.3, with some room because both counts are rounded up.
            assert!((1.28..1.32).contains(&ratio), "{marked} {kind}: {old:?} {new:?}");
        }
    }
}

#[tokio::test]
async fn a_short_prefix_is_cached_by_the_newest_models_only() {
    let stand = Stand::start(0.0).await;
    for (model, caches) in [
        ("claude-haiku-5-5", true),
        ("claude-sonnet-5-5", true),
        ("claude-opus-5-5", true),
        ("claude-sonnet-5", false),
        ("claude-haiku-4-5", false),
    ] {
        let mut request = lead_request(model, "");
        let long = format!("{}{}", "Rule. ".repeat(300), request["system"][0]["text"].as_str().unwrap());
        request["system"][0] = json!({"type": "text", "text": long, "cache_control": {"type": "ephemeral"}});
        let usage = message(&stand, &request).await["usage"].take();
        let written = usage["cache_creation_input_tokens"].as_u64().unwrap();
        assert_eq!(written > 0, caches, "{model} wrote {written}");
        assert!(!caches || (512..1_024).contains(&written), "{model} wrote {written}");
    }
}

#[tokio::test]
async fn time_passes_as_the_model_would_take() {
    let stand = Stand::start(0.1).await;
    let begun = Instant::now();
    let message = message(&stand, &lead_request("claude-haiku-4-5", "")).await;
    let tokens = message["usage"]["output_tokens"].as_f64().unwrap();
    assert!(begun.elapsed() >= Duration::from_secs_f64(0.1 * (0.6 + tokens / 140.0)), "{:?}", begun.elapsed());
}
