//! An answer always obeys its schema: realistic analyses by both providers, and random schemas.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Stand;
use serde_json::{Map, Value, json};

const SHAPES: [(&str, &str); 5] = [
    ("core_strategy", include_str!("schemas/other/core_strategy.json")),
    ("outreach_message", include_str!("schemas/other/outreach_message.json")),
    ("personality", include_str!("schemas/other/personality.json")),
    ("psychographic", include_str!("schemas/other/psychographic.json")),
    ("commercial", include_str!("schemas/other/commercial.json")),
];
/// The product's own questions.
const CALLS: [(&str, &str); 10] = [
    ("light", include_str!("schemas/light.json")),
    ("verdict", include_str!("schemas/verdict.json")),
    ("needs", include_str!("schemas/needs.json")),
    ("approach", include_str!("schemas/approach.json")),
    ("outreach", include_str!("schemas/outreach.json")),
    ("personality", include_str!("schemas/personality.json")),
    ("motives", include_str!("schemas/motives.json")),
    ("openness", include_str!("schemas/openness.json")),
    ("money", include_str!("schemas/money.json")),
    ("deal", include_str!("schemas/deal.json")),
];
const BUSINESS: &str =
    "<business>Roastware makes grinders for specialty coffee roasters with 1,000 to 80,000 followers.</business>";

fn profile(handle: &str) -> String {
    let profile = json!({
        "username": handle, "fullName": "Bo Bean", "biography": "Specialty coffee roaster ☕\nEducator for home baristas",
        "followersCount": 12_000, "postsCount": 240, "externalUrl": "https://bean.example",
        "latestPosts": [
            {"caption": "Dial in your espresso in three shots with @latte.lab", "hashtags": ["barista", "espresso"], "mentions": ["latte.lab"]},
            {"caption": "Why I roast light and drink it slowly", "hashtags": ["coffee"]},
        ],
    });
    format!("<profile>{profile}</profile>")
}

/// OpenAI's answer, in strict mode.
async fn by_openai(stand: &Stand, handle: &str, schema: &Value) -> Value {
    let request = json!({
        "model": "gpt-5-mini", "reasoning_effort": "low",
        "messages": [{"role": "system", "content": BUSINESS}, {"role": "user", "content": profile(handle)}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "shape", "strict": true, "schema": schema}},
    });
    let answer = stand.chat(request).await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let completion: Value = answer.json().await.unwrap();
    serde_json::from_str(completion["choices"][0]["message"]["content"].as_str().unwrap()).unwrap()
}

async fn by_anthropic(stand: &Stand, handle: &str, schema: &Value) -> Value {
    let request = json!({
        "model": "claude-sonnet-5", "max_tokens": 8_000, "system": BUSINESS,
        "messages": [{"role": "user", "content": profile(handle)}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    });
    let call = stand.client.post(format!("{}/anthropic/v1/messages", stand.base)).json(&request);
    let call = call.header("x-api-key", "sandbox-anthropic-key").header("anthropic-version", "2026-10-21");
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let message: Value = answer.json().await.unwrap();
    let blocks = message["content"].as_array().unwrap();
    let text = blocks.iter().find(|block| block["type"] == "text").unwrap();
    serde_json::from_str(text["text"].as_str().unwrap()).unwrap()
}

/// The schema without bounds, which Anthropic refuses.
fn unbounded(schema: &Value) -> Value {
    const BOUNDS: [&str; 7] =
        ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"];
    match schema {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !BOUNDS.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name.clone(), unbounded(value))).collect::<Map<_, _>>())
        }
        Value::Array(entries) => entries.iter().map(unbounded).collect(),
        other => other.clone(),
    }
}

fn assert_valid(what: &str, schema: &Value, answer: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(answer).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:?}\n{answer:#}");
}

fn strings<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(entries) => entries.iter().for_each(|entry| strings(entry, into)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, into)),
        _ => {}
    }
}

#[tokio::test]
async fn every_kind_of_analysis_is_valid_repeats_and_rests_on_the_profile() {
    let stand = Stand::start(0.0).await;
    for (name, text) in SHAPES {
        let schema: Value = serde_json::from_str(text).unwrap();
        let answer = by_openai(&stand, "bean.there", &schema).await;
        assert_valid(name, &schema, &answer);
        assert_eq!(by_openai(&stand, "bean.there", &schema).await, answer, "{name}: the same request, the same answer");
        assert_ne!(by_openai(&stand, "other.bean", &schema).await, answer, "{name}: another profile, another answer");
        let plain = unbounded(&schema);
        assert_valid(name, &plain, &by_anthropic(&stand, "bean.there", &plain).await);
        let mut texts = vec![];
        strings(&answer, &mut texts);
        let real = texts
            .iter()
            .filter(|text| ["roaster", "espresso", "coffee", "barista"].iter().any(|word| text.contains(word)));
        let real = real.count();
        assert!(real >= 4, "{name}: only {real} of {} texts speak of the profile\n{answer:#}", texts.len());
    }
}

#[tokio::test]
async fn the_products_questions_get_valid_answers_from_both_providers() {
    let stand = Stand::start(0.0).await;
    for (name, text) in CALLS {
        let schema: Value = serde_json::from_str(text).unwrap();
        // The second handle has no profile text but its name.
        for handle in ["bean.there", "x"] {
            let answer = by_openai(&stand, handle, &schema).await;
            assert_valid(name, &schema, &answer);
            assert_eq!(by_openai(&stand, handle, &schema).await, answer, "{name}: the same request, the same answer");
            assert_eq!(by_anthropic(&stand, handle, &schema).await, answer, "{name}: both providers judge alike");
        }
        let mut bounded = schema.clone();
        bound(&mut bounded);
        assert_valid(name, &bounded, &by_openai(&stand, "bean.there", &bounded).await);
    }
}

