//! The part of JSON Schema that Anthropic's structured output takes, with its error messages for the rest.
//!
//! Bounds on numbers, strings and lists are refused, not ignored: its official client moves them into descriptions
//! before it sends a schema, and a caller without that client must do the same.

use serde_json::{Map, Value};

use crate::shared::json::{is, resolve};

const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];
/// By type, the keywords that are refused.
const REFUSED: [(&str, &[&str]); 5] = [
    ("integer", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ("string", &["minLength", "maxLength"]),
    ("array", &["maxItems", "uniqueItems", "contains", "prefixItems", "minContains", "maxContains"]),
    ("object", &["minProperties", "maxProperties", "patternProperties", "propertyNames", "dependentRequired"]),
];
const REFUSED_ANYWHERE: [&str; 5] = ["oneOf", "not", "if", "then", "else"];
/// Only a schema that contains itself gets deeper than this.
const DEPTH_MAX: usize = 64;

/// Checks a schema; the error is Anthropic's message without the place of the schema.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    node(schema, schema, 0)
}

fn node(root: &Value, schema: &Value, depth: usize) -> Result<(), String> {
    let fields = schema.as_object().ok_or("Schema must be an object")?;
    if depth > DEPTH_MAX {
        return Err("Circular reference detected: recursive schemas are not supported".into());
    }
    if let Some(word) = REFUSED_ANYWHERE.iter().find(|word| fields.contains_key(**word)) {
        return Err(format!("Schema keyword '{word}' is not supported"));
    }
    for (kind, words) in REFUSED {
        if let Some(word) = words.iter().find(|word| is(fields, kind) && fields.contains_key(**word)) {
            return Err(format!("For '{kind}' type, property '{word}' is not supported"));
        }
    }
    if is(fields, "array") && fields.get("minItems").is_some_and(|least| !matches!(least.as_u64(), Some(0 | 1))) {
        return Err("For 'array' type, 'minItems' values other than 0 or 1 are not supported".into());
    }
    if let Some(format) = fields.get("format").filter(|_| is(fields, "string"))
        && !format.as_str().is_some_and(|format| FORMATS.contains(&format))
    {
        return Err(format!("For 'string' type, format {format} is not supported"));
    }
    if let Some(reference) = fields.get("$ref") {
        let target = reference.as_str().and_then(|reference| resolve(root, reference));
        let target = target.ok_or_else(|| format!("Reference {reference} does not point into the schema"))?;
        return node(root, target, depth + 1);
    }
    let typed = ["type", "anyOf", "allOf", "enum", "const"].iter().any(|word| fields.contains_key(*word));
    if !typed {
        return Err("Schema must have a 'type', 'enum', 'const', 'anyOf', 'allOf' or '$ref'".into());
    }
    if is(fields, "object") && fields.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err("For 'object' type, 'additionalProperties' must be explicitly set to false".into());
    }
    parts(fields).try_for_each(|part| node(root, part, depth + 1))
}

/// Every schema directly within a schema. Definitions are checked where they are referred to.
fn parts(fields: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let properties = fields.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let options = ["anyOf", "allOf"].into_iter().filter_map(|word| fields.get(word)?.as_array()).flatten();
    properties.chain(options).chain(fields.get("items"))
}

#[cfg(test)]
mod tests;
