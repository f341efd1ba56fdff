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
            "score": {"type": "integer", "description": "0 to 100"},
            "note": {"type": ["string", "null"], "default": null},
            "kind": {"enum": ["a", "b"]},
            "list": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "minItems": 1},
            "maybe": {"anyOf": [{"$ref": "#/$defs/Item"}, {"type": "null"}]},
            "link": {"type": "string", "format": "uri"},
        },
        "required": ["score"], "additionalProperties": false,
        "$defs": {"Item": object(json!({"type": "string"}))},
    });
    assert_eq!(check(&schema), Ok(()));
}

#[test]
fn what_is_beyond_the_rules_is_named() {
    let itself = json!({"type": "object", "additionalProperties": false, "properties": {"next": {"$ref": "#"}}});
    for (schema, why) in [
        (object(json!({"type": "integer", "minimum": 0})), "For 'integer' type, property 'minimum' is not supported"),
        (
            object(json!({"type": ["number", "null"], "maximum": 1})),
            "For 'number' type, property 'maximum' is not supported",
        ),
        (object(json!({"type": "string", "maxLength": 9})), "For 'string' type, property 'maxLength' is not supported"),
        (
            object(json!({"type": "array", "items": {"type": "string"}, "minItems": 2})),
            "For 'array' type, 'minItems' values other than 0 or 1 are not supported",
        ),
        (
            object(json!({"type": "array", "items": {"type": "string"}, "maxItems": 2})),
            "For 'array' type, property 'maxItems' is not supported",
        ),
        (
            object(json!({"type": "object", "properties": {}})),
            "For 'object' type, 'additionalProperties' must be explicitly set to false",
        ),
        (object(json!({"oneOf": []})), "Schema keyword 'oneOf' is not supported"),
        (object(json!({"$ref": "#/$defs/None"})), "Reference \"#/$defs/None\" does not point into the schema"),
        (itself, "Circular reference detected: recursive schemas are not supported"),
    ] {
        assert_eq!(check(&schema), Err(why.to_owned()), "{schema}");
    }
}
