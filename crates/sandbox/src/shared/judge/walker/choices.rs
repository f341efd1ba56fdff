//! Enumerations: chooses the option that fits the judgement, the profile or the place.

use serde_json::Value;

use super::{
    numbers::{is_adverse, is_trait},
    slot::{Slot, Subject},
};
use crate::shared::random::Seeded;

/// Words for a good, a middling and a bad grade.
const GRADES: [&[&str]; 3] = [
    &[
        "high",
        "strong",
        "hot",
        "excellent",
        "great",
        "good",
        "yes",
        "pursue",
        "qualified",
        "match",
        "ideal",
        "now",
        "urgent",
    ],
    &[
        "medium", "moderate", "warm", "partial", "fair", "average", "maybe", "possible", "review", "nurture", "mid",
        "normal",
    ],
    &["low", "weak", "cold", "poor", "bad", "no", "none", "skip", "reject", "unqualified", "mismatch", "pass", "later"],
];
/// Words of the options that are chosen where nothing else decides: a first contact on Instagram is a friendly direct
/// message.
const USUAL: &str = "dm direct instagram friendly warm casual conversational en evening weekday story buyer";

impl Subject<'_> {
    /// The option that fits best; in a list each place gets another one as long as there are others.
    pub(super) fn choice(&self, options: &[Value], slot: &Slot) -> Value {
        let said: Vec<&Value> = options.iter().filter(|option| !option.is_null()).collect();
        let nothing_known = slot.nullable && said.len() < options.len() && self.prose.is_unknown(&slot.name);
        if said.is_empty() || (nothing_known && !slot.listed) {
            return options.iter().find(|option| option.is_null()).or(options.first()).cloned().unwrap_or(Value::Null);
        }
        let mut ranked: Vec<(f64, usize, &Value)> = said
            .iter()
            .enumerate()
            .map(|(place, option)| (self.speaks_for(option, &said, slot), place, *option))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        // A list of options goes through them. In a list of objects only options that are no grades take turns: an
        // entry is not worse because it comes later.
        let turns = slot.path.ends_with(']') || (slot.listed && !is_scale(&said));
        let place = if turns { slot.place % ranked.len() } else { 0 };
        ranked.get(place).map_or(Value::Null, |(_, _, option)| (*option).clone())
    }

    /// A score by which the options are ranked.
    fn speaks_for(&self, option: &Value, options: &[&Value], slot: &Slot) -> f64 {
        let share = self.share(slot);
        let Some(text) = option.as_str() else {
            // Of numbers, the one whose rank among them is nearest to the judgement's share.
            let below = options.iter().filter(|other| other.as_f64() < option.as_f64()).count() as f64;
            return -(below / options.len().saturating_sub(1).max(1) as f64 - share).abs();
        };
        let words = words(text);
        if let Some(grade) = grade(text).filter(|_| is_scale(options)) {
            let adverse = is_adverse(&slot.name);
            let relevance = if adverse { 100 - self.judgement.relevance } else { self.judgement.relevance };
            let wanted = match (is_trait(slot), relevance) {
                (true, _) if share >= 0.6 => 0,
                (true, _) => 1,
                (false, 70..) => 0,
                (false, 40..) => 1,
                (false, _) => 2,
            };
            // "very high" is more than was judged; a plain word of the right grade is preferred.
            let plain = if words.len() == 1 { 0.5 } else { 0.0 };
            return 10.0 - 4.0 * (grade.abs_diff(wanted) as f64) + plain;
        }
        // Less than any weight below, so it decides only between options for which nothing else speaks; by the handle,
        // so that a person gets the same one each time.
        let handle = self.judgement.profile.username.as_deref().unwrap_or_default();
        let drawn = Seeded::from_texts(&["choice", &slot.name, text, handle]).unit() * 0.5;
        let niche = self.judgement.niche.as_deref().is_some_and(|niche| words.iter().any(|word| word == niche));
        let profile = &self.judgement.profile;
        let texts = || profile.about.iter().chain(&profile.captions).chain(&profile.hashtags);
        let spoken = words.iter().filter(|word| word.len() >= 4);
        let spoken = spoken.filter(|word| texts().any(|text| text.to_lowercase().contains(word.as_str()))).count();
        let usual = words.iter().any(|word| USUAL.split_whitespace().any(|usual| usual == word));
        let unknown =
            words.iter().any(|word| matches!(word.as_str(), "unknown" | "other" | "none" | "unclear" | "nobody"));
        drawn + if niche { 8.0 } else { 0.0 } + spoken as f64 * 2.0 + if usual { 1.0 } else { 0.0 }
            - if unknown { 3.0 } else { 0.0 }
    }
}

/// Whether the options are grades, such as low and high.
fn is_scale(options: &[&Value]) -> bool {
    options.iter().filter(|option| option.as_str().and_then(grade).is_some()).count() >= 2
}

/// Which of the [`GRADES`] a text names: 0 is the best.
fn grade(text: &str) -> Option<usize> {
    let words = words(text);
    GRADES.iter().position(|grade| grade.iter().any(|known| words.iter().any(|word| word == known)))
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
