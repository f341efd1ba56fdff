mod anthropic;
mod field;
mod gateway;

use std::{sync::Mutex, time::Duration};

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::judging::{CallKind, CallTags, Effort, ModelName, UnavailableCause},
    shared::{analysis_type::AnalysisType, ids::RunId},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    double::{Script, json as answer, text},
    send::Secret,
};

/// A clock that advances by 250 ms whenever it is read.
struct Ticking(Mutex<Timestamp>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let mut now = self.0.lock().unwrap();
        *now += SignedDuration::from_millis(250);
        *now
    }
}

fn openai(script: &Arc<Script>) -> OpenAi {
    let endpoint = Endpoint::new("https://api.openai.com/v1", Secret::new("sk-secret"));
    OpenAi::new(script.clone(), endpoint, Arc::new(Ticking(Mutex::new(Timestamp::UNIX_EPOCH))))
}

fn tags() -> CallTags {
    CallTags { run: RunId::new(uuid::Uuid::nil()), analysis_type: AnalysisType::Light, call: CallKind::Light }
}

fn question(model: &'static str) -> Question {
    Question {
        model: ModelName::fixed(model),
        system: "Judge. <business>tea</business>".into(),
        user: "<profile>{}</profile>".into(),
        schema_name: "light_judgement",
        schema: json!({
            "type": "object", "additionalProperties": false, "required": ["score"],
            "properties": {"score": {"type": "integer"}},
        }),
        output_tokens_max: 1_500,
        effort: Effort::Low,
        tags: tags(),
        cache_key: "0197a3f0-0000-7000-8000-000000000001".into(),
        timeout: Duration::from_secs(90),
    }
}

pub(super) fn completion(finish_reason: &str, content: Value, refusal: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18",
        "system_fingerprint": "fp_1",
        "choices": [{
            "index": 0, "finish_reason": finish_reason, "logprobs": null,
            "message": {"role": "assistant", "content": content, "refusal": refusal},
        }],
        "usage": {
            "prompt_tokens": 2_000, "completion_tokens": 500, "total_tokens": 2_500,
            "prompt_tokens_details": {"cached_tokens": 1_024},
            "completion_tokens_details": {"reasoning_tokens": 64},
        },
    })
}

pub(super) async fn ask(sent: Result<http::Response<Bytes>, SendError>) -> Answer {
    openai(&Arc::new(Script::of([sent]))).ask(&question("openai/gpt-4o-mini")).await
}

fn with_header(
    sent: Result<http::Response<Bytes>, SendError>,
    name: &'static str,
    value: &'static str,
) -> Result<http::Response<Bytes>, SendError> {
    sent.map(|mut response| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
        response
    })
}

fn error(status: u16, kind: &str, code: Value) -> Result<http::Response<Bytes>, SendError> {
    answer(status, &json!({"error": {"message": "about sk-secret", "type": kind, "param": null, "code": code}}))
}

fn sent_body<P: Protocol>(question: &Question) -> Value {
    serde_json::from_slice(&P::body(question).unwrap()).unwrap()
}

/// A model writes the properties in the order in which it read them, so the bytes are what counts.
#[test]
fn both_providers_are_sent_a_schema_in_the_order_of_thought() {
    let asked = |call: CallKind, model| Question { schema: call.schema(), ..question(model) };
    let light = [
        "niche",
        "themes",
        "reasons",
        "concerns",
        "role",
        "summary",
        "confidence",
        "fit_score",
        "language",
        "outreach_opener",
        "gloss",
    ];
    let outreach =
        ["hooks", "posts", "quote", "count", "insight", "language", "opener", "message", "follow_up", "gloss"];
    for (call, order) in [(CallKind::Light, &light[..]), (CallKind::Outreach, &outreach[..])] {
        for body in [
            ChatCompletions::body(&asked(call, "openai/gpt-6-luna")),
            Messages::body(&asked(call, "anthropic/claude-haiku-5-5")),
        ] {
            let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
            let places: Vec<_> = order.iter().map(|name| body.find(&format!("\"{name}\":{{")).unwrap()).collect();
            assert!(places.is_sorted(), "{call:?}: {places:?} in {body}");
        }
    }
}

