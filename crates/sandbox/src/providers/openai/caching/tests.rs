use serde_json::json;

use super::super::request::{ChatRequest, parse};
use super::*;

fn request(model: &str, changes: Value) -> Checked<ChatRequest> {
    let mut body = json!({"model": model, "messages": [text("system", "rules"), text("user", "question")]});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse(body.to_string().as_bytes(), |_| false)
}

fn text(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

/// A message of so many parts, each with a breakpoint.
fn marked(role: &str, parts: usize) -> Value {
    let part = json!({"type": "text", "text": "part", "prompt_cache_breakpoint": {"mode": "explicit"}});
    json!({"role": role, "content": vec![part; parts]})
}

/// `w` for each block that is written, `s` for one that is only searched, `-` for the others.
fn breakpoints(changes: Value) -> String {
    let request = request("gpt-6-luna", changes).unwrap();
    let letter = |block: &crate::shared::prompt_cache::Block| match (block.breakpoint, block.searched) {
        (Some(ttl), _) => {
            assert_eq!(ttl, Ttl::ThirtyMinutes);
            'w'
        }
        (None, true) => 's',
        (None, false) => '-',
    };
    request.blocks.iter().map(letter).collect()
}

fn refusal(model: &str, changes: Value) -> (String, Option<&'static str>) {
    let error = request(model, changes).unwrap_err();
    (error.message().to_owned(), error.code())
}

#[test]
fn the_implicit_breakpoint_is_at_the_end_of_the_latest_user_message_and_nowhere_else() {
    assert_eq!(breakpoints(json!({})), "-w");
    assert_eq!(breakpoints(json!({"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}})), "-w");
    let turns = json!([text("system", "r"), text("user", "a"), text("assistant", "b"), text("user", "c")]);
    assert_eq!(breakpoints(json!({"messages": turns})), "-s-w");
    let parts = json!({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]});
    assert_eq!(breakpoints(json!({"messages": [text("system", "r"), parts, text("assistant", "c")]})), "--w-");
    assert_eq!(breakpoints(json!({"messages": [text("system", "r")]})), "-");
    let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}});
    let with_schema = json!({"response_format": schema});
    let first = request("gpt-6-luna", with_schema.clone()).unwrap().blocks.remove(0).text;
    assert_eq!(first, r#"{"type":"object"}"#, "the schema stands before the messages");
    assert_eq!(breakpoints(with_schema), "--w");
}

#[test]
fn in_explicit_mode_only_what_is_marked_is_cached() {
    let explicit = json!({"mode": "explicit"});
    assert_eq!(breakpoints(json!({"prompt_cache_options": explicit})), "--");
    let messages = json!([marked("system", 1), text("user", "a")]);
    assert_eq!(breakpoints(json!({"prompt_cache_options": explicit, "messages": messages})), "w-");
    assert_eq!(breakpoints(json!({"messages": messages})), "ww");
    let four = json!([marked("system", 4), text("user", "a")]);
    assert_eq!(breakpoints(json!({"prompt_cache_options": explicit, "messages": four})), "wwww-");
    assert_eq!(breakpoints(json!({"messages": four})), "swwww", "the implicit one takes the place of the oldest");
    assert_eq!(
        refusal("gpt-6-luna", json!({"prompt_cache_options": explicit, "messages": [marked("system", 5)]})),
        (
            "Invalid 'prompt_cache_breakpoint': at most 4 breakpoints can be written, but got 5 instead.".into(),
            Some("invalid_value")
        )
    );
}

#[test]
fn key_effort_and_verbosity_keep_prompts_apart() {
    let scope = |model: &str, changes: Value| match request(model, changes).unwrap().caching {
        Caching::Breakpoints { scope } => scope,
        other => panic!("{other:?}"),
    };
    let plain = scope("gpt-6-luna", json!({}));
    assert_eq!(scope("gpt-6-luna", json!({"reasoning_effort": "medium", "verbosity": "medium"})), plain);
    for changes in [json!({"prompt_cache_key": "k"}), json!({"reasoning_effort": "none"}), json!({"verbosity": "low"})]
    {
        assert_ne!(scope("gpt-6-luna", changes.clone()), plain, "{changes}");
    }
    assert_ne!(scope("gpt-6.1-terra", json!({})), plain);
}

#[test]
fn older_models_cache_by_themselves_and_cannot_be_told_how() {
    let kept = |changes| match request("gpt-5-mini", changes).unwrap().caching {
        Caching::Automatic { key, kept } => (key, kept.as_secs()),
        other => panic!("{other:?}"),
    };
    assert_eq!(kept(json!({})), (String::new(), 600));
    assert_eq!(kept(json!({"prompt_cache_key": "k", "prompt_cache_retention": "24h"})), ("k".into(), 86_400));
    assert_eq!(kept(json!({"prompt_cache_retention": "in_memory"})).1, 600);
    for model in ["gpt-4o-mini", "gpt-5", "gpt-5.1", "gpt-5.4-mini"] {
        let (message, code) = refusal(model, json!({"prompt_cache_options": {"mode": "explicit"}}));
        assert_eq!(message, "Unsupported parameter: 'prompt_cache_options' is not supported with this model.");
        assert_eq!(code, Some("unsupported_parameter"));
        let (message, code) = refusal(model, json!({"messages": [marked("system", 1)]}));
        assert_eq!(code, Some("unsupported_parameter"), "{model}");
        assert!(message.contains("'messages[0].content[0].prompt_cache_breakpoint' is not supported"), "{message}");
    }
}

#[test]
fn slips_are_named() {
    let options = |options: Value| refusal("gpt-6-luna", json!({"prompt_cache_options": options}));
    assert_eq!(options(json!({"mode": "off"})).1, Some("invalid_value"));
    assert_eq!(options(json!({"ttl": "12h"})).1, Some("invalid_value"));
    assert_eq!(options(json!({"time": "30m"})).0, "Unknown parameter: 'prompt_cache_options.time'.");
    assert_eq!(options(json!("explicit")).1, Some("invalid_type"));
    let breakpoint = |breakpoint: Value| {
        let part = json!({"type": "text", "text": "a", "prompt_cache_breakpoint": breakpoint});
        refusal("gpt-6-luna", json!({"messages": [{"role": "system", "content": [part]}]}))
    };
    assert_eq!(breakpoint(json!({"mode": "implicit"})).1, Some("invalid_value"));
    assert_eq!(breakpoint(json!({})).1, Some("missing_required_parameter"));
    assert_eq!(breakpoint(json!(true)).1, Some("invalid_type"));
    assert_eq!(breakpoint(json!({"mode": "explicit", "ttl": "12h"})).1, Some("invalid_value"));
    assert_eq!(breakpoint(json!({"mode": "explicit", "x": 1})).1, Some("unknown_parameter"));
    assert_eq!(refusal("gpt-5-mini", json!({"prompt_cache_retention": "1y"})).1, Some("invalid_value"));
    assert_eq!(refusal("gpt-6-luna", json!({"prompt_cache_retention": "in_memory"})).1, Some("invalid_value"));
    assert!(request("gpt-6-luna", json!({"prompt_cache_retention": "24h"})).is_ok());
}
