//! OpenAI over HTTP, as Oslira's adapter uses it.

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
    // gpt-4o-mini: half a second to the first token, then 80 tokens a second.
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
    for (model, effort) in [
        ("gpt-5", "minimal"),
        ("gpt-5", "low"),
        ("gpt-5", "medium"),
        ("gpt-5", "high"),
        ("gpt-6-luna", "xhigh"),
        ("gpt-6-luna", "max"),
    ] {
        let mut request = lead_request(model, "");
        request["reasoning_effort"] = json!(effort);
        let completion: Value = stand.chat(request).await.unwrap().json().await.unwrap();
        spent.push(completion["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap());
    }
    assert_eq!(spent[0], 0);
    assert!(spent.windows(2).all(|pair| pair[0] < pair[1]), "{spent:?}");
}

/// The tokens that a call read from the cache and wrote to it, and those of its prompt.
async fn cached(stand: &Stand, request: Value) -> (u64, u64, u64) {
    let completion: Value = stand.chat(request).await.unwrap().json().await.unwrap();
    let usage = &completion["usage"];
    let details = &usage["prompt_tokens_details"];
    let count = |value: &Value| value.as_u64().unwrap();
    (count(&details["cached_tokens"]), count(&details["cache_write_tokens"]), count(&usage["prompt_tokens"]))
}

/// Long instructions before a short question, the instructions as one part that may end with a breakpoint.
fn long_request(model: &str, question: &str, breakpoint: Option<Value>) -> Value {
    let mut request = lead_request(model, question);
    let text = format!("{}{}", "Rule. ".repeat(1_000), request["messages"][0]["content"].as_str().unwrap());
    let mut part = json!({"type": "text", "text": text});
    if let Some(breakpoint) = breakpoint {
        part["prompt_cache_breakpoint"] = breakpoint;
    }
    request["messages"][0]["content"] = json!([part]);
    request
}

fn explicit() -> Value {
    json!({"mode": "explicit"})
}

#[tokio::test]
async fn instructions_before_another_question_are_written_again_and_again_and_never_read() {
    let stand = Stand::start(0.0).await;
    let ask = async |question: &str| cached(&stand, long_request("gpt-6-luna", question, None)).await;
    let (read, written, prompt) = ask("one").await;
    assert!(read == 0 && written > 1_500 && prompt - written < 5, "{read} {written} {prompt}");
    let (read, again, _) = ask("two").await;
    assert_eq!((read, again), (0, written));
    assert_eq!(ask("one").await, (written, 0, prompt), "the very same question is found");
}

#[tokio::test]
async fn instructions_with_a_breakpoint_are_written_once_and_read_to_the_token() {
    let stand = Stand::start(0.0).await;
    for model in ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.2-sol", "gpt-5.6-terra"] {
        let ask = async |question: &str, changes: Value| {
            let mut request = long_request(model, question, Some(explicit()));
            request["prompt_cache_options"] = explicit();
            for (name, value) in changes.as_object().unwrap() {
                request[name] = value.clone();
            }
            cached(&stand, request).await
        };
        let (read, written, prompt) = ask("one", json!({})).await;
        assert!(read == 0 && written > 1_500 && prompt - written > 20, "{model} {read} {written} {prompt}");
        assert!(!written.is_multiple_of(128), "the boundary is exact");
        let (read, again, _) = ask("two, which is longer", json!({})).await;
        assert_eq!((read, again), (written, 0), "{model}");
        for other in [json!({"prompt_cache_key": "k"}), json!({"reasoning_effort": "low"})] {
            assert_eq!(ask("three", other.clone()).await.0, 0, "{model} {other}");
            assert_eq!(ask("four", other.clone()).await.0, written, "{model} {other}");
        }
        let mut format = lead_request(model, "")["response_format"].clone();
        format["json_schema"]["schema"]["properties"]["summary"] = json!({"type": "string", "description": "in short"});
        assert_eq!(ask("five", json!({"response_format": format})).await.0, 0, "another schema is another prefix");
    }
}

#[tokio::test]
async fn both_kinds_of_breakpoints_can_be_in_one_request_and_without_any_nothing_is_cached() {
    let stand = Stand::start(0.0).await;
    let both = async |question: &str| cached(&stand, long_request("gpt-6-luna", question, Some(explicit()))).await;
    let (_, written, prompt) = both("one").await;
    assert!(prompt - written < 5, "{written} {prompt}");
    let (read, question, _) = both("two").await;
    assert!(read > 1_500 && question > 20 && read + question == written, "{read} {question}");
    for _ in 0..2 {
        let mut request = long_request("gpt-6-luna", "one", None);
        request["prompt_cache_options"] = explicit();
        let (read, written, _) = cached(&stand, request).await;
        assert_eq!((read, written), (0, 0), "explicit mode without a breakpoint");
    }
    for _ in 0..2 {
        let mut short = lead_request("gpt-6-luna", "");
        short["messages"][0]["content"] =
            json!([{"type": "text", "text": "Judge.", "prompt_cache_breakpoint": explicit()}]);
        let (read, written, _) = cached(&stand, short).await;
        assert_eq!((read, written), (0, 0), "less than 1,024 tokens");
    }
}

#[tokio::test]
async fn an_older_model_refuses_to_be_told_how_to_cache_and_reports_no_writes() {
    let stand = Stand::start(0.0).await;
    for (name, request) in [
        ("prompt_cache_options", {
            let mut request = long_request("gpt-5-mini", "", None);
            request["prompt_cache_options"] = explicit();
            request
        }),
        ("messages[0].content[0].prompt_cache_breakpoint", long_request("gpt-5-mini", "", Some(explicit()))),
    ] {
        let refused = stand.chat(request).await.unwrap();
        assert_eq!(refused.status(), 400);
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(
            (&refused["error"]["code"], &refused["error"]["param"]),
            (&json!("unsupported_parameter"), &json!(name))
        );
    }
    let completion: Value = stand.chat(long_request("gpt-5-mini", "", None)).await.unwrap().json().await.unwrap();
    assert!(completion["usage"]["prompt_tokens_details"].get("cache_write_tokens").is_none());
}

#[tokio::test]
async fn luna_is_fast_when_it_does_not_think() {
    let stand = Stand::start(0.1).await;
    let mut request = lead_request("gpt-6-luna", "");
    request["reasoning_effort"] = json!("none");
    request["temperature"] = json!(0);
    let begun = Instant::now();
    let completion: Value = stand.chat(request).await.unwrap().json().await.unwrap();
    let elapsed = begun.elapsed();
    assert_eq!(
        (&completion["model"], completion["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64()),
        (&json!("gpt-6-luna"), Some(0))
    );
    let tokens = completion["usage"]["completion_tokens"].as_f64().unwrap();
    let modelled = Duration::from_secs_f64(0.1 * (0.75 + tokens / 130.0));
    assert!((modelled..modelled + Duration::from_millis(300)).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test]
async fn traffic_that_grew_too_fast_is_told_to_slow_down() {
    let stand = Stand::start(0.0).await;
    for wait in [None, Some(7)] {
        stand.fault(json!({"target": "openai.chat", "kind": "slow_down", "times": 1, "retry_after_s": wait})).await;
        let slowed = stand.chat(lead_request("gpt-6-luna", "")).await.unwrap();
        assert_eq!(slowed.status(), 429);
        let asked = slowed.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(asked, wait.map(|seconds: u64| seconds.to_string()));
        let error = slowed.json::<Value>().await.unwrap()["error"].take();
        assert_eq!((&error["code"], &error["type"]), (&json!("slow_down"), &json!("rate_limit_error")));
    }
}