#[tokio::test]
async fn the_request_is_valid_by_openais_own_schema() {
    let mut schema: Value = serde_json::from_str(include_str!("../../fixtures/openai-chat.schema.json")).unwrap();
    schema["$ref"] = json!("#/$defs/CreateChatCompletionRequest");
    let validator = jsonschema::validator_for(&schema).unwrap();
    for model in ["openai/gpt-4o-mini", "openai/gpt-5-mini", "openai/gpt-6-luna", "openai/gpt-7", "openai/llama"] {
        let body = sent_body::<ChatCompletions>(&question(model));
        let errors: Vec<String> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{model}");
    }
    assert!(!validator.is_valid(&json!({"model": "gpt-4o-mini"})), "the schema checks something");
}

#[tokio::test]
async fn the_request_says_what_was_asked() {
    let script = Arc::new(Script::of([answer(200, &completion("stop", json!("{}"), Value::Null))]));
    let question = question("openai/gpt-4o-mini");
    openai(&script).ask(&question).await;

    let sent = script.sent.lock().unwrap();
    assert_eq!(sent[0].request.uri(), "https://api.openai.com/v1/chat/completions");
    assert_eq!(sent[0].request.headers()["authorization"], "Bearer sk-secret");
    assert_eq!(sent[0].timeout, question.timeout);
    let expected = json!({
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": question.system}, {"role": "user", "content": question.user},
        ],
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "light_judgement", "strict": true, "schema": question.schema,
        }},
        "max_completion_tokens": 1_500, "store": false, "prompt_cache_key": question.cache_key, "temperature": 0,
    });
    assert_eq!(sent[0].json(), expected);
}

#[test]
fn each_family_of_models_gets_its_own_parameters() {
    let body = |model, effort| sent_body::<ChatCompletions>(&Question { effort, ..question(model) });
    for (model, effort, word) in [
        ("openai/gpt-5-mini", Effort::Minimal, json!("minimal")),
        ("openai/gpt-5.1", Effort::Minimal, json!("none")),
        ("openai/gpt-6-luna", Effort::Minimal, json!("none")),
        ("openai/gpt-6.2-sol", Effort::Minimal, json!("low")),
        ("openai/gpt-6.1-terra", Effort::Low, json!("low")),
        ("openai/gpt-5.1", Effort::Medium, json!("medium")),
    ] {
        let body = body(model, effort);
        assert_eq!((body.get("temperature"), &body["reasoning_effort"]), (None, &word), "{model}");
    }
    for plain in ["openai/llama-3.3-70b", "openai/gpt-5-chat-latest"] {
        let body = body(plain, Effort::Low);
        assert_eq!((body.get("temperature"), body.get("reasoning_effort")), (None, None), "{plain}");
    }
}

/// Without the mark, newer models cache up to the end of the profile: paid with every call and never read.
#[test]
fn the_end_of_the_prefix_is_marked_for_models_that_need_it_and_for_nobody_else() {
    let question = question("openai/gpt-6-luna");
    let body = sent_body::<ChatCompletions>(&question);
    let mark = json!({"mode": "explicit"});
    let marked = json!([{"type": "text", "text": question.system, "prompt_cache_breakpoint": mark}]);
    assert_eq!((&body["messages"][0]["content"], &body["prompt_cache_options"]), (&marked, &mark));
    assert_eq!(body["messages"][1]["content"], json!(question.user));
    for unmarked in ["openai/gpt-5-mini", "openai/gpt-4o-mini", "openai/qwen3-32b"] {
        let body = sent_body::<ChatCompletions>(&Question { model: ModelName::fixed(unmarked), ..question.clone() });
        assert!(body["messages"][0]["content"].is_string() && body.get("prompt_cache_options").is_none(), "{unmarked}");
    }
}

#[tokio::test]
async fn an_answer_comes_with_what_is_billed() {
    let answer = ask(answer(200, &completion("stop", json!("{\"score\":7}"), Value::Null))).await;

    assert_eq!(answer.content, Ok("{\"score\":7}".to_owned()));
    let usage = AiUsage {
        response_id: "chatcmpl-1".into(),
        provider: "openai".into(),
        model: "gpt-4o-mini-2024-07-18".into(),
        input_tokens: 2_000,
        cached_tokens: 1_024,
        cache_write_tokens: 0,
        output_tokens: 500,
        reasoning_tokens: 64,
        cost_microusd: Some(524),
        gateway_hit: None,
        duration_ms: 250,
        finish_reason: "stop".into(),
    };
    assert_eq!(answer.usage, Some(usage));
}

