//! Numbers: always within their bounds, and as likely as their name allows.

use serde_json::{Map, Value, json};
use unicode_properties::UnicodeEmoji;

use super::slot::{Slot, Subject};
use crate::shared::{json::is, judge::profile::Profile};

/// A larger bound is taken for none: generators of schemas write huge bounds where they mean none.
const NATURAL_BOUND: f64 = 1_000_000.0;
/// Words for traits of a person, on which the fit with a business has no influence.
const TRAITS: &str = "openness conscientious extraver agreeable neurotic emotional_stab formal emoji humor humour energy \
                      assertive warmth curio trait archetype dominance influence steadiness compliance creativ";
const MONEY: &str = "budget revenue price usd eur amount cost deal spend fee ltv lifetime_value arr mrr";

/// The bounds of a schema, and whether each is itself allowed.
struct Bounds {
    low: Option<f64>,
    high: Option<f64>,
    open_low: bool,
    open_high: bool,
    multiple: Option<f64>,
    whole: bool,
}

impl Bounds {
    fn of(fields: &Map<String, Value>) -> Self {
        let bound = |word: &str| fields.get(word).and_then(Value::as_f64);
        let (closed_low, open_low) = (bound("minimum"), bound("exclusiveMinimum"));
        let (closed_high, open_high) = (bound("maximum"), bound("exclusiveMaximum"));
        Self {
            low: closed_low.into_iter().chain(open_low).reduce(f64::max),
            high: closed_high.into_iter().chain(open_high).reduce(f64::min),
            open_low: open_low.is_some_and(|open| closed_low.is_none_or(|closed| open >= closed)),
            open_high: open_high.is_some_and(|open| closed_high.is_none_or(|closed| open <= closed)),
            multiple: bound("multipleOf").filter(|multiple| *multiple > 0.0),
            whole: !is(fields, "number"),
        }
    }

    /// The bounds that are small enough to be meant; `low` and `high` where there are none.
    fn natural(&self, low: f64, high: f64) -> (f64, f64) {
        let meant_low = self.low.filter(|low| *low > -NATURAL_BOUND);
        let meant_high = self.high.filter(|high| *high < NATURAL_BOUND);
        match (meant_low, meant_high) {
            (Some(least), Some(most)) => (least, most),
            (Some(least), None) => (least, high.max(least)),
            (None, Some(most)) => (low.min(most), most),
            (None, None) => (low, high),
        }
    }

    /// The nearest allowed number.
    fn fitted(&self, number: f64) -> Value {
        let step = if self.whole {
            self.multiple.map_or(1.0, |multiple| multiple.max(1.0))
        } else {
            self.multiple.unwrap_or(0.01)
        };
        let mut number = (number / step).round() * step;
        if let Some(low) = self.low.filter(|low| number < *low || (self.open_low && number <= *low)) {
            number = (low / step).ceil() * step;
            if self.open_low && number <= low {
                number += step;
            }
        }
        if let Some(high) = self.high.filter(|high| number > *high || (self.open_high && number >= *high)) {
            number = (high / step).floor() * step;
            if self.open_high && number >= high {
                number -= step;
            }
        }
        if self.whole {
            return json!(number as i64);
        }
        // Two decimals may be too coarse for a narrow range: then its middle will do.
        let outside = self.low.is_some_and(|low| number < low || (self.open_low && number <= low))
            || self.high.is_some_and(|high| number > high || (self.open_high && number >= high));
        match (self.low, self.high) {
            (Some(low), Some(high)) if outside && self.multiple.is_none() => json!((low + high) / 2.0),
            // Multiples of 0.1 are not exact in binary: rounding removes the error.
            _ => json!((number * 1e6).round() / 1e6),
        }
    }
}

