//! Generators that the decoders' property tests share: arbitrary JSON, and valid JSON that was damaged.

use std::hash::{BuildHasher as _, RandomState};

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed},
};
use serde_json::{Map, Value, json};

/// Names and words that the decoders look for: random ones alone would hardly ever reach their code.
const WORDS: [&str; 34] = [
    "username",
    "inputUrl",
    "url",
    "error",
    "isRestrictedProfile",
    "private",
    "followersCount",
    "followsCount",
    "postsCount",
    "latestPosts",
    "shortCode",
    "type",
    "likesCount",
    "timestamp",
    "caption",
    "externalUrl",
    "externalUrls",
    "businessCategoryName",
    "ann",
    "@Ann",
    "https://www.instagram.com/ann/",
    "not_found",
    "Restricted profile",
    "Image",
    "Video",
    "None",
    "None,None",
    "2025-01-02T03:04:05.000Z",
    "javascript:x",
    "choices",
    "message",
    "content",
    "usage",
    "stop",
];

/// Chooses and prints a seed: a failing test shows it, and with it in the environment the same cases run again. So no
/// file of past failures is kept.
pub fn config() -> Config {
    let config = Config::default();
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        // `RandomState` is seeded by the operating system: randomness without another dependency.
        RngSeed::Random => RandomState::new().hash_one(0),
    };
    eprintln!("the same cases again: PROPTEST_RNG_SEED={seed}");
    Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..config }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>(), 1 => "[ -~]{0,12}"]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // NaN and the infinities are null in JSON.
        any::<f64>().prop_map(Value::from),
        (-3_i64..100).prop_map(Value::from),
        (0_u64..1 << 54).prop_map(|whole| json!(whole as f64)),
    ]
}

/// Any JSON value.
pub fn strange() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number(), word().prop_map(Value::from),];
    leaf.prop_recursive(6, 96, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            btree_map(word(), inner, 0..8)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<String, Value>>())),
        ]
    })
}

/// JSON that must not be read as a count.
pub fn no_count() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (i64::MIN..0).prop_map(Value::from),
        ((1_u64 << 53) + 1..).prop_map(Value::from),
        (0_u64..1 << 40).prop_map(|whole| json!(whole as f64 + 0.5)),
        (1e16..1e300_f64).prop_map(Value::from),
        any::<u32>().prop_map(|digits| digits.to_string().into()),
        word().prop_map(Value::from),
        vec(number(), 0..3).prop_map(Value::from),
        Just(json!({"count": 5})),
    ]
}

/// The value with one to four of its parts removed or replaced by arbitrary JSON.
pub fn damaged(value: Value) -> impl Strategy<Value = Value> {
    let mut places = Vec::new();
    note_places(&value, String::new(), &mut places);
    let damage = (select(places), prop::option::weighted(0.7, prop_oneof![strange(), no_count()]));
    vec(damage, 1..5).prop_map(move |damages| {
        let mut value = value.clone();
        for (place, replacement) in damages {
            hit(&mut value, &place, replacement);
        }
        value
    })
}

fn note_places(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| note_places(field, format!("{place}/{name}"), places));
        }
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(at, entry)| note_places(entry, format!("{place}/{at}"), places));
        }
        _ => {}
    }
    places.push(place);
}

/// Does nothing if earlier damage removed the place.
fn hit(value: &mut Value, place: &str, replacement: Option<Value>) {
    if let Some(replacement) = replacement {
        if let Some(part) = value.pointer_mut(place) {
            *part = replacement;
        }
        return;
    }
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.remove(name)),
        Some(Value::Array(entries)) => {
            if let Some(at) = name.parse().ok().filter(|at| *at < entries.len()) {
                entries.remove(at);
            }
        }
        _ => {}
    }
}