#[tokio::test]
async fn a_useless_answer_is_classified_and_billed_all_the_same() {
    let cases = [
        (completion("stop", Value::Null, json!("I can't help with that.")), AiFault::Refused),
        (completion("content_filter", Value::Null, Value::Null), AiFault::Refused),
        (completion("length", json!(""), Value::Null), AiFault::Truncated),
        (completion("length", json!("{\"score\""), Value::Null), AiFault::Truncated),
        (completion("stop", Value::Null, Value::Null), AiFault::Invalid("no content".into())),
        (completion("stop", json!("Sure! {"), Value::Null), AiFault::Invalid("not JSON at line 1 column 1".into())),
        (completion("tool_calls", Value::Null, Value::Null), AiFault::Invalid("finish_reason tool_calls".into())),
    ];
    for (body, fault) in cases {
        let answer = ask(answer(200, &body)).await;
        assert_eq!(answer.content, Err(fault));
        assert_eq!(answer.usage.unwrap().cost_microusd, Some(524));
    }
    let mut unfinished = completion("stop", json!("{}"), Value::Null);
    unfinished["choices"][0]["finish_reason"] = Value::Null;
    assert_eq!(ask(answer(200, &unfinished)).await.content, Err(AiFault::Invalid("finish_reason unknown".into())));
    let mut without_choice = completion("stop", Value::Null, Value::Null);
    without_choice["choices"] = json!([]);
    assert_eq!(ask(answer(200, &without_choice)).await.content, Err(AiFault::Invalid("no choice".into())));
}

#[tokio::test]
async fn a_sandbox_is_never_taken_for_openai() {
    let mut body = completion("stop", json!("{}"), Value::Null);
    body["system_fingerprint"] = json!("sandbox");
    assert_eq!(ask(answer(200, &body)).await.usage.unwrap().provider, "sandbox");
}

