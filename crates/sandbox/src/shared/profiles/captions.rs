//! What generated people write under their posts.
//!
//! Promises: a caption follows from the username and the post's place alone, so it stays whatever else is drawn for the
//! post; most are of several sentences, some of a few words, some fill a page; who has another language writes most
//! of them in it.

mod writing;

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};

use super::posts::Habits;
use crate::shared::{random::Seeded, texts::Texts};
use writing::Writing;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../data/captions/", $name, ".txt")))),+]
    };
}

/// The parts of captions, by niche and by language.
static PARTS: LazyLock<BTreeMap<&str, Texts>> = LazyLock::new(|| {
    let files = files![
        "fitness",
        "food",
        "fashion",
        "tech",
        "travel",
        "beauty",
        "photography",
        "pets",
        "finance",
        "parenting",
        "gaming",
        "art",
        "yoga",
        "coffee",
        "music",
        "interior",
        "science",
        "film",
        "everyday",
        "frames",
        "es",
        "de",
        "pt",
        "fr",
        "ar",
        "ja",
    ];
    files.into_iter().map(|(name, file)| (name, Texts::parse(file))).collect()
});

/// The share of captions in their own language of people who have another one than English.
const OWN_LANGUAGE: f64 = 0.8;
const HASHTAGS_MAX: usize = 5;
/// A caption and what the scraper lists of it.
pub(super) struct Told {
    pub(super) caption: String,
    pub(super) hashtags: Vec<String>,
    pub(super) mentions: Vec<String>,
    /// The tag of its language, where that is not English.
    pub(super) language: Option<&'static str>,
}

/// The caption of one post. `place`: where it stands among the person's posts, so that neighbours do not say the same.
pub(super) fn told(username: &str, place: usize, habits: &Habits<'_>) -> Told {
    let mut random = Seeded::from_texts(&["caption", username, &place.to_string()]);
    let foreign = habits.language.filter(|_| random.chance(OWN_LANGUAGE)).map(|language| language.tag.as_str());
    let parts = PARTS.get_key_value(foreign.unwrap_or(&habits.niche.name));
    let language = parts.filter(|_| foreign.is_some()).map(|(name, _)| *name);
    let mut hashtags: Vec<String> = vec![];
    for _ in 0..random.below(HASHTAGS_MAX + 1) {
        let tag = random.pick_text(&habits.niche.tags);
        if !hashtags.iter().any(|known| known == tag) {
            hashtags.push(tag.to_owned());
        }
    }
    if hashtags.is_empty() && random.chance(0.3) {
        return Told { caption: String::new(), hashtags, mentions: vec![], language };
    }
    let mut mentions = vec![];
    let mut caption = match parts {
        Some((_, parts)) => Writing::new(username, place, parts, foreign.is_none(), &mut random).caption(),
        None => String::new(),
    };
    if random.chance(0.12) {
        let friend = format!("studio.{}", random.alphanumeric(4).to_lowercase());
        caption.push_str(&if foreign.is_some() { format!(" 🤍 @{friend}") } else { format!(" With @{friend}.") });
        // The scraper keeps the punctuation that follows a mention.
        mentions.push(if foreign.is_some() { friend } else { format!("{friend}.") });
    }
    if !hashtags.is_empty() {
        let tags: Vec<String> = hashtags.iter().map(|tag| format!("#{tag}")).collect();
        // Most put them below the text, some behind its last sentence.
        caption.push_str(if random.chance(0.75) { "\n\n" } else { " " });
        caption.push_str(&tags.join(" "));
    }
    Told { caption, hashtags, mentions, language }
}

/// The links of a profile with their titles, as the profile scraper lists them; some people give them none.
pub(super) fn links(username: &str, niche: &str, url: &str) -> Value {
    let mut random = Seeded::from_texts(&["links", username]);
    let titles = PARTS.get(niche).map_or(&[][..], |parts| parts.of("link"));
    let title = if random.chance(0.75) { random.pick(titles).copied().unwrap_or_default() } else { "" };
    json!([{"title": title, "url": url, "link_type": "external"}])
}

#[cfg(test)]
mod tests;
