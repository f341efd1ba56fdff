//! For tests: people as the product shows them to a model, and the product's questions about them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Judgement, Lexicon, Message, Prompt, judge, plan::Plan, profile::BIO, walker};
use crate::shared::profiles::{Catalogue, POSTS_MAX};

pub(super) const CALLS: [(&str, &str); 10] = [
    ("light", include_str!("../../../tests/schemas/light.json")),
    ("verdict", include_str!("../../../tests/schemas/verdict.json")),
    ("needs", include_str!("../../../tests/schemas/needs.json")),
    ("approach", include_str!("../../../tests/schemas/approach.json")),
    ("outreach", include_str!("../../../tests/schemas/outreach.json")),
    ("personality", include_str!("../../../tests/schemas/personality.json")),
    ("motives", include_str!("../../../tests/schemas/motives.json")),
    ("openness", include_str!("../../../tests/schemas/openness.json")),
    ("money", include_str!("../../../tests/schemas/money.json")),
    ("deal", include_str!("../../../tests/schemas/deal.json")),
];
pub(super) const DAY: u64 = 20_783;
/// As many posts as the quick analysis shows.
pub(super) const POSTS_OF_LIGHT: usize = 12;

/// Businesses of different kinds: with everything, with hardly anything, of no known niche.
pub(super) fn businesses() -> Vec<Value> {
    vec![
        json!({
            "name": "Kernel Kitchen",
            "offering": "Ready-to-eat high-protein meals and a nutrition app that plans training weeks around them, sold by \
                subscription to consumers. Creators earn a commission per subscriber and get meals for their own content.",
            "target_audience": "Fitness and nutrition creators whose followers train several times a week, cook little and \
                trust their advice: personal trainers, runners, CrossFit athletes, dietitians, healthy-food bloggers.",
            "ideal_customer": {
                "follower_min": 5_000, "follower_max": 500_000, "engagement_rate_min_percent": 1.5,
                "content_themes": ["fitness", "workout", "nutrition", "healthy recipes", "running", "strength training"],
                "geographies": ["United States", "Canada"],
            },
            "do_not_say": ["ordinary day", "game changer"],
            "proof_points": ["Meals for 4,000 subscribers", "Cooked fresh in one kitchen in Leeds"],
        }),
        json!({
            "name": "Slow Pour",
            "offering": "Specialty coffee beans, espresso blends and pour-over brewing kits for home baristas, sold by subscription.",
            "target_audience": "Baristas, latte art and coffee creators who talk about roasting, espresso and brewing.",
            "ideal_customer": {"content_themes": ["coffee", "espresso", "latte art"], "geographies": []},
        }),
        json!({"name": "24/7 Ledger.io", "offering": "Trusted by 900 firms.", "target_audience": "Anybody.",
            "ideal_customer": {"content_themes": ["money"]}}),
    ]
}

/// A scraped person as the product shows them.
pub(super) fn shown(item: &Value, posts: &[Value]) -> Value {
    let post = |(place, post): (usize, &Value)| {
        let comments = post["latestComments"].as_array().into_iter().flatten().map(|comment| comment["text"].clone());
        json!({
            "id": format!("p{}", place + 1), "kind": "image",
            "taken_at": post["timestamp"].as_str().map(|at| at.chars().take(10).collect::<String>()),
            "likes": post["likesCount"], "comments": post["commentsCount"],
            "caption": post["caption"].as_str().unwrap_or_default().chars().take(500).collect::<String>(),
            "hashtags": post["hashtags"], "mentions": post["mentions"], "location": post["locationName"],
            "newest_comments": comments.collect::<Vec<_>>(),
        })
    };
    let category =
        item["businessCategoryName"].as_str().map(|name| name.trim_start_matches("None").trim_start_matches(','));
    json!({
        "scraped_on": "2026-11-26", "username": item["username"], "display_name": item["fullName"],
        "biography": item["biography"], "category": category.filter(|name| !name.is_empty()),
        "links": item["externalUrls"].as_array().into_iter().flatten()
            .map(|link| json!({"url": link["url"], "title": link["title"]})).collect::<Vec<_>>(),
        "followers": item["followersCount"], "following": item["followsCount"], "posts_count": item["postsCount"],
        "is_verified": item["verified"], "is_business": item["isBusinessAccount"],
        "posts": posts.iter().enumerate().map(post).collect::<Vec<_>>(),
    })
}

pub(super) struct Interview {
    catalogue: Catalogue,
    lexicon: Lexicon,
}

impl Interview {
    pub(super) fn new() -> Self {
        let catalogue = Catalogue::load().unwrap();
        Self { lexicon: Lexicon::of(catalogue.niches()), catalogue }
    }

    pub(super) fn niches(&self) -> Vec<String> {
        self.catalogue.niches().iter().map(|niche| niche.name.clone()).collect()
    }

    /// A generated or recorded person with so many posts.
    pub(super) fn person(&self, handle: &str, posts: usize) -> Value {
        let item = self.catalogue.profile(handle, DAY).remove(0);
        let posts = self.catalogue.posts(handle, posts.min(POSTS_MAX), None, DAY);
        shown(&item, if posts[0]["error"].is_string() { &[] } else { &posts })
    }

    pub(super) fn judged(&self, business: &Value, profile: &Value) -> Judgement {
        let message = |role: &str, text: String| Message { role: role.into(), text };
        let prompt = Prompt::of(&[
            message("system", format!("Judge.\n<business>\n{business}\n</business>\n")),
            message("user", format!("<profile>\n{profile}\n</profile>\n")),
        ]);
        judge(&prompt, &self.lexicon)
    }

    /// The answers to all calls about a profile.
    pub(super) fn answers(&self, business: &Value, profile: &Value) -> BTreeMap<&'static str, Value> {
        let judgement = self.judged(business, profile);
        // Each call makes the same plan; once is enough.
        let plan = Plan::of(&judgement);
        let answer =
            |schema: &str| walker::build_by(Some(plan.clone()), &serde_json::from_str(schema).unwrap(), &judgement);
        CALLS.iter().map(|(name, schema)| (*name, answer(schema))).collect()
    }
}

/// Everything that a profile shows under an id.
pub(super) fn source(profile: &Value, id: &str) -> String {
    let texts = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if id == BIO {
        let head = profile.as_object().unwrap().iter().filter(|(name, _)| *name != "posts");
        return head.map(|(_, value)| texts(value)).collect::<Vec<_>>().join("\n");
    }
    let post = profile["posts"].as_array().unwrap().iter().find(|post| post["id"] == id);
    let post = post.unwrap_or_else(|| panic!("no post {id}"));
    ["caption", "location", "hashtags"].map(|name| texts(&post[name])).join("\n")
}
