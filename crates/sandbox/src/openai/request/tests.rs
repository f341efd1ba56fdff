use serde_json::json;

use super::*;

fn request(changes: Value) -> Checked<ChatRequest> {
    let mut body = json!({"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse(body.to_string().as_bytes())
}

fn refusal(changes: Value) -> (String, Option<&'static str>) {
    let error = request(changes).unwrap_err();
    (error.message().to_owned(), error.code())
}

#[test]
fn good_requests_of_both_families_pass() {
    let gpt_5 = request(json!({"reasoning_effort": "minimal", "max_completion_tokens": 900, "temperature": 1,
        "prompt_cache_key": "k", "store": false, "verbosity": "low", "safety_identifier": "x"}))
    .unwrap();
    assert_eq!((gpt_5.effort, gpt_5.max_tokens, gpt_5.cache_key.as_str()), ("minimal", Some(900), "k"));
    let mini = request(json!({"model": "gpt-4o-mini", "max_tokens": 5, "temperature": 0.2})).unwrap();
    assert_eq!((mini.model.snapshot, mini.max_tokens), ("gpt-4o-mini-2024-07-18", Some(5)));
    let parts = request(json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]})).unwrap();
    assert_eq!(parts.messages[0].text, "a");
}

#[test]
fn what_the_gpt_5_family_does_not_take_is_refused() {
    assert_eq!(refusal(json!({"max_tokens": 5})).1, Some("unsupported_parameter"));
    let (message, code) = refusal(json!({"temperature": 0.2}));
    assert_eq!(code, Some("unsupported_value"));
    assert_eq!(
        message,
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported."
    );
    let (message, code) = refusal(json!({"reasoning_effort": "none"}));
    assert_eq!(code, Some("unsupported_value"));
    assert!(message.ends_with("Supported values are: 'minimal', 'low', 'medium', and 'high'."), "{message}");
    assert_eq!(refusal(json!({"model": "gpt-5.1", "reasoning_effort": "minimal"})).1, Some("unsupported_value"));
}

#[test]
fn a_model_that_does_not_reason_knows_no_effort() {
    let (message, _) = refusal(json!({"model": "gpt-4o-mini", "reasoning_effort": "low"}));
    assert_eq!(message, "Unrecognized request argument supplied: reasoning_effort");
}

#[test]
fn slips_are_named() {
    assert_eq!(refusal(json!({"model": "gpt-9"})).1, Some("model_not_found"));
    assert_eq!(refusal(json!({"messages": []})).1, Some("empty_array"));
    assert_eq!(refusal(json!({"messages": null})).1, Some("missing_required_parameter"));
    assert_eq!(refusal(json!({"messages": [{"role": "robot", "content": ""}]})).1, Some("invalid_value"));
    assert_eq!(refusal(json!({"messages": [{"role": "user", "content": 5}]})).1, Some("invalid_type"));
    assert_eq!(refusal(json!({"max_completion_tokens": 0})).1, Some("integer_below_min_value"));
    assert_eq!(refusal(json!({"safety_identifier": "x".repeat(65)})).1, Some("string_above_max_length"));
    assert!(refusal(json!({"tempreature": 1})).0.contains("Unrecognized request argument supplied: tempreature"));
    assert!(refusal(json!({"stream": true})).0.contains("does not stream"));
    assert!(parse(b"{").unwrap_err().message().contains("could not parse the JSON body"));
}

#[test]
fn a_format_is_checked() {
    let schema = json!({"type": "json_schema", "json_schema": {"name": "lead", "strict": true, "schema": {"type": "object",
        "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"], "additionalProperties": false}}});
    let (message, code) = refusal(json!({"response_format": schema}));
    assert_eq!(code, Some("invalid_json_schema"));
    assert_eq!(
        message,
        "Invalid schema for response_format 'lead': In context=('properties', 'a'), 'minLength' is not permitted."
    );
    let mut loose = schema;
    loose["json_schema"]["strict"] = json!(false);
    assert!(request(json!({"response_format": loose})).is_ok());
    assert!(refusal(json!({"response_format": {"type": "json_object"}})).0.contains("must contain the word 'json'"));
    assert_eq!(refusal(json!({"response_format": {"type": "json_schema"}})).1, Some("missing_required_parameter"));
    let name = json!({"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}});
    assert_eq!(refusal(json!({"response_format": name})).1, Some("invalid_value"));
}

#[test]
fn how_long_a_prompt_stays_cached_can_be_asked_for() {
    let kept = |changes| request(changes).unwrap().cache_kept.as_secs();
    assert_eq!(kept(json!({})), 600);
    assert_eq!(kept(json!({"prompt_cache_retention": "24h"})), 86_400);
    assert_eq!(kept(json!({"prompt_cache_options": {"ttl": "30m"}, "prompt_cache_retention": "in_memory"})), 1_800);
    assert_eq!(refusal(json!({"prompt_cache_retention": "1y"})).1, Some("invalid_value"));
}
