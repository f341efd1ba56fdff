//! Anthropic's protocol.

use super::*;

fn anthropic(script: &Arc<Script>) -> Anthropic {
    let endpoint = Endpoint::new("https://api.anthropic.com", Secret::new("sk-ant-secret")).with_key_in("x-api-key");
    Anthropic::new(script.clone(), endpoint, Arc::new(Ticking(Mutex::new(Timestamp::UNIX_EPOCH))))
}

fn message(stop_reason: &str, text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "thinking", "thinking": "…", "signature": "x"}, {"type": "text", "text": text}],
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {
            "input_tokens": 500, "cache_creation_input_tokens": 1_000, "cache_read_input_tokens": 4_000,
            "output_tokens": 300, "output_tokens_details": {"thinking_tokens": 40}, "service_tier": "standard",
        },
    })
}

pub(super) async fn ask_anthropic(sent: Result<http::Response<Bytes>, SendError>) -> Answer {
    anthropic(&Arc::new(Script::of([sent]))).ask(&question("anthropic/claude-haiku-4-5-20251001")).await
}

#[tokio::test]
async fn anthropic_is_asked_with_a_cached_prefix_and_a_schema_without_bounds() {
    let script = Arc::new(Script::of([answer(200, &message("end_turn", "{}"))]));
    let mut question = question("anthropic/claude-sonnet-5");
    question.schema["properties"]["score"]["minimum"] = json!(0);
    question.schema["properties"]["maximum"] = json!({"type": "string"});
    anthropic(&script).ask(&question).await;

    let sent = script.sent.lock().unwrap();
    assert_eq!(sent[0].request.uri(), "https://api.anthropic.com/v1/messages");
    let headers = sent[0].request.headers();
    assert_eq!(
        (&headers["x-api-key"], &headers["anthropic-version"]),
        (&"sk-ant-secret".parse().unwrap(), &"2026-10-21".parse().unwrap())
    );
    assert!(!headers.contains_key("authorization"));
    let mut schema = question.schema.clone();
    schema["properties"]["score"].as_object_mut().unwrap().remove("minimum");
    let expected = json!({
        "model": "claude-sonnet-5", "max_tokens": 2_250, "thinking": {"type": "adaptive"},
        "system": [{"type": "text", "text": question.system, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": question.user}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}, "effort": "low"},
    });
    assert_eq!(sent[0].json(), expected);
}

#[test]
fn claude_models_are_told_how_hard_to_think_where_they_can_be() {
    let told = |model, effort| {
        let body = sent_body::<Messages>(&Question { effort, ..question(model) });
        (body["thinking"]["type"].clone(), body["output_config"]["effort"].clone(), body["max_tokens"].clone())
    };
    for (model, effort, expected) in [
        ("anthropic/claude-haiku-5-5", Effort::Minimal, (json!("disabled"), json!("low"), json!(2_250))),
        ("anthropic/claude-haiku-5-5", Effort::Low, (json!("adaptive"), json!("low"), json!(2_250))),
        ("anthropic/claude-sonnet-5-5", Effort::Minimal, (json!("between_tools"), json!("low"), json!(2_250))),
        ("anthropic/claude-sonnet-5-5", Effort::Medium, (json!("adaptive"), json!("medium"), json!(2_250))),
        ("anthropic/claude-haiku-4-5-20251001", Effort::Low, (Value::Null, Value::Null, json!(1_725))),
    ] {
        assert_eq!(told(model, effort), expected, "{model} {effort:?}");
    }
}

#[tokio::test]
async fn anthropics_cached_tokens_come_on_top_of_the_input() {
    let answer = ask_anthropic(answer(200, &message("end_turn", "{\"score\":7}"))).await;
    assert_eq!(answer.content, Ok("{\"score\":7}".to_owned()));
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens), (5_500, 4_000, 1_000));
    assert_eq!((usage.output_tokens, usage.reasoning_tokens), (300, 40));
    // 500 × 1 + 1,000 × 1.25 + 4,000 × 0.10 + 300 × 5 = 3,650
    assert_eq!((usage.cost_microusd, usage.provider.as_str()), (Some(3_650), "anthropic"));
}

#[tokio::test]
async fn anthropics_ways_to_stop_are_told_apart_and_billed() {
    let cases = [
        ("refusal", AiFault::Refused),
        ("max_tokens", AiFault::Truncated),
        ("model_context_window_exceeded", AiFault::Truncated),
        ("tool_use", AiFault::Invalid("stop_reason tool_use".into())),
        ("pause_turn", AiFault::Invalid("stop_reason pause_turn".into())),
    ];
    for (stop_reason, fault) in cases {
        let answer = ask_anthropic(answer(200, &message(stop_reason, "{"))).await;
        assert_eq!(answer.content, Err(fault));
        assert!(answer.usage.is_some());
    }
    let mut empty = message("end_turn", "");
    empty["content"] = json!([]);
    assert_eq!(ask_anthropic(answer(200, &empty)).await.content, Err(AiFault::Invalid("no content".into())));
}

#[tokio::test]
async fn anthropics_errors_are_told_apart() {
    let refused = |status: u16, kind: &str| {
        answer(status, &json!({"type": "error", "error": {"type": kind, "message": "about sk-ant-secret"}}))
    };
    assert_eq!(ask_anthropic(refused(402, "billing_error")).await.content, Err(AiFault::QuotaExhausted));
    let empty = json!({"type": "error", "error": {
        "type": "invalid_request_error", "message": "Your credit balance is too low to access the Anthropic API.",
    }});
    assert_eq!(ask_anthropic(answer(400, &empty)).await.content, Err(AiFault::QuotaExhausted));
    for code in
        ["enforced_spend_limit_reached", "contract_spend_limit_reached", "linked_organization_spend_limit_reached"]
    {
        let spent = json!({"type": "error", "error": {
            "type": "rate_limit_error", "message": "m", "details": {"error_code": code},
        }});
        assert_eq!(ask_anthropic(answer(429, &spent)).await.content, Err(AiFault::QuotaExhausted), "{code}");
    }
    let content = ask_anthropic(refused(401, "authentication_error")).await.content;
    assert_eq!(content, Err(AiFault::KeyRefused("401 authentication_error".into())));
    for (status, kind) in [(400, "invalid_request_error"), (404, "not_found_error")] {
        let content = ask_anthropic(refused(status, kind)).await.content;
        assert_eq!(content, Err(AiFault::Rejected(format!("{status} {kind}"))));
    }
    for (status, kind, cause) in [
        (429, "rate_limit_error", UnavailableCause::RateLimited),
        (500, "api_error", UnavailableCause::ServerError),
        (504, "timeout_error", UnavailableCause::ServerError),
        (529, "overloaded_error", UnavailableCause::Overloaded),
    ] {
        let content = ask_anthropic(refused(status, kind)).await.content;
        let reason = format!("{status} {kind}");
        assert_eq!(content, Err(AiFault::Unavailable { cause, reason, retry_after_ms: None }));
    }
}
