//! OpenAI, spoken to over HTTP as Oslira's adapter speaks to it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{Stand, lead_request};
use reqwest::Method;
use serde_json::{Value, json};

fn content(completion: &Value) -> Value {
    serde_json::from_str(completion["choices"][0]["message"]["content"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_completion_has_every_part_of_a_real_one() {
    let stand = Stand::start(0.0).await;
    let answer = stand.chat(lead_request("gpt-5-mini", "")).await.unwrap();
    assert_eq!(answer.status(), 200);
    for header in ["x-request-id", "openai-processing-ms", "x-ratelimit-remaining-requests", "x-ratelimit-reset-tokens"]
    {
        assert!(answer.headers().contains_key(header), "{header}");
    }
    let completion: Value = answer.json().await.unwrap();
    assert!(completion["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(completion["system_fingerprint"], "sandbox");
    assert_eq!(completion["model"], "gpt-5-mini-2025-08-07");
    assert_eq!(completion["choices"][0]["finish_reason"], "stop");
    assert!(content(&completion)["score"].as_u64().unwrap() > 60);
    let usage = &completion["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"));
    let reasoning = usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap();
    assert!(reasoning > 0 && reasoning.is_multiple_of(64) && reasoning < count("completion_tokens"));
}

#[tokio::test]
async fn a_repeated_prefix_is_cached_per_model_and_key() {
    let stand = Stand::start(0.0).await;
    let cached = async |model: &str, key: &str, tail: &str| {
        let mut request = lead_request(model, tail);
        let long = format!("{}{}", "Rule. ".repeat(1_000), request["messages"][0]["content"].as_str().unwrap());
        request["messages"][0]["content"] = json!(long);
        request["prompt_cache_key"] = json!(key);
        let completion: Value = stand.chat(request).await.unwrap().json().await.unwrap();
        completion["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
    };
    assert_eq!(cached("gpt-5-mini", "a", "one").await, 0);
    let second = cached("gpt-5-mini", "a", "two").await;
    assert!(second >= 1_024 && second.is_multiple_of(128), "{second}");
    assert_eq!(cached("gpt-5-mini", "b", "two").await, 0);
    assert_eq!(cached("gpt-4o-mini", "a", "two").await, 0);
}

#[tokio::test]
async fn a_low_token_limit_leaves_a_reasoning_model_no_content() {
    let stand = Stand::start(0.0).await;
    let mut request = lead_request("gpt-5", "");
    request["max_completion_tokens"] = json!(50);
    let completion: Value = stand.chat(request).await.unwrap().json().await.unwrap();
    assert_eq!(completion["choices"][0]["finish_reason"], "length");
    assert_eq!(completion["choices"][0]["message"]["content"], "");
    assert_eq!(completion["usage"]["completion_tokens"], 50);
}

#[tokio::test]
async fn time_passes_as_the_model_would_take() {
    let stand = Stand::start(0.1).await;
    let begun = Instant::now();
    let completion: Value = stand.chat(lead_request("gpt-4o-mini", "")).await.unwrap().json().await.unwrap();
    let tokens = completion["usage"]["completion_tokens"].as_f64().unwrap();
    let modelled = Duration::from_secs_f64(0.1 * (0.5 + tokens / 80.0));
    assert!((modelled..modelled + Duration::from_millis(300)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn every_fault_of_an_answer_is_of_its_kind() {
    let stand = Stand::start(0.0).await;
    let under = async |kind: &str| {
        stand.fault(json!({"target": "openai.chat", "kind": kind, "times": 1, "match": kind})).await;
        stand.chat(lead_request("gpt-4o-mini", kind)).await.unwrap().json::<Value>().await.unwrap()
    };
    let refusal = under("refusal").await;
    assert_eq!(refusal["choices"][0]["message"]["content"], Value::Null);
    assert!(refusal["choices"][0]["message"]["refusal"].is_string());
    let length = under("length").await;
    assert_eq!(length["choices"][0]["finish_reason"], "length");
    let text = length["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(!text.is_empty() && serde_json::from_str::<Value>(text).is_err());
    let malformed = under("malformed").await;
    assert_eq!(malformed["choices"][0]["finish_reason"], "stop");
    assert!(serde_json::from_str::<Value>(malformed["choices"][0]["message"]["content"].as_str().unwrap()).is_err());
    let violated = content(&under("schema_violation").await);
    assert!(violated.get("score").is_none() && violated.get("unexpected").is_some());
    let quota = under("insufficient_quota").await;
    assert_eq!(
        (&quota["error"]["type"], &quota["error"]["code"]),
        (&json!("insufficient_quota"), &json!("insufficient_quota"))
    );
}

#[tokio::test]
async fn keys_and_paths_are_checked_in_openais_words() {
    let stand = Stand::start(0.0).await;
    let url = format!("{}/openai/v1/chat/completions", stand.base);
    let missing = stand.client.post(&url).json(&lead_request("gpt-4o-mini", "")).send().await.unwrap();
    assert_eq!(missing.status(), 401);
    assert!(missing.headers().contains_key("x-request-id"));
    let wrong = stand.client.post(&url).bearer_auth("sk-0123456789abcdef").json(&json!({})).send().await.unwrap();
    let wrong: Value = wrong.json().await.unwrap();
    assert_eq!(wrong["error"]["code"], "invalid_api_key");
    assert!(!wrong.to_string().contains("0123456789"));
    let nowhere = stand.client.request(Method::POST, format!("{}/openai/v1/nowhere", stand.base)).send().await.unwrap();
    assert_eq!(nowhere.json::<Value>().await.unwrap()["error"]["message"], "Invalid URL (POST /v1/nowhere)");
}

#[tokio::test]
async fn more_effort_is_more_reasoning_and_minimal_is_none() {
    let stand = Stand::start(0.0).await;
    let mut spent = vec![];
    for effort in ["minimal", "low", "medium", "high"] {
        let mut request = lead_request("gpt-5", "");
        request["reasoning_effort"] = json!(effort);
        let completion: Value = stand.chat(request).await.unwrap().json().await.unwrap();
        spent.push(completion["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap());
    }
    assert_eq!(spent[0], 0);
    assert!(spent.windows(2).all(|pair| pair[0] < pair[1]), "{spent:?}");
}

#[tokio::test]
async fn a_model_that_bills_cache_writes_counts_them_once() {
    let stand = Stand::start(0.0).await;
    let details = async |model: &str| {
        let mut request = lead_request(model, "");
        let long = format!("{}{}", "Rule. ".repeat(1_000), request["messages"][0]["content"].as_str().unwrap());
        request["messages"][0]["content"] = json!(long);
        request["prompt_cache_options"] = json!({"ttl": "30m"});
        let completion: Value = stand.chat(request).await.unwrap().json().await.unwrap();
        completion["usage"]["prompt_tokens_details"].clone()
    };
    let (first, second) = (details("gpt-5.6-luna").await, details("gpt-5.6-luna").await);
    let written = first["cache_write_tokens"].as_u64().unwrap();
    assert!(written >= 1_024 && first["cached_tokens"] == 0);
    assert_eq!((&second["cached_tokens"], &second["cache_write_tokens"]), (&json!(written), &json!(0)));
    assert!(details("gpt-5-mini").await.get("cache_write_tokens").is_none());
}