#[tokio::test]
async fn optional_parts_of_the_usage_may_be_missing() {
    let mut body = completion("stop", json!("{}"), Value::Null);
    body["model"] = json!("gpt-9");
    body["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 5});
    let usage = ask(answer(200, &body)).await.usage.unwrap();
    assert_eq!((usage.cached_tokens, usage.reasoning_tokens, usage.cost_microusd), (0, 0, None));

    body["usage"] = Value::Null;
    let without = ask(answer(200, &body)).await;
    assert_eq!((without.content, without.usage), (Ok("{}".to_owned()), None));
}

#[tokio::test]
async fn a_broken_body_may_be_asked_for_again() {
    let mut nameless = completion("stop", json!("{}"), Value::Null);
    nameless["id"] = json!("");
    for body in ["", "<html>", "{\"id\":\"chatcmpl-1\"", "{}", &nameless.to_string()] {
        let answer = ask(text(200, body)).await;
        let unreadable = Err(AiFault::Invalid("the answer is not a completion".to_owned()));
        assert_eq!((answer.content, answer.usage), (unreadable, None), "{body}");
    }
    for (lost, cause) in [
        (SendError::Timeout, UnavailableCause::TimedOut),
        (SendError::Unreachable("refused".into()), UnavailableCause::Unreachable),
        (SendError::Broken("ended early".into()), UnavailableCause::Unreachable),
    ] {
        let expected = AiFault::Unavailable { cause, reason: lost.to_string(), retry_after_ms: None };
        assert_eq!(ask(Err(lost)).await.content, Err(expected));
    }
    let too_large = ask(Err(SendError::TooLarge)).await.content;
    assert_eq!(too_large, Err(AiFault::Invalid("answer too large".to_owned())), "the provider is up");
}

#[tokio::test]
async fn an_account_without_money_is_told_from_a_rate_limit() {
    for code in ["insufficient_quota", "credit_balance_exhausted", "linked_organization_billing_unavailable"] {
        assert_eq!(ask(error(429, "insufficient_quota", json!(code))).await.content, Err(AiFault::QuotaExhausted));
        assert_eq!(ask(error(429, code, Value::Null)).await.content, Err(AiFault::QuotaExhausted));
    }
    let limited = ask(error(429, "requests", json!("rate_limit_exceeded"))).await.content;
    let (cause, reason) = (UnavailableCause::RateLimited, "429 rate_limit_exceeded".to_owned());
    assert_eq!(limited, Err(AiFault::Unavailable { cause, reason, retry_after_ms: None }));
}

#[tokio::test]
async fn the_pause_that_is_asked_for_is_read_in_every_form() {
    // The clock is read twice, so that it shows half a second past the epoch when the response is classified.
    let cases = [
        (429, "retry-after", "2", Some(2_000)),
        (503, "retry-after", "1.5", Some(1_500)),
        (503, "retry-after", "Thu, 01 Jan 1970 00:00:20 GMT", Some(19_500)),
        (429, "retry-after", "-3", Some(0)),
        (429, "retry-after", "soon", None),
        (429, "retry-after", "NaN", None),
        (429, "retry-after", "1e300", None),
        (429, "retry-after-ms", "120", Some(120)),
        (429, "x-ratelimit-reset-requests", "120ms", Some(120)),
        (429, "x-ratelimit-reset-requests", "6m0s", Some(360_000)),
        (429, "x-ratelimit-reset-requests", "1h2m3.5s", Some(3_723_500)),
        (503, "x-ratelimit-reset-requests", "6m0s", None),
    ];
    for (status, name, value, expected) in cases {
        let sent = with_header(error(status, "x", json!("slow_down")), name, value);
        let Err(AiFault::Unavailable { retry_after_ms, .. }) = ask(sent).await.content else { panic!("{value}") };
        assert_eq!(retry_after_ms, expected, "{status} {name}: {value}");
    }
}

#[tokio::test]
async fn a_model_that_is_gone_is_told_from_a_wrong_address() {
    for status in [400, 403, 404] {
        let content = ask(error(status, "invalid_request_error", json!("model_not_found"))).await.content;
        assert_eq!(content, Err(AiFault::ModelGone), "{status}");
    }
    assert_eq!(
        ask(error(404, "invalid_request_error", Value::Null)).await.content,
        Err(AiFault::Rejected("404 invalid_request_error".into()))
    );
    let missing = |message: &str| {
        answer(404, &json!({"type": "error", "error": {"type": "not_found_error", "message": message}}))
    };
    let content = anthropic::ask_anthropic(missing("model: claude-haiku-4-5-20251001")).await.content;
    assert_eq!(content, Err(AiFault::ModelGone));
    assert_eq!(
        anthropic::ask_anthropic(missing("Not found")).await.content,
        Err(AiFault::Rejected("404 not_found_error".into()))
    );
}

#[tokio::test]
async fn asking_for_more_too_quickly_passes() {
    for (status, code, cause) in
        [(429, "slow_down", UnavailableCause::RateLimited), (503, "server_is_overloaded", UnavailableCause::Overloaded)]
    {
        let sent = with_header(error(status, "x", json!(code)), "retry-after", "3");
        let reason = format!("{status} {code}");
        let expected = AiFault::Unavailable { cause, reason, retry_after_ms: Some(3_000) };
        assert_eq!(ask(sent).await.content, Err(expected));
    }
}

#[tokio::test]
async fn defects_of_ours_are_rejected_and_trouble_of_theirs_is_unavailable() {
    for (status, code) in [(401, "invalid_api_key"), (403, "forbidden")] {
        let content = ask(error(status, "invalid_request_error", json!(code))).await.content;
        assert_eq!(content, Err(AiFault::KeyRefused(format!("{status} {code}"))));
    }
    for (status, code) in
        [(400, "invalid_json_schema"), (403, "unsupported_country_region_territory"), (404, "unknown_url")]
    {
        let content = ask(error(status, "invalid_request_error", json!(code))).await.content;
        assert_eq!(content, Err(AiFault::Rejected(format!("{status} {code}"))));
    }
    for (status, cause) in [
        (408, UnavailableCause::ServerError),
        (409, UnavailableCause::ServerError),
        (500, UnavailableCause::ServerError),
        (502, UnavailableCause::ServerError),
        (503, UnavailableCause::Overloaded),
        (504, UnavailableCause::ServerError),
        (302, UnavailableCause::ServerError),
    ] {
        let content = ask(text(status, "<html>sk-secret</html>")).await.content;
        let reason = format!("{status} unknown");
        assert_eq!(content, Err(AiFault::Unavailable { cause, reason, retry_after_ms: None }));
    }
    let content = ask(error(400, "invalid_request_error", json!(17))).await.content;
    assert_eq!(content, Err(AiFault::Rejected("400 invalid_request_error".into())));
}
