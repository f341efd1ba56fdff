//! The lists of models with their end dates, and calls to a model that was shut down.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Stand, lead_request};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Reads the list of a provider's models, or one entry of it.
async fn models(stand: &Stand, provider: &str, path: &str) -> (StatusCode, Value) {
    let url = format!("{}/{provider}/v1/models{path}", stand.base);
    let key = if provider == "openai" { "sandbox-openai-key" } else { "sandbox-anthropic-key" };
    let answer = stand.client.get(url).bearer_auth(key).header("anthropic-version", "2026-10-21").send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// One field of a model in its provider's list; `None` when it is not listed.
async fn listed(stand: &Stand, provider: &str, path: &str, id: &str, field: &str) -> Option<Value> {
    let (_, list) = models(stand, provider, path).await;
    let entry = list["data"].as_array().unwrap().iter().find(|entry| entry["id"] == id)?;
    Some(entry.get(field).unwrap().clone())
}

async fn change(stand: &Stand, change: Value) -> Value {
    let answer = stand.control(Method::POST, "/models", change).await;
    assert!(answer["error"].is_null(), "{answer}");
    answer
}

/// Calls one of OpenAI's models; returns the status and the error.
async fn chat(stand: &Stand, model: &str, text: &str) -> (StatusCode, Value) {
    let answer = stand.chat(lead_request(model, text)).await.unwrap();
    (answer.status(), answer.json::<Value>().await.unwrap()["error"].take())
}

async fn message(stand: &Stand, model: &str, text: &str) -> (StatusCode, Value) {
    let body = json!({"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": text}]});
    let url = format!("{}/anthropic/v1/messages", stand.base);
    let request = stand.client.post(url).header("x-api-key", "sandbox-anthropic-key");
    let answer = request.header("anthropic-version", "2026-10-21").json(&body).send().await.unwrap();
    (answer.status(), answer.json::<Value>().await.unwrap()["error"].take())
}

fn shut_down(model: &str) -> (StatusCode, Value) {
    let message = format!(
        "The model `{model}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations"
    );
    let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": "model_not_found"});
    (StatusCode::NOT_FOUND, error)
}

fn retired(model: &str) -> (StatusCode, Value) {
    (StatusCode::NOT_FOUND, json!({"type": "not_found_error", "message": format!("model: {model}")}))
}

#[tokio::test]
async fn openais_list_says_when_a_model_is_shut_down() {
    let stand = Stand::start(0.0).await;
    for (model, day) in [
        ("gpt-4o-mini", json!("2027-01-14")),
        ("gpt-4o-mini-2024-07-18", json!("2027-01-14")),
        ("gpt-5", json!("2026-12-11")),
        ("gpt-5-mini", json!("2026-12-11")),
        ("gpt-5-nano", Value::Null),
        ("gpt-5.4-nano", json!("2027-04-01")),
        ("gpt-6-luna", Value::Null),
        ("gpt-6.1-terra", Value::Null),
        ("gpt-6.1-sol", Value::Null),
        ("gpt-6.2-sol", Value::Null),
    ] {
        assert_eq!(listed(&stand, "openai", "", model, "shutdown_date").await, Some(day.clone()), "{model}");
        let (status, own) = models(&stand, "openai", &format!("/{model}")).await;
        assert_eq!((status, &own["id"], &own["shutdown_date"]), (StatusCode::OK, &json!(model), &day), "{model}");
    }
}

