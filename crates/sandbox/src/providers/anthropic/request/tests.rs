use serde_json::json;

use super::*;
use crate::shared::prompt_cache::Ttl;

fn request(changes: Value) -> Checked<MessagesRequest> {
    let mut body =
        json!({"model": "claude-sonnet-5", "max_tokens": 4_000, "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse(body.to_string().as_bytes(), Version::V2023, |_| false)
}

fn refusal(changes: Value) -> String {
    request(changes).unwrap_err().message().to_owned()
}

fn tool(strict: bool) -> Value {
    json!({"name": "answer", "strict": strict, "input_schema":
        {"type": "object", "properties": {"score": {"type": "integer", "minimum": 0}}, "additionalProperties": false}})
}

#[test]
fn text_and_blocks_make_one_prompt_in_the_order_of_the_cache() {
    let ephemeral = json!({"type": "ephemeral"});
    let parsed = request(json!({
        "tools": [tool(false)],
        "system": [{"type": "text", "text": "rules"}, {"type": "text", "text": "more", "cache_control": ephemeral}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
    }))
    .unwrap();
    let texts: Vec<&str> = parsed.blocks.iter().map(|block| block.text.as_str()).collect();
    assert!(texts[0].contains("\"answer\""));
    assert_eq!(texts[1..], ["\nsystem\nrules", "\nsystem\nmore", "\nuser\na", "\nuser\nb"]);
    let breakpoints: Vec<usize> = (0..5).filter(|place| parsed.blocks[*place].breakpoint.is_some()).collect();
    assert_eq!(breakpoints, [2]);
    assert_eq!((parsed.messages[0].text.as_str(), parsed.messages[1].text.as_str()), ("rules\nmore", "a\nb"));
    assert!(matches!(parsed.reply, Reply::Tool { .. }));
    let whole = request(json!({"cache_control": {"type": "ephemeral", "ttl": "1h"}})).unwrap();
    assert_eq!(whole.blocks.last().unwrap().breakpoint, Some(Ttl::OneHour));
}

#[test]
fn effort_and_thinking_are_those_of_the_model() {
    let parsed =
        request(json!({"output_config": {"effort": "xhigh"}, "thinking": {"type": "adaptive", "display": "omitted"}}));
    let parsed = parsed.unwrap();
    assert_eq!((parsed.effort, parsed.thinking), ("xhigh", Thinking::Adaptive { shown: false }));
    assert_eq!(
        refusal(json!({"model": "claude-haiku-4-5", "output_config": {"effort": "low"}})),
        "This model does not support the effort parameter."
    );
    assert!(refusal(json!({"output_config": {"effort": "minimal"}})).contains("output_config.effort"));
    assert!(refusal(json!({"thinking": {"type": "enabled", "budget_tokens": 10}})).contains("1024"));
    assert!(refusal(json!({"thinking": {"type": "enabled", "budget_tokens": 4_000}})).contains("`max_tokens` must be"));
    for (model, effort) in [
        ("claude-haiku-5-5", "medium"),
        ("claude-opus-5-5", "medium"),
        ("claude-sonnet-5-5", "high"),
        ("claude-sonnet-5", "high"),
    ] {
        assert_eq!(request(json!({"model": model})).unwrap().effort, effort, "{model}");
        let with_format = json!({"model": model, "output_config": {"effort": null}});
        assert_eq!(request(with_format).unwrap().effort, effort, "{model}");
    }
    let forced = json!({"thinking": {"type": "adaptive"}, "tools": [tool(false)], "tool_choice": {"type": "any"}});
    assert_eq!(refusal(forced), "Thinking may not be enabled when tool_choice forces tool use.");
}

#[test]
fn slips_are_named() {
    assert_eq!(refusal(json!({"model": "claude-9"})), "model: claude-9");
    assert_eq!(refusal(json!({"max_tokens": null})), "max_tokens: Field required");
    assert!(refusal(json!({"max_tokens": 200_000})).starts_with("max_tokens: 200000 > 128000, which is the maximum"));
    assert_eq!(refusal(json!({"messages": []})), "messages: at least one message is required");
    assert!(refusal(json!({"messages": [{"role": "system", "content": "x"}]})).contains("Unexpected role \"system\""));
    assert!(refusal(json!({"messages": [{"role": "user", "content": ""}]})).contains("non-empty content"));
    assert_eq!(refusal(json!({"reasoning_effort": "low"})), "reasoning_effort: Extra inputs are not permitted");
    assert!(refusal(json!({"stream": true})).contains("does not play"));
    assert!(refusal(json!({"model": "claude-sonnet-4-6", "temperature": 1.5})).contains("range: 0..1"));
    let body = json!({"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let with = |version| {
        let mut body = body.clone();
        body["temperature"] = json!(0.5);
        parse(body.to_string().as_bytes(), version, |_| false).map_err(|error| error.message().to_owned())
    };
    assert!(with(Version::V2023).is_ok());
    assert_eq!(with(Version::V2026).unwrap_err(), "temperature: Extra inputs are not permitted");
    assert_eq!(
        refusal(json!({"tools": [tool(true)]})),
        "tools.0.custom: For 'integer' type, property 'minimum' is not supported"
    );
    let named = json!({"tools": [tool(false)], "tool_choice": {"type": "tool", "name": "other"}});
    assert_eq!(refusal(named), "Tool 'other' not found in provided tools");
}

#[test]
fn the_newest_models_take_neither_sampling_nor_the_beginning_of_their_own_answer() {
    let begun = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "{"}]);
    for model in ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-sonnet-5"] {
        for (name, value) in [("temperature", 0.0), ("top_p", 0.9), ("top_k", 40.0)] {
            let refusal = refusal(json!({"model": model, name: value}));
            assert_eq!(refusal, format!("`{name}` is deprecated for this model."), "{model}");
        }
        assert!(request(json!({"model": model, "temperature": 1})).is_ok(), "{model}");
        let refusal = refusal(json!({"model": model, "messages": begun}));
        assert!(refusal.starts_with("This model does not support assistant message prefill."), "{model}: {refusal}");
    }
    for older in [json!({"temperature": 0}), json!({"top_k": 40}), json!({"messages": begun})] {
        let mut older = older;
        older["model"] = json!("claude-haiku-4-5");
        assert!(request(older.clone()).is_ok(), "{older}");
    }
}

