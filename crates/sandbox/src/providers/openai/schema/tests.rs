use serde_json::json;

use super::*;

fn object(property: Value) -> Value {
    json!({"type": "object", "properties": {"a": property}, "required": ["a"], "additionalProperties": false})
}

#[test]
fn a_schema_within_the_rules_passes() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "T", "type": "object",
        "properties": {
            "score": {"type": "integer", "minimum": 0, "maximum": 100, "description": "d"},
            "note": {"type": ["string", "null"]},
            "kind": {"enum": ["a", "b"], "type": "string"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "minItems": 1, "maxItems": 4},
            "maybe": {"anyOf": [{"$ref": "#/$defs/Item"}, {"type": "null"}]},
            "when": {"type": "string", "format": "date-time"},
        },
        "required": ["score", "note", "kind", "list", "maybe", "when"], "additionalProperties": false,
        "$defs": {"Item": object(json!({"type": "string"}))},
    });
    assert_eq!(check(&schema), Ok(()));
}

#[test]
fn a_broken_rule_is_named_in_openais_words() {
    let rules = [
        (json!({"type": "array"}), "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'."),
        (json!({"anyOf": []}), "schema must be a JSON Schema of 'type: \"object\"', got 'type: None'."),
        (
            json!({"type": "object", "properties": {}}),
            "In context=(), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}),
            "In context=(), 'required' is required to be supplied and to be an array including every key in \
             properties. Missing 'a'.",
        ),
        (
            object(json!({"type": "string", "default": "x"})),
            "In context=('properties', 'a'), 'default' is not permitted.",
        ),
        (
            object(json!({"type": "integer", "format": "uint8"})),
            "In context=('properties', 'a'), 'format' is not permitted.",
        ),
        (
            object(json!({"type": "string", "minLength": 1})),
            "In context=('properties', 'a'), 'minLength' is not permitted.",
        ),
        (
            object(json!({"type": "array", "items": {"oneOf": []}})),
            "In context=('properties', 'a', 'items'), 'oneOf' is not permitted.",
        ),
        (object(json!({})), "In context=('properties', 'a'), schema must have a 'type' key."),
    ];
    for (schema, message) in rules {
        assert_eq!(check(&schema), Err(message.to_owned()), "{schema}");
    }
}

#[test]
fn ten_levels_of_nesting_pass_and_eleven_do_not() {
    let nested = |levels: usize| (1..levels).fold(object(json!({"type": "string"})), |inner, _| object(inner));
    assert_eq!(check(&nested(10)), Ok(()));
    assert_eq!(check(&nested(11)), Err("11 levels of nesting exceeds limit of 10.".into()));
}
