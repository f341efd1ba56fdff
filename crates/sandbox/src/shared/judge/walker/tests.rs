use super::*;
use crate::shared::{
    judge::{Lexicon, Prompt, judge},
    profiles::Catalogue,
};

fn judgement(business: &str) -> Judgement {
    let profile = json!({
        "username": "bean.there", "biography": "Specialty coffee roaster in town", "followersCount": 9_000,
        "latestPosts": [{"caption": "Dial in your espresso in three shots", "hashtags": ["barista"]}],
    });
    let prompt = Prompt { business: business.into(), profile: profile.to_string() };
    judge(&prompt, &Lexicon::of(Catalogue::load().unwrap().niches()))
}

#[test]
fn letters_of_other_scripts_and_digits_are_no_emoji() {
    let uses_emoji = |biography: &str| {
        let profile = json!({"username": "a", "biography": biography}).to_string();
        let prompt = Prompt { business: String::new(), profile };
        let judgement = judge(&prompt, &Lexicon::of(Catalogue::load().unwrap().niches()));
        let schema = json!({"type": "object", "properties": {"uses_emoji": {"type": "boolean"}}});
        build(&schema, &judgement)["uses_emoji"].clone()
    };
    assert_eq!(uses_emoji("コーヒーが好きです 24/7"), false);
    assert_eq!(uses_emoji("Coffee ☕ since 2019"), true);
}

/// A small strict validator that shares no code with the builder.
fn obeys(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let fields = schema.as_object().ok_or("schema")?;
    let fail = |why: &str| Err(format!("{why}: {value} under {schema}"));
    if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
        return obeys(root, resolve(root, reference).ok_or("ref")?, value);
    }
    if let Some(options) = fields.get("anyOf").and_then(Value::as_array) {
        return if options.iter().any(|option| obeys(root, option, value).is_ok()) { Ok(()) } else { fail("anyOf") };
    }
    if fields.get("const").is_some_and(|constant| constant != value) {
        return fail("const");
    }
    if fields.get("enum").and_then(Value::as_array).is_some_and(|options| !options.contains(value)) {
        return fail("enum");
    }
    let bound = |word: &str| fields.get(word).and_then(Value::as_f64);
    match value {
        Value::Null if is(fields, "null") => Ok(()),
        Value::Bool(_) if is(fields, "boolean") => Ok(()),
        Value::String(text) if is(fields, "string") || fields.contains_key("enum") || fields.contains_key("const") => {
            if text.is_empty() {
                fail("empty")
            } else {
                Ok(())
            }
        }
        Value::Number(number) if is(fields, "integer") || is(fields, "number") => {
            let number = number.as_f64().unwrap();
            let whole = is(fields, "number") || number.fract() == 0.0;
            let low = bound("minimum").is_none_or(|low| number >= low);
            let high = bound("maximum").is_none_or(|high| number <= high);
            if whole && low && high { Ok(()) } else { fail("number") }
        }
        Value::Array(entries) if is(fields, "array") => {
            let length = entries.len() as f64;
            if bound("minItems").is_some_and(|least| length < least)
                || bound("maxItems").is_some_and(|most| length > most)
            {
                return fail("length");
            }
            entries.iter().try_for_each(|entry| obeys(root, &fields["items"], entry))
        }
        Value::Object(entries) if is(fields, "object") => {
            let properties = fields["properties"].as_object().unwrap();
            if entries.keys().ne(properties.keys()) {
                return fail("keys");
            }
            properties.iter().try_for_each(|(name, property)| obeys(root, property, &entries[name]))
        }
        _ => fail("type"),
    }
}

#[test]
fn answers_obey_every_construct_of_a_strict_schema() {
    let schema = json!({
        "type": "object", "additionalProperties": false,
        "required": ["score", "stars", "confidence", "fit", "evidence", "note", "tree", "version", "flag", "many", "odd", "mixed"],
        "properties": {
            "score": {"type": "integer", "minimum": 0, "maximum": 100},
            "stars": {"type": "integer", "minimum": 1, "maximum": 5},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "fit": {"type": "string", "enum": ["low", "medium", "high"]},
            "evidence": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"$ref": "#/$defs/Evidence"}},
            "note": {"type": ["string", "null"]},
            "tree": {"$ref": "#/$defs/Node"},
            "version": {"const": "v1"},
            "flag": {"type": "boolean"},
            "many": {"type": "array", "minItems": 6, "items": {"type": "string"}},
            "odd": {"type": "integer", "multipleOf": 7, "minimum": 0, "maximum": 50},
            "mixed": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "number"}}]},
        },
        "$defs": {
            "Evidence": {"type": "object", "additionalProperties": false, "required": ["quote", "weight"],
                "properties": {"quote": {"type": "string"}, "weight": {"type": "integer", "minimum": -5, "maximum": 5}}},
            "Node": {"type": "object", "additionalProperties": false, "required": ["name", "children", "next"],
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "maxItems": 1},
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                }},
        },
    });
    let answer = build(&schema, &judgement("We sell grinders to coffee roasters."));
    obeys(&schema, &schema, &answer).unwrap();
    assert_eq!(answer["fit"], "high");
    assert!(answer.to_string().len() < 200_000);
}

#[test]
fn a_score_is_the_judgement_and_evidence_is_the_profiles_own_words() {
    let schema = json!({"type": "object", "properties": {
        "score": {"type": "integer"}, "evidence": {"type": "array", "items": {"type": "string"}},
        "summary": {"type": "string"}, "opener": {"type": "string"}, "niche": {"type": "string"},
        "risk": {"type": "integer", "minimum": 0, "maximum": 100},
        "reasons": {"type": "array", "items": {"type": "object", "properties": {
            "text": {"type": "string"},
            "weight": {"type": "integer", "minimum": -9007199254740991_i64, "maximum": 9007199254740991_i64},
        }}},
    }});
    let judgement = judgement("Roastware sells grinders to coffee roasters.");
    let answer = build(&schema, &judgement);
    assert_eq!(answer["score"], judgement.relevance);
    assert_eq!(answer["risk"], 100 - judgement.relevance);
    assert_eq!(answer["evidence"][0], "Specialty coffee roaster in town");
    assert_eq!(answer["niche"], "coffee");
    assert!(answer["summary"].as_str().unwrap().contains("Roastware"));
    assert!(answer["opener"].as_str().unwrap().contains("Specialty coffee roaster in town"));
    assert_eq!(build(&schema, &judgement), answer, "the same prompt gets the same answer");
}

#[test]
fn a_number_at_an_open_end_steps_inside() {
    let one = |number: Value| {
        let schema = json!({"type": "object", "properties": {"order": number}, "required": ["order"]});
        build(&schema, &judgement("We sell grinders to coffee roasters."))["order"].clone()
    };
    // The name asks for the place in an order, which is 1 here.
    assert_eq!(one(json!({"type": "integer"})), 1);
    assert_eq!(one(json!({"type": "integer", "exclusiveMinimum": 1})), 2);
    assert_eq!(one(json!({"type": "integer", "exclusiveMaximum": 1})), 0);
    assert_eq!(one(json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1})), 0.99);
    assert_eq!(one(json!({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 1.001})), 1.0005);
    assert_eq!(one(json!({"type": "number", "minimum": 1.15, "multipleOf": 0.1})), 1.2);
    assert_eq!(one(json!({"type": "integer", "minimum": -9, "maximum": -5, "multipleOf": 4})), -8);
}