#[tokio::test]
async fn anthropics_list_says_where_a_model_stands_and_what_it_can_do() {
    let stand = Stand::start(0.0).await;
    for (model, stage, day) in [
        ("claude-haiku-5-5", "active", Value::Null),
        ("claude-sonnet-5-5", "active", Value::Null),
        ("claude-opus-5-5", "active", Value::Null),
        ("claude-haiku-4-5-20251001", "active", Value::Null),
        ("claude-sonnet-4-5-20250929", "deprecated", json!("2026-11-30T00:00:00Z")),
        ("claude-opus-4-5-20251101", "deprecated", json!("2027-01-22T00:00:00Z")),
    ] {
        let (_, own) = models(&stand, "anthropic", &format!("/{model}")).await;
        assert_eq!((&own["lifecycle"], &own["retires_at"]), (&json!(stage), &day), "{model}");
        assert_eq!(own["deprecated_at"].is_string(), stage == "deprecated", "{model}");
        assert_eq!(listed(&stand, "anthropic", "", model, "lifecycle").await, Some(json!(stage)), "{model}");
    }
    let (_, haiku) = models(&stand, "anthropic", "/claude-haiku-5-5").await;
    assert_eq!((&haiku["max_input_tokens"], &haiku["max_tokens"]), (&json!(1_000_000), &json!(128_000)));
    let can = &haiku["capabilities"];
    for (yes, no) in [("/structured_outputs", ""), ("/effort", ""), ("/effort/max", "/thinking/types/enabled")] {
        assert_eq!(can.pointer(&format!("{yes}/supported")), Some(&json!(true)), "{yes}");
        assert_ne!(can.pointer(&format!("{no}/supported")), Some(&json!(true)), "{no}");
    }
    let (_, old) = models(&stand, "anthropic", "/claude-haiku-4-5").await;
    assert_eq!((&old["id"], &old["line"]), (&json!("claude-haiku-4-5-20251001"), &json!("haiku")));
    assert_eq!(old["capabilities"]["effort"]["supported"], false);
    assert_eq!(old["capabilities"]["thinking"]["types"]["adaptive"]["supported"], false);
}

