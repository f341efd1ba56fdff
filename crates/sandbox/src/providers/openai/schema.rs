//! The rules of strict structured output, with OpenAI's own error messages for a schema that breaks one.

use serde_json::{Map, Value};

use super::errors::{OpenAiError, missing};
use crate::shared::json::{is, resolve};

// The limits of OpenAI's guide to structured outputs.
const NESTING_MAX: usize = 10;
const PROPERTIES_MAX: usize = 5_000;
const ENUM_VALUES_MAX: usize = 1_000;
const TEXT_CHARS_MAX: usize = 120_000;
const NAME_CHARS_MAX: usize = 64;
/// Keywords that are valid JSON Schema but refused in strict mode.
const REFUSED: [&str; 21] = [
    "default",
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "minLength",
    "maxLength",
    "prefixItems",
];
/// The string formats that it takes. `uint8` and the like, which schema generators write for integers, are not among
/// them.
const FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// The schema of a `response_format`, checked if it is strict.
pub(super) fn of_format(format: &Value) -> Result<Value, OpenAiError> {
    let wrapper = format.get("json_schema").and_then(Value::as_object);
    let wrapper = wrapper.ok_or_else(|| missing("response_format.json_schema"))?;
    let name = wrapper.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| missing("response_format.json_schema.name"))?;
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(allowed) {
        let message = "Invalid 'response_format.json_schema.name': string does not match pattern. Expected a string \
                       that matches the pattern '^[a-zA-Z0-9_-]+$'.";
        return Err(OpenAiError::invalid(Some("response_format.json_schema.name"), Some("invalid_value"), message));
    }
    let schema = wrapper.get("schema").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    if wrapper.get("strict").and_then(Value::as_bool) == Some(true) {
        check(&schema).map_err(|why| {
            let message = format!("Invalid schema for response_format '{name}': {why}");
            OpenAiError::invalid(Some("response_format"), Some("invalid_json_schema"), message)
        })?;
    }
    Ok(schema)
}

/// Checks a strict schema; the error is OpenAI's message without the schema's name.
fn check(schema: &Value) -> Result<(), String> {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {}
        kind => {
            let kind = kind.map_or_else(|| "None".to_owned(), |kind| format!("\"{kind}\""));
            return Err(format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: {kind}'."));
        }
    }
    let mut walk = Walk { root: schema, properties: 0, enum_values: 0, text_chars: 0 };
    walk.node(schema, &mut vec![], 1)?;
    for (number, limit, what) in [
        (walk.properties, PROPERTIES_MAX, "object properties"),
        (walk.enum_values, ENUM_VALUES_MAX, "enum values"),
        (walk.text_chars, TEXT_CHARS_MAX, "characters of names and values"),
    ] {
        if number > limit {
            return Err(format!("Expected at most {limit} {what} in total within a schema. Received {number}."));
        }
    }
    Ok(())
}

struct Walk<'a> {
    root: &'a Value,
    properties: usize,
    enum_values: usize,
    text_chars: usize,
}

impl Walk<'_> {
    fn node(&mut self, node: &Value, path: &mut Vec<String>, depth: usize) -> Result<(), String> {
        let Some(fields) = node.as_object() else {
            return Err(format!("In context={}, schema must be an object.", context(path)));
        };
        if depth > NESTING_MAX {
            return Err(format!("{depth} levels of nesting exceeds limit of {NESTING_MAX}."));
        }
        if let Some(word) = REFUSED.iter().find(|word| fields.contains_key(**word)) {
            return Err(format!("In context={}, '{word}' is not permitted.", context(path)));
        }
        if let Some(format) = fields.get("format")
            && !format.as_str().is_some_and(|format| FORMATS.contains(&format))
        {
            return Err(format!("In context={}, 'format' is not permitted.", context(path)));
        }
        if let Some(reference) = fields.get("$ref") {
            return self.reference(reference, path);
        }
        self.values(fields);
        let typed = ["type", "anyOf", "enum", "const"].iter().any(|word| fields.contains_key(*word));
        if !typed {
            return Err(format!("In context={}, schema must have a 'type' key.", context(path)));
        }
        if is(fields, "object") {
            self.object(fields, path, depth)?;
        }
        if is(fields, "array") {
            let Some(items) = fields.get("items") else {
                return Err(format!("In context={}, array schema missing items.", context(path)));
            };
            self.inside(items, path, &["items"], depth)?;
        }
        for (place, option) in fields.get("anyOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
            self.inside(option, path, &["anyOf", &place.to_string()], depth)?;
        }
        for word in ["$defs", "definitions"] {
            for (name, definition) in fields.get(word).and_then(Value::as_object).into_iter().flatten() {
                self.inside(definition, path, &[word, name], depth)?;
            }
        }
        Ok(())
    }

    fn object(&mut self, fields: &Map<String, Value>, path: &mut Vec<String>, depth: usize) -> Result<(), String> {
        if fields.get("additionalProperties") != Some(&Value::Bool(false)) {
            let rule = "'additionalProperties' is required to be supplied and to be false.";
            return Err(format!("In context={}, {rule}", context(path)));
        }
        let Some(properties) = fields.get("properties").and_then(Value::as_object) else {
            return Err(format!("In context={}, object schema missing properties.", context(path)));
        };
        let required = fields.get("required").and_then(Value::as_array);
        let listed = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        if let Some(missing) = properties.keys().find(|name| !listed(name)) {
            return Err(format!(
                "In context={}, 'required' is required to be supplied and to be an array including every key in \
                 properties. Missing '{missing}'.",
                context(path)
            ));
        }
        let known = |name: &Value| name.as_str().is_some_and(|name| properties.contains_key(name));
        if let Some(extra) = required.into_iter().flatten().find(|name| !known(name)) {
            return Err(format!("In context={}, 'required' includes extra key {extra}.", context(path)));
        }
        for (name, property) in properties {
            self.properties += 1;
            self.text_chars += name.chars().count();
            self.inside(property, path, &["properties", name], depth)?;
        }
        Ok(())
    }

    /// Checks a part of the schema; only objects count as nesting.
    fn inside(&mut self, node: &Value, path: &mut Vec<String>, step: &[&str], depth: usize) -> Result<(), String> {
        let before = path.len();
        path.extend(step.iter().map(|word| (*word).to_owned()));
        let deeper = node.as_object().is_some_and(|fields| is(fields, "object"));
        let result = self.node(node, path, depth + usize::from(deeper));
        path.truncate(before);
        result
    }

    fn reference(&self, reference: &Value, path: &[String]) -> Result<(), String> {
        // Not followed: definitions are checked where they stand, and a schema may contain itself.
        let target = reference.as_str().and_then(|reference| resolve(self.root, reference));
        match target {
            Some(_) => Ok(()),
            None => {
                Err(format!("In context={}, reference can only point to definitions in the schema.", context(path)))
            }
        }
    }

    fn values(&mut self, fields: &Map<String, Value>) {
        let values = fields.get("enum").and_then(Value::as_array).into_iter().flatten();
        for value in values.chain(fields.get("const")) {
            self.enum_values += 1;
            self.text_chars += value.as_str().map_or(0, |text| text.chars().count());
        }
    }
}

/// A path as OpenAI writes it: a Python tuple.
fn context(path: &[String]) -> String {
    match path {
        [] => "()".into(),
        [one] => format!("('{one}',)"),
        many => format!("('{}')", many.join("', '")),
    }
}

#[cfg(test)]
mod tests;
