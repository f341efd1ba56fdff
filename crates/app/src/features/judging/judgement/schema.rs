//! Answer types as JSON schemas that providers enforce.
//!
//! Promises: properties stand in the order of the type's fields, in the schema and in `required`. Models write their answers in
//! that order, so what an answer rests on is written before what follows from it.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// The JSON schema of `T` in the dialect of strict structured output: no references, every property required, nothing
/// additional, no keyword that providers reject.
#[must_use]
pub fn strict_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    make_strict(&mut schema);
    schema
}

fn make_strict(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // Integer formats such as `uint8` are schemars' own; `title` only costs tokens.
            object.shift_remove("format");
            if object.get("title").is_some_and(Value::is_string) {
                object.shift_remove("title");
            }
            let properties = object.get("properties").and_then(Value::as_object);
            if let Some(names) = properties.map(|p| p.keys().cloned().map(Value::String).collect::<Vec<_>>()) {
                object.insert("required".to_owned(), Value::Array(names));
                object.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            object.values_mut().for_each(make_strict);
        }
        Value::Array(items) => items.iter_mut().for_each(make_strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{super::CallKind, *};

    /// An OpenAI server once refused more.
    const LEVELS_MAX: usize = 5;

    /// Objects and lists within each other.
    fn levels(schema: &Value) -> usize {
        let below = |key: &str| schema.get(key).into_iter();
        let properties = below("properties").filter_map(Value::as_object).flat_map(|all| all.values());
        let deepest = properties.chain(below("items")).map(levels).max().unwrap_or(0);
        let is_nested = schema.get("properties").is_some() || schema.get("items").is_some();
        deepest + usize::from(is_nested)
    }

    #[test]
    fn every_schema_is_strict_shallow_and_documented() {
        for call in CallKind::ALL {
            let schema = call.schema();
            assert_strict(&schema, call.as_str());
            assert!(levels(&schema) <= LEVELS_MAX, "{call:?} has {} levels", levels(&schema));
            let text = schema.to_string();
            for keyword in ["$schema", "$ref", "\"format\"", "\"default\"", "oneOf"] {
                assert!(!text.contains(keyword), "{keyword} in {text}");
            }
        }
    }

    /// The names of all properties, each before those within it.
    fn written(schema: &Value, names: &mut Vec<String>) {
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            names.push(name.clone());
            written(property, names);
        }
        if let Some(items) = schema.get("items") {
            written(items, names);
        }
    }

    #[test]
    fn what_an_answer_rests_on_is_written_before_the_grade() {
        const SHOWN: [&str; 3] = ["posts", "quote", "count"];
        let insights = |name| [&[name], &SHOWN[..], &["insight"]].concat();
        let verdict = [
            &["niche", "themes"][..],
            &SHOWN,
            &["theme"],
            &insights("reasons"),
            &["concerns", "role", "seems_minor", "summary", "confidence", "fit_score"],
        ]
        .concat();
        let expected: [(CallKind, Vec<&str>); 10] = [
            (CallKind::Light, [&["verdict"], &verdict[..], &["language", "outreach_opener", "gloss"]].concat()),
            (CallKind::Verdict, verdict),
            (CallKind::Needs, [insights("needs"), insights("buying_signals")].concat()),
            (CallKind::Approach, [&["angle", "offer"][..], &insights("avoid")].concat()),
            (
                CallKind::Outreach,
                [&insights("hooks")[..], &["channel", "language", "opener", "message", "follow_up", "gloss"]].concat(),
            ),
            (
                CallKind::Personality,
                [
                    &["traits"],
                    &SHOWN[..],
                    &["name", "strength", "communication_style", "decision_style", "say", "do_not_say", "confidence"],
                ]
                .concat(),
            ),
            (CallKind::Motives, [&["self_image"][..], &insights("values"), &insights("motivations")].concat()),
            (
                CallKind::Openness,
                [&insights("objections")[..], &insights("triggers"), &["confidence", "receptiveness"]].concat(),
            ),
            (CallKind::Money, [insights("monetisation"), insights("risks")].concat()),
            (
                CallKind::Deal,
                [&insights("signs")[..], &["buying_stage", "authority", "opportunity", "formats"]].concat(),
            ),
        ];
        for (call, order) in expected {
            let mut names = Vec::new();
            written(&call.schema(), &mut names);
            assert_eq!(names, order, "{call:?}");
        }
    }

    fn assert_strict(schema: &Value, at: &str) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            assert_eq!(schema["additionalProperties"], false, "{at}");
            assert!(schema["required"].as_array().unwrap().iter().eq(properties.keys()), "{at}");
            for (name, property) in properties {
                assert!(property.get("description").is_some(), "{at}.{name} tells the model nothing");
                assert_strict(property, &format!("{at}.{name}"));
            }
        }
        if let Some(items) = schema.get("items") {
            assert_strict(items, &format!("{at}[]"));
        }
    }
}