#[tokio::test]
async fn anthropics_list_is_read_page_by_page_in_both_directions() {
    let stand = Stand::start(0.0).await;
    let ids = async |query: &str| {
        let (status, page) = models(&stand, "anthropic", query).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let ids: Vec<Value> = page["data"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
        assert_eq!((ids.first(), ids.last()), (Some(&page["first_id"]), Some(&page["last_id"])));
        (ids, page["has_more"].as_bool().unwrap())
    };
    let (all, more) = ids("").await;
    assert!(!more && all.len() > 10);
    let (first, more) = ids("?limit=5").await;
    assert_eq!((first.as_slice(), more), (&all[..5], true));
    let (second, more) = ids(&format!("?limit=1000&after_id={}", all[4].as_str().unwrap())).await;
    assert_eq!((second.as_slice(), more), (&all[5..], false));
    let (before, more) = ids(&format!("?limit=3&before_id={}", all[5].as_str().unwrap())).await;
    assert_eq!((before.as_slice(), more), (&all[2..5], true));
    for bad in ["?limit=0", "?limit=x", "?after_id=claude-9", "?lifecycle=dead"] {
        assert_eq!(models(&stand, "anthropic", bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_date_that_the_control_sets_is_listed_until_it_is_taken_back() {
    let stand = Stand::start(0.0).await;
    let day = "2026-12-24";
    let set = change(&stand, json!({"provider": "openai", "model": "gpt-6-luna", "retires_on": day})).await;
    assert_eq!(set, json!({"provider": "openai", "model": "gpt-6-luna", "retires_on": day, "gone": false}));
    change(&stand, json!({"provider": "openai", "model": "gpt-5-2025-08-07", "retires_on": null})).await;
    change(&stand, json!({"provider": "anthropic", "model": "claude-haiku-4-5", "retires_on": day})).await;
    let date = async |model: &str| listed(&stand, "openai", "", model, "shutdown_date").await.unwrap();
    assert_eq!((date("gpt-6-luna").await, date("gpt-5").await), (json!(day), Value::Null));
    let haiku = async |field: &str| listed(&stand, "anthropic", "", "claude-haiku-4-5-20251001", field).await.unwrap();
    assert_eq!(
        (haiku("lifecycle").await, haiku("retires_at").await),
        (json!("deprecated"), json!("2026-12-24T00:00:00Z"))
    );
    assert!(haiku("deprecated_at").await.is_string());
    assert_eq!(chat(&stand, "gpt-6-luna", "").await.0, StatusCode::OK, "a date alone ends nothing");

    assert_eq!(stand.control(Method::DELETE, "/models", Value::Null).await, json!({"deleted": 3}));
    assert_eq!((date("gpt-6-luna").await, date("gpt-5").await), (Value::Null, json!("2026-12-11")));
    assert_eq!((haiku("lifecycle").await, haiku("deprecated_at").await), (json!("active"), Value::Null));
}

#[tokio::test]
async fn a_model_that_openai_shut_down_is_neither_answered_nor_listed_under_any_of_its_names() {
    let stand = Stand::start(0.0).await;
    change(&stand, json!({"provider": "openai", "model": "gpt-4o-mini", "gone": true})).await;
    for name in ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"] {
        assert_eq!(chat(&stand, name, "").await, shut_down(name));
        assert_eq!(listed(&stand, "openai", "", name, "id").await, None);
        assert_eq!(models(&stand, "openai", &format!("/{name}")).await.0, StatusCode::NOT_FOUND);
    }
    let through = format!("{}/gateway/v1/account/open_g/openai/chat/completions", stand.base);
    let through = stand.client.post(through).bearer_auth("sandbox-openai-key").json(&lead_request("gpt-4o-mini", ""));
    assert_eq!(through.send().await.unwrap().status(), StatusCode::NOT_FOUND, "the gateway passes it on");
    assert_eq!(chat(&stand, "gpt-4o", "").await.0, StatusCode::OK);
    change(&stand, json!({"provider": "openai", "model": "gpt-4o-mini", "gone": false})).await;
    assert_eq!(chat(&stand, "gpt-4o-mini", "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_model_that_anthropic_retired_is_kept_in_the_list_for_those_who_ask_for_it() {
    let stand = Stand::start(0.0).await;
    change(&stand, json!({"provider": "anthropic", "model": "claude-haiku-4-5-20251001", "gone": true})).await;
    let id = "claude-haiku-4-5-20251001";
    for name in ["claude-haiku-4-5", id] {
        assert_eq!(message(&stand, name, "").await, retired(name));
        let (_, own) = models(&stand, "anthropic", &format!("/{name}")).await;
        assert_eq!((&own["id"], &own["lifecycle"]), (&json!(id), &json!("retired")));
        assert!(own["retires_at"].is_string() && own["deprecated_at"].is_string(), "{own}");
    }
    assert_eq!(listed(&stand, "anthropic", "", id, "lifecycle").await, None);
    for query in ["?lifecycle=retired", "?lifecycle[]=active&lifecycle[]=retired"] {
        assert_eq!(listed(&stand, "anthropic", query, id, "lifecycle").await, Some(json!("retired")), "{query}");
    }
    assert_eq!(listed(&stand, "anthropic", "?lifecycle=retired", "claude-haiku-5-5", "id").await, None);
    stand.control(Method::DELETE, "/models", Value::Null).await;
    assert_eq!(message(&stand, id, "hi").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_call_under_way_when_its_model_goes_is_still_answered() {
    let stand = Stand::start(0.0).await;
    let held = stand.fault(json!({"target": "openai.chat", "kind": "hold", "match": "early"})).await;
    let early = chat(&stand, "gpt-6-luna", "early");
    let going = async {
        while stand.received("?target=openai.chat").await["count"] == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        change(&stand, json!({"provider": "openai", "model": "gpt-6-luna", "gone": true})).await;
        let late = chat(&stand, "gpt-6-luna", "late").await;
        stand.control(Method::DELETE, &format!("/faults/{held}"), Value::Null).await;
        late
    };
    let (early, late) = tokio::join!(early, going);
    assert_eq!((early.0, late), (StatusCode::OK, shut_down("gpt-6-luna")));
}

#[tokio::test]
async fn a_fault_takes_a_model_from_the_calls_that_it_matches_and_from_no_other() {
    let stand = Stand::start(0.0).await;
    for target in ["openai.chat", "anthropic.messages"] {
        stand.fault(json!({"target": target, "kind": "model_gone", "match": "struck"})).await;
    }
    assert_eq!(chat(&stand, "gpt-5-mini-2025-08-07", "struck").await, shut_down("gpt-5-mini-2025-08-07"));
    assert_eq!(chat(&stand, "gpt-5-mini-2025-08-07", "spared").await.0, StatusCode::OK);
    assert_eq!(message(&stand, "claude-haiku-5-5", "struck").await, retired("claude-haiku-5-5"));
    assert_eq!(message(&stand, "claude-haiku-5-5", "spared").await.0, StatusCode::OK);
    assert!(listed(&stand, "openai", "", "gpt-5-mini", "id").await.is_some(), "it is gone for those calls alone");
    assert_eq!(listed(&stand, "anthropic", "", "claude-haiku-5-5", "lifecycle").await, Some(json!("active")));
}
