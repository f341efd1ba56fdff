//! The request bodies of the feature as JSON schemas, with the limits that `fields` checks. Written by hand, because
//! `draft` parses the bodies by hand.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    BusinessName, Description, Keywords, Phrases, ProofPoints, Voice,
    http::{ChangedFields, NewFields},
};

fn properties() -> Value {
    let keywords = json!({
        "type": ["array", "null"], "maxItems": Keywords::COUNT_MAX, "items": { "type": "string", "minLength": 1 },
    });
    let lines = |count_max: usize, chars_max: usize| {
        let line = json!({ "type": "string", "minLength": 1, "maxLength": chars_max });
        json!({ "type": ["array", "null"], "maxItems": count_max, "items": line })
    };
    let phrases = lines(Phrases::COUNT_MAX, Phrases::CHARS_MAX);
    let text = |chars_max: usize| json!({ "type": "string", "minLength": 1, "maxLength": chars_max });
    let ideal_customer = json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "follower_min": { "type": ["integer", "null"], "minimum": 0 },
            "follower_max": { "type": ["integer", "null"], "minimum": 0 },
            "engagement_rate_min_percent": { "type": ["number", "null"], "minimum": 0, "maximum": 100 },
            "content_themes": keywords,
            "geographies": keywords,
        },
    });
    json!({
        "name": text(BusinessName::CHARS_MAX), "offering": text(Description::CHARS_MAX),
        "target_audience": text(Description::CHARS_MAX),
        "voice": { "type": ["string", "null"], "minLength": 1, "maxLength": Voice::CHARS_MAX },
        "do_not_say": phrases, "competitors": phrases,
        "proof_points": lines(ProofPoints::COUNT_MAX, ProofPoints::CHARS_MAX), "ideal_customer": ideal_customer,
    })
}

impl JsonSchema for NewFields {
    fn schema_name() -> Cow<'static, str> {
        "NewBusinessProfile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object", "additionalProperties": false, "required": ["name", "offering", "target_audience"],
            "properties": properties(),
        })
    }
}

impl JsonSchema for ChangedFields {
    fn schema_name() -> Cow<'static, str> {
        "BusinessProfileChanges".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": false, "properties": properties() })
    }
}