impl Subject<'_> {
    pub(super) fn number(&self, fields: &Map<String, Value>, slot: &Slot) -> Value {
        let bounds = Bounds::of(fields);
        if let Some(known) = self.known_number(slot, &bounds) {
            return bounds.fitted(known);
        }
        // A share is written 0 to 1 where the schema allows fractions and does not say otherwise.
        let share_like = ["confidence", "probability", "likelihood"].iter().any(|word| slot.name.contains(word));
        let fraction = !bounds.whole && share_like;
        let (low, high) = bounds.natural(0.0, if fraction { 1.0 } else { 100.0 });
        bounds.fitted(low + (high - low) * self.share(slot))
    }

    /// A number that the profile or common sense gives for this name.
    fn known_number(&self, slot: &Slot, bounds: &Bounds) -> Option<f64> {
        let name = slot.name.as_str();
        let part = |words: &str| words.split_whitespace().any(|word| name.split('_').any(|part| part == word));
        let open = bounds.natural(0.0, f64::INFINITY).1.is_infinite();
        let factor = if slot_is(slot, "min low from least") {
            0.7
        } else if slot_is(slot, "max high to most") {
            1.4
        } else {
            1.0
        };
        let profile = &self.judgement.profile;
        if (name.contains("follower") || name.contains("audience_size")) && open {
            profile.followers.map(|count| count as f64)
        } else if part("post posts") && open && !name.contains("per") {
            profile.posts.map(|count| count as f64)
        } else if part("day days") && part("delay wait after day") {
            Some(3.0 * (slot.place + 1) as f64)
        } else if (MONEY.split_whitespace().any(|word| name.contains(word)) || slot.path.contains("budget"))
            && open
            && !name.contains("score")
        {
            let base = (profile.followers.unwrap_or(1_000) as f64 * 0.02).clamp(50.0, 50_000.0);
            Some((base * factor / 10.0).round() * 10.0)
        } else if part("rank order position") {
            Some((slot.place + 1) as f64)
        } else if part("count number total") && open {
            Some(slot.seeded("count", self.judgement).between(1.0, 12.0).round())
        } else {
            None
        }
    }

    /// 0 to 1: the relevance itself for scores of the fit, a number near it for most others, and a number of the
    /// person's own for traits, which have nothing to do with the fit.
    pub(super) fn share(&self, slot: &Slot) -> f64 {
        let name = slot.name.as_str();
        let relevance = f64::from(self.judgement.relevance) / 100.0;
        if is_adverse(name) {
            return 1.0 - relevance;
        }
        if name.contains("confidence") {
            let evidence = self.judgement.quotes.len().min(10) as f64 / 10.0;
            return 0.45 + 0.45 * evidence;
        }
        let mut seeded = slot.seeded("share", self.judgement);
        let factor = if slot_is(slot, "min low from least") { 0.8 } else { 1.0 };
        if is_trait(slot) {
            return seeded.between(0.3, 0.9) * factor;
        }
        if ["score", "fit", "relevance", "match", "overall"].iter().any(|word| name.contains(word)) && !slot.listed {
            return relevance * factor;
        }
        ((relevance + seeded.between(-0.08, 0.08)).clamp(0.0, 1.0)) * factor
    }

    /// The answer to a question of yes or no.
    pub(super) fn agrees(&self, slot: &Slot) -> bool {
        let name = slot.name.as_str();
        let profile = &self.judgement.profile;
        let mut texts = profile.about.iter().chain(&profile.captions);
        if name.contains("emoji") {
            // Digits can become emoji too, but are none by themselves.
            let is_emoji = |character: char| !character.is_ascii() && character.is_emoji_char();
            return texts.any(|text| text.chars().any(is_emoji));
        }
        if name.contains("minor") {
            return states_a_minor(profile);
        }
        if name.contains("verified") {
            return profile.is_verified.unwrap_or(false);
        }
        if name.contains("website") || name.contains("has_link") || name.contains("has_site") {
            return profile.has_site;
        }
        if name.contains("is_business") || name.contains("business_account") {
            return profile.is_business.unwrap_or(false);
        }
        if ["sponsor", "partner", "brand"].iter().any(|word| name.contains(word)) {
            return !profile.mentions.is_empty();
        }
        (self.judgement.relevance >= 50) != is_adverse(name)
    }
}

/// Whether a part of the last name on the path is one of these words.
fn slot_is(slot: &Slot, words: &str) -> bool {
    let last = slot.path.rsplit('.').next().unwrap_or_default();
    words.split_whitespace().any(|word| last.split('_').any(|part| part == word))
}

pub(super) fn is_trait(slot: &Slot) -> bool {
    TRAITS.split_whitespace().any(|word| slot.path.contains(word))
}

/// Whether more of this property is worse.
pub(super) fn is_adverse(name: &str) -> bool {
    let words = ["risk", "spam", "disqualif", "reject", "mismatch", "red_flag", "objection", "concern"];
    words.iter().any(|word| name.contains(word))
}

/// Whether a profile says that its owner is under age.
pub(in crate::shared::judge) fn states_a_minor(profile: &Profile) -> bool {
    profile.about.iter().any(|text| states_an_age_below_18(text))
}

/// "15 y/o", "16 years old", "age 14".
fn states_an_age_below_18(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric() && c != '/').filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| {
        let [one, other] = pair else { return false };
        let is_age = |word: &str| word.parse::<u8>().is_ok_and(|age| (8..18).contains(&age));
        (is_age(one) && ["y/o", "yo", "years", "yrs"].contains(other))
            || (["age", "aged"].contains(one) && is_age(other))
    })
}
