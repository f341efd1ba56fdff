//! What others write under the posts of generated people.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::pictures::HOST;
use crate::shared::{clock::iso, random::Seeded, texts::Texts};

static COMMENTS: LazyLock<Texts> = LazyLock::new(|| Texts::parse(include_str!("../../../data/captions/comments.txt")));

/// The scraper shows only a few.
const NEWEST_MAX: usize = 3;
/// Under English posts, the share of comments by somebody who would like to buy.
const BUYING: f64 = 0.15;
const MINUTE_MS: f64 = 60_000.0;
/// Comments come soon, so that none is written in the future.
const MINUTES_MAX: f64 = 30.0;

pub(super) struct Comment {
    id: u64,
    pub(super) text: String,
    by: String,
    written_ms: u64,
    likes: u64,
}

/// The newest comments of a post, the newest first, of so many in all.
pub(super) fn newest(
    username: &str,
    short_code: &str,
    language: Option<&str>,
    taken_ms: u64,
    all: u64,
) -> Vec<Comment> {
    let mut random = Seeded::from_texts(&["comments", username, short_code]);
    let count = random.below(NEWEST_MAX + 1).min(usize::try_from(all).unwrap_or(NEWEST_MAX));
    let mut comments: Vec<Comment> = vec![];
    for _ in 0..count {
        let section = match language {
            Some(tag) => tag,
            None if random.chance(BUYING) => "buy.en",
            None => "en",
        };
        let text = random.pick(COMMENTS.of(section)).copied().unwrap_or_default().to_owned();
        let comment = Comment {
            id: 17_800_000_000_000_000 + random.bits() % 300_000_000_000_000,
            by: format!("{}_{}", random.alphanumeric(6).to_lowercase(), random.below(90)),
            written_ms: taken_ms + (random.between(1.0, MINUTES_MAX) * MINUTE_MS) as u64 / 1_000 * 1_000,
            likes: random.below(4) as u64,
            text,
        };
        if !comment.text.is_empty() && !comments.iter().any(|known| known.text == comment.text) {
            comments.push(comment);
        }
    }
    comments.sort_by_key(|comment| std::cmp::Reverse(comment.written_ms));
    comments
}

impl Comment {
    /// As Apify writes it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "text": self.text,
            "ownerUsername": self.by,
            "ownerProfilePicUrl": format!("{HOST}/v/t51.2885-19/{}_n.jpg", self.id),
            "timestamp": iso(self.written_ms),
            "repliesCount": 0,
            "replies": [],
            "likesCount": self.likes,
        })
    }
}
