use serde_json::json;

use super::*;

fn request(changes: Value) -> Checked<ChatRequest> {
    let mut body = json!({"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse(body.to_string().as_bytes(), |_| false)
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
    assert_eq!((gpt_5.effort, gpt_5.max_tokens), ("minimal", Some(900)));
    let mini = request(json!({"model": "gpt-4o-mini", "max_tokens": 5, "temperature": 0.2})).unwrap();
    assert_eq!((mini.model.snapshot, mini.max_tokens), ("gpt-4o-mini-2024-07-18", Some(5)));
    let parts = request(
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}),
    );
    let parts = parts.unwrap();
    assert_eq!(parts.messages[0].text, "a\nb");
    let read: String = parts.blocks.iter().map(|block| block.text.as_str()).collect();
    assert_eq!(read, "\nuser\na\nb");
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
}

#[test]
fn each_generation_has_efforts_of_its_own() {
    let every = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    let to_high = ["low", "medium", "high"];
    for (models, known) in [
        (["gpt-5", "gpt-5-mini", "gpt-5-nano"].as_slice(), [["minimal"].as_slice(), &to_high].concat()),
        (&["gpt-5.1"], [["none"].as_slice(), &to_high].concat()),
        (&["gpt-5.4-mini", "gpt-5.4-nano"], [["none"].as_slice(), &to_high, &["xhigh"]].concat()),
        (
            &["gpt-5.6-luna", "gpt-5.6-terra", "gpt-6-luna", "gpt-6.1-terra"],
            [["none"].as_slice(), &to_high, &["xhigh", "max"]].concat(),
        ),
        (&["gpt-6.1-sol", "gpt-6.2-sol"], [to_high.as_slice(), &["xhigh", "max"]].concat()),
    ] {
        for model in models {
            assert_eq!(request(json!({"model": model})).unwrap().effort, "medium", "{model}");
            for effort in every {
                let asked = request(json!({"model": model, "reasoning_effort": effort}));
                match asked {
                    Ok(request) => assert!(known.contains(&effort) && request.effort == effort, "{model} {effort}"),
                    Err(error) => {
                        assert!(!known.contains(&effort), "{model} {effort}");
                        assert_eq!(error.code(), Some("unsupported_value"));
                    }
                }
            }
        }
    }
    assert_eq!(request(json!({"model": "gpt-6-luna"})).unwrap().model.snapshot, "gpt-6-luna");
    assert_eq!(refusal(json!({"model": "gpt-6-luna-2026-09-22"})).1, Some("model_not_found"));
}

#[test]
fn a_model_that_thinks_takes_no_temperature_and_one_that_does_not_think_now_does() {
    for model in ["gpt-5.1", "gpt-5.6-luna", "gpt-6-luna", "gpt-6.1-terra"] {
        for name in ["temperature", "top_p"] {
            let with =
                |effort: &str, value: f64| request(json!({"model": model, "reasoning_effort": effort, name: value}));
            assert!(with("none", 0.2).is_ok(), "{model} {name}");
            assert_eq!(with("low", 0.2).unwrap_err().code(), Some("unsupported_value"), "{model} {name}");
            assert!(with("low", 1.0).is_ok(), "{model} {name}");
        }
        assert_eq!(refusal(json!({"model": model, "temperature": 0})).1, Some("unsupported_value"), "{model}");
    }
    assert_eq!(refusal(json!({"reasoning_effort": "minimal", "temperature": 0})).1, Some("unsupported_value"));
}

#[test]
fn a_model_that_was_shut_down_says_so_before_anything_else() {
    let body = json!({"model": "gpt-4o-mini-2024-07-18", "nonsense": 1}).to_string();
    let error = parse(body.as_bytes(), |model| model.name == "gpt-4o-mini").unwrap_err();
    assert_eq!(
        (error.message(), error.code()),
        (
            "The model `gpt-4o-mini-2024-07-18` has been deprecated, learn more here: \
             https://platform.openai.com/docs/deprecations",
            Some("model_not_found")
        )
    );
}

#[test]
fn parts_have_only_the_fields_of_their_type() {
    let part = |part: Value| json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, part]}]});
    assert_eq!(
        refusal(part(json!({"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}))),
        ("Unknown parameter: 'messages[0].content[1].cache_control'.".into(), Some("unknown_parameter"))
    );
    assert_eq!(refusal(part(json!({"type": "text"}))).1, Some("missing_required_parameter"));
    assert_eq!(refusal(part(json!({"type": "song", "text": "b"}))).1, Some("invalid_value"));
    assert_eq!(refusal(part(json!("b"))).1, Some("invalid_type"));
    let picture = part(json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}));
    assert!(refusal(picture).0.contains("does not play 'image_url' parts"));
    assert_eq!(refusal(json!({"messages": [{"role": "user", "content": []}]})).1, Some("invalid_type"));
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
    assert_eq!(refusal(json!({"safety_identifier": "x".repeat(129)})).1, Some("string_above_max_length"));
    assert!(request(json!({"safety_identifier": "x".repeat(128)})).is_ok());
    assert!(refusal(json!({"tempreature": 1})).0.contains("Unrecognized request argument supplied: tempreature"));
    assert!(refusal(json!({"stream": true})).0.contains("does not stream"));
    assert!(parse(b"{", |_| false).unwrap_err().message().contains("could not parse the JSON body"));
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
