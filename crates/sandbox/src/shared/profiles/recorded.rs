//! Profiles recorded from the real scraper (personal data removed), kept exactly as they came.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::shared::error::SandboxError;

const PROFILES: [(&str, &str); 7] = [
    ("nasa", include_str!("../../../fixtures/apify/ig_nasa.apify2025.json")),
    ("frcsurat", include_str!("../../../fixtures/apify/ig_frcsurat.apify2026.json")),
    ("apifytech", include_str!("../../../fixtures/apify/ig_apifytech.apify2022.json")),
    ("avengers", include_str!("../../../fixtures/apify/ig_avengers.apify2019.json")),
    ("josephinelangford", include_str!("../../../fixtures/apify/ig_josephinelangford.apify2020.json")),
    ("synthetic_private", include_str!("../../../fixtures/apify/private_profile.json")),
    ("synthetic_zero", include_str!("../../../fixtures/apify/zero_posts.json")),
];
const POST: &str = include_str!("../../../fixtures/apify/post_teslamotors.apify.json");

/// The recorded profiles by username, and the one recorded post.
pub(super) struct Recorded {
    profiles: BTreeMap<&'static str, Value>,
    post: Value,
}

impl Recorded {
    pub(super) fn load() -> Result<Self, SandboxError> {
        let parse = |name: &str, text: &str| {
            serde_json::from_str::<Value>(text)
                .map_err(|error| SandboxError::Corrupt { what: name.to_owned(), why: error.to_string() })
        };
        let profiles =
            PROFILES.iter().map(|(name, text)| Ok((*name, parse(name, text)?))).collect::<Result<_, SandboxError>>()?;
        Ok(Self { profiles, post: parse("post", POST)? })
    }

    pub(super) fn profile(&self, handle: &str) -> Option<&Value> {
        self.profiles.get(handle)
    }

    pub(super) fn post(&self, url: &str) -> Option<&Value> {
        let code = self.post.get("shortCode")?.as_str()?;
        url.contains(&format!("/p/{code}")).then_some(&self.post)
    }
}

/// The posts of a recorded profile as the posts scraper writes them: each names its owner.
pub(super) fn posts_of(profile: &Value) -> Vec<Value> {
    let posts = profile.get("latestPosts").and_then(Value::as_array).cloned().unwrap_or_default();
    let owned = |mut post: Value| {
        if let Value::Object(fields) = &mut post {
            for (field, source) in [("ownerUsername", "username"), ("ownerId", "id"), ("ownerFullName", "fullName")] {
                fields.entry(field).or_insert_with(|| profile.get(source).cloned().unwrap_or(json!(null)));
            }
        }
        post
    };
    posts.into_iter().map(owned).collect()
}