/// Sets limits that the usual answers would break.
fn bound(schema: &mut Value) {
    if let Some(fields) = schema.as_object_mut() {
        if fields.get("type") == Some(&json!("array")) {
            let ids = fields["items"]["type"] == "string";
            fields.insert("minItems".into(), json!(if ids { 1 } else { 4 }));
            fields.insert("maxItems".into(), json!(4));
        }
        fields.values_mut().for_each(bound);
    }
}

#[tokio::test]
async fn names_give_their_meaning() {
    let stand = Stand::start(0.0).await;
    let shape = |name: &str| {
        SHAPES.iter().find(|(known, _)| *known == name).map(|(_, text)| serde_json::from_str(text).unwrap())
    };
    let strategy = by_openai(&stand, "bean.there", &shape("core_strategy").unwrap()).await;
    assert!(strategy["fit_score"].as_u64().unwrap() > 70);
    assert_eq!((&strategy["verdict"], &strategy["priority"]), (&json!("pursue"), &json!("high")));
    assert_eq!(strategy["location"], Value::Null, "no place is stated");
    let orders: Vec<&Value> = strategy["next_steps"].as_array().unwrap().iter().map(|step| &step["order"]).collect();
    assert_eq!(orders, [1, 2, 3]);
    let outreach = by_openai(&stand, "bean.there", &shape("outreach_message").unwrap()).await;
    assert!(outreach["message"].as_str().unwrap().contains("Bo Bean"));
    assert_eq!((&outreach["channel"], &outreach["tone"]), (&json!("instagram_dm"), &json!("friendly")));
    assert_eq!((&outreach["contact_email"], &outreach["uses_emoji"]), (&Value::Null, &json!(true)));
    let delays: Vec<u64> =
        outreach["follow_ups"].as_array().unwrap().iter().map(|next| next["delay_days"].as_u64().unwrap()).collect();
    assert!(delays.is_sorted() && delays[0] < delays[1], "{delays:?}");
    let personality = by_openai(&stand, "bean.there", &shape("personality").unwrap()).await;
    assert_eq!(personality["archetype"], "educator", "the biography says so");
    let names: Vec<&str> =
        personality["traits"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert!(names.iter().all(|name| name.len() < 20 && !name.contains("Bo Bean")), "{names:?}");
    let commercial = by_openai(&stand, "bean.there", &shape("commercial").unwrap()).await;
    assert!(commercial["budget"]["min"].as_u64().unwrap() < commercial["budget"]["max"].as_u64().unwrap());
    assert_eq!(commercial["brand_partners"], json!(["latte.lab"]));
    assert_eq!(commercial["purchase_intent"], "hot");
    assert_eq!(commercial["audience_size"], 12_000);
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The low bits of this generator (Knuth's MMIX) repeat soon.
        (self.0 >> 33) % sides
    }

    fn shape(&mut self, depth: u64) -> Value {
        let bound = self.roll(2_000) as i64 - 1_000;
        let width = self.roll(50) as i64;
        // The last four shapes contain others. From a depth of 5 on none of them is chosen, so that a schema ends.
        match self.roll(if depth < 5 { 14 } else { 10 }) {
            0 => json!({"type": "string"}),
            1 => json!({"type": ["string", "null"]}),
            2 => json!({"type": "integer", "minimum": bound, "maximum": bound + width}),
            3 => {
                json!({"type": "number", "exclusiveMinimum": bound, "exclusiveMaximum": bound as f64 + 0.001 + width as f64 / 7.0})
            }
            4 => json!({"type": "integer", "multipleOf": 1 + self.roll(9), "minimum": bound}),
            5 => json!({"type": "boolean"}),
            6 => json!({"enum": ["low", "high", null, 3]}),
            7 => json!({"type": "string", "enum": ["a", "very_high", "b c"]}),
            8 => json!({"type": "number", "maximum": bound, "multipleOf": 0.25}),
            9 => json!({"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"}),
            10 => json!({"anyOf": [{"type": "null"}, self.shape(depth + 1)]}),
            11 => json!({"$ref": "#/$defs/Shared"}),
            12 => {
                let least = self.roll(6);
                json!({"type": "array", "items": self.shape(depth + 1), "minItems": least, "maxItems": least + self.roll(3)})
            }
            _ => self.object(depth),
        }
    }

    fn object(&mut self, depth: u64) -> Value {
        const NAMES: [&str; 14] = [
            "score",
            "name",
            "budget_min",
            "traits",
            "follower_count",
            "risk",
            "quotes",
            "delay_days",
            "price_usd",
            "values",
            "location",
            "level",
            "probability",
            "x",
        ];
        let names: Vec<&str> = NAMES.into_iter().filter(|_| self.roll(3) == 0).collect();
        let properties: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), self.shape(depth + 1))).collect();
        json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
    }
}

#[tokio::test]
async fn shapes_that_nobody_would_think_of_are_obeyed_too() {
    let stand = Stand::start(0.0).await;
    let mut dice = Dice(7);
    for number in 0..400 {
        let mut schema = dice.object(0);
        let shared = json!({"type": "object", "required": ["title", "next"], "additionalProperties": false, "properties":
            {"title": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/Shared"}, {"type": "null"}]}}});
        schema["$defs"] = json!({"Shared": shared});
        let answer = by_openai(&stand, "bean.there", &schema).await;
        assert_valid(&format!("shape {number} {schema}"), &schema, &answer);
    }
}