#[test]
fn a_retired_model_is_as_unknown_as_one_that_never_was() {
    let body = json!({"model": "claude-haiku-4-5-20251001", "nonsense": 1}).to_string();
    let error = parse(body.as_bytes(), Version::V2026, |model| model.name == "claude-haiku-4-5").unwrap_err();
    assert_eq!(error.message(), "model: claude-haiku-4-5-20251001");
}

#[test]
fn twenty_blocks_are_searched_from_a_breakpoint_backwards() {
    let mut system: Vec<Value> = (0..25).map(|_| json!({"type": "text", "text": "x"})).collect();
    system[22]["cache_control"] = json!({"type": "ephemeral"});
    let parsed = request(json!({"system": system})).unwrap();
    let searched: Vec<usize> = (0..parsed.blocks.len()).filter(|place| parsed.blocks[*place].searched).collect();
    assert_eq!(searched, (3..=22).collect::<Vec<_>>());
}

#[test]
fn breakpoints_have_rules() {
    let block = |text: &str, ttl: &str| json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}});
    let five: Vec<Value> = (0..5).map(|_| block("x", "5m")).collect();
    assert_eq!(refusal(json!({"system": five})), "A maximum of 4 blocks with cache_control may be provided. Found 5.");
    assert!(request(json!({"system": [block("a", "1h"), block("b", "5m")]})).is_ok());
    assert!(refusal(json!({"system": [block("a", "5m"), block("b", "1h")]})).starts_with("a ttl='1h'"));
    assert!(refusal(json!({"system": [block("", "5m")]})).contains("empty text blocks"));
    assert!(refusal(json!({"system": [block("a", "2h")]})).contains("'5m' or '1h'"));
}
