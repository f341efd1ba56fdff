//! Whether a message tells the person what the business looks for.
//!
//! What the profile itself says, and what the business offers to everybody, is no secret. Of the rest, a message tells the criteria
//! if it has a wanted number, place or theme, four words in a row of the wished-for audience, or the words for criteria themselves.

use super::super::shown::Shown;
use crate::{
    features::business::BusinessContext,
    shared::{characters::is_unspaced, folding::comparable, places::names_of},
};

/// So many words in a row are no accident.
const WORDS_IN_A_ROW: usize = 4;
/// Words that are only about criteria.
const TELLING: [&str; 8] = [
    "ideal customer",
    "ideal client",
    "target audience",
    "target group",
    "fit score",
    "engagement rate",
    "follower range",
    "buyer persona",
];
/// A smaller number stands in many texts by chance.
const NUMBER_MIN: u64 = 100;

/// A shorter theme ("art", "home") is a word of many messages.
const THEME_CHARS_MIN: usize = 6;
/// Two words with the same beginning are forms of one: "ceramics" and "ceramic".
const STEM_CHARS: usize = 5;
/// A code of a country or state in capitals, such as "US".
const CODE_CHARS_MAX: usize = 3;

/// What only the business knows of whom it looks for, and what both know.
pub(super) struct Criteria {
    phrases: Vec<String>,
    themes: Vec<String>,
    codes: Vec<String>,
    numbers: Vec<u64>,
    wish: Vec<String>,
}

impl Criteria {
    pub(super) fn of(business: &BusinessContext, shown: &Shown) -> Self {
        let offered = [&business.name, &business.offering].into_iter().chain(&business.proof_points);
        let offered: Vec<String> = offered.map(|text| comparable(text)).collect();
        let known = format!("{} \u{1} {}", offered.join(" \u{1} "), shown.comparable());
        let ideal = &business.ideal_customer;
        // In small letters "us" is a word of many messages.
        let (codes, places): (Vec<&String>, Vec<&String>) = ideal.geographies.iter().partition(|place| {
            place.trim().chars().count() <= CODE_CHARS_MAX && place.trim().chars().all(|c| c.is_ascii_uppercase())
        });
        // In whatever language the message names a country; one that is known by any of its names is no secret.
        let names = |place: &String| -> Vec<String> {
            std::iter::once(place.as_str()).chain(names_of(place)).map(comparable).collect()
        };
        let unknown = places.into_iter().map(names).filter(|names| !names.iter().any(|name| names_it(&known, name)));
        let unknown_places = unknown.flatten().filter(|place| place.chars().count() > 1);
        let themes = ideal.content_themes.iter().map(|theme| comparable(theme));
        let known_numbers = numbers(&known);
        let wanted = [ideal.follower_min, ideal.follower_max].into_iter().flatten();
        let known_rows = rows(&known);
        Self {
            phrases: TELLING
                .into_iter()
                .filter(|phrase| !has_words(&known, phrase))
                .map(str::to_owned)
                .chain(unknown_places)
                .collect(),
            themes: themes
                .filter(|theme| theme.chars().count() >= THEME_CHARS_MIN && !has_word_like(&known, theme))
                .collect(),
            codes: codes
                .into_iter()
                .map(|code| code.trim().to_owned())
                .filter(|code| !known.contains(&comparable(code)))
                .collect(),
            numbers: wanted.filter(|number| *number >= NUMBER_MIN && !known_numbers.contains(number)).collect(),
            wish: rows(&comparable(&business.target_audience))
                .into_iter()
                .filter(|row| !known_rows.contains(row))
                .collect(),
        }
    }

    /// Whether a text that is to be sent discloses them.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let plain = comparable(text);
        self.themes.iter().any(|theme| has_words(&plain, theme)) || self.are_in_version(text)
    }

    /// The same of a text in another language than the profile: there a theme is the profile's own subject, translated.
    pub(super) fn are_in_version(&self, text: &str) -> bool {
        let plain = comparable(text);
        self.phrases.iter().any(|phrase| has_words(&plain, phrase))
            || self.codes.iter().any(|code| has_words(text, code))
            || (!self.numbers.is_empty() && numbers(&plain).iter().any(|number| self.numbers.contains(number)))
            || rows(&plain).iter().any(|row| self.wish.contains(row))
    }
}

/// Whether a text names a place, also with another last letter: "Austrii" is Austria, "Australia" is not.
fn names_it(text: &str, place: &str) -> bool {
    const LETTERS_MIN: usize = 6;
    let stem: String = place.chars().take(place.chars().count().saturating_sub(1)).collect();
    let is_inflected = place.chars().all(char::is_alphabetic)
        && place.chars().count() >= LETTERS_MIN
        && text
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word.strip_prefix(stem.as_str()).is_some_and(|ending| ending.chars().count() <= 2));
    has_words(text, place) || is_inflected
}

/// Whether a text has a phrase, or a word that begins like one of its words.
fn has_word_like(text: &str, phrase: &str) -> bool {
    let stem = |word: &str| word.chars().take(STEM_CHARS).collect::<String>();
    let stems: Vec<String> = phrase.split(' ').map(stem).collect();
    has_words(text, phrase)
        || text.split(|c: char| !c.is_alphanumeric()).any(|word| stems.contains(&stem(word)))
        // Hashtags run words together.
        || text.contains(&phrase.replace(' ', ""))
}

/// Whether a text in comparable form has a phrase as whole words.
pub(super) fn has_words(text: &str, phrase: &str) -> bool {
    let ends = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
    !phrase.is_empty()
        && text.match_indices(phrase).any(|(at, found)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(at + found.len()..).and_then(|text| text.chars().next());
            ends(before) && ends(after)
        })
}

fn rows(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.windows(WORDS_IN_A_ROW).map(|row| row.join(" ")).collect()
}

/// The whole numbers of a text: "2,000", "2.000", "2 000" and "2k" are one number.
fn numbers(text: &str) -> Vec<u64> {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: usize| chars.get(at).and_then(|c| c.to_digit(10));
    let mut found = vec![];
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        at += 1;
        let Some(first) = c.to_digit(10) else { continue };
        let mut number = u64::from(first);
        loop {
            // A separator stands before three digits.
            let is_group = chars.get(at).is_some_and(|c| matches!(c, ',' | '.' | ' ' | '\'' | '_'))
                && (1..=3).all(|place| digit(at + place).is_some())
                && digit(at + 4).is_none();
            if is_group {
                at += 1;
            }
            let Some(next) = digit(at) else { break };
            number = number.saturating_mul(10).saturating_add(u64::from(next));
            at += 1;
        }
        match chars.get(at) {
            Some('k') if chars.get(at + 1).is_none_or(|c| !c.is_alphanumeric()) => {
                number = number.saturating_mul(1_000)
            }
            Some('m') if chars.get(at + 1).is_none_or(|c| !c.is_alphanumeric()) => {
                number = number.saturating_mul(1_000_000)
            }
            _ => {}
        }
        found.push(number);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::super::shown::Source, *};
    use crate::features::business::{IdealCustomer, testing::business};

    fn fuel() -> BusinessContext {
        BusinessContext {
            name: "Fuel".to_owned(),
            offering: "Meal plans for endurance runners, by monthly subscription.".to_owned(),
            target_audience: "Runners who train for their first marathon, and the coaches who advise them.".to_owned(),
            ideal_customer: IdealCustomer {
                follower_min: Some(2_000),
                follower_max: Some(50_000),
                engagement_rate_min_percent: Some(1.5),
                content_themes: vec!["running".to_owned(), "nutrition".to_owned()],
                geographies: vec!["Austria".to_owned()],
            },
            ..business()
        }
    }

    fn disclosed(text: &str) -> bool {
        let post = Source::new("p1".to_owned(), "Running in the rain, 8.400 of us now!".to_owned(), vec![]);
        Criteria::of(&fuel(), &Shown::new(vec![post])).are_in(text)
    }

    #[test]
    fn what_only_the_business_knows_is_disclosed() {
        for text in [
            "We look for accounts with 2,000 followers. Is that you?",
            "You have between 2k and 50.000 followers, right?",
            "Our ideal customer writes about food. Do you?",
            "Nutrition is what we care about. And you?",
            "We work in Austria only. Where do you run?",
            "We serve runners who train for their first marathon. Do you?",
            "Your engagement rate is fine. Shall we?",
        ] {
            assert!(disclosed(text), "{text}");
        }
    }

    #[test]
    fn what_both_know_is_no_secret() {
        for text in [
            "Running in the rain again. We make meal plans for endurance runners by monthly subscription. What do you eat?",
            "8,400 people and rain. Do they all run?",
            "Fuel makes meal plans. Do you train for a marathon?",
            "Is it 2 or 3 kilometres to the river?",
        ] {
            assert!(!disclosed(text), "{text}");
        }
    }

    #[test]
    fn what_many_texts_have_is_no_criterion() {
        let of = |follower_min: u64, theme: &str| BusinessContext {
            ideal_customer: IdealCustomer {
                follower_min: Some(follower_min),
                content_themes: vec![theme.to_owned()],
                ..IdealCustomer::default()
            },
            ..fuel()
        };
        let disclosed = |business: &BusinessContext, text: &str| {
            let post = Source::new("p1".to_owned(), "8.400 of us now!".to_owned(), vec![]);
            Criteria::of(business, &Shown::new(vec![post])).are_in(text)
        };
        // A small number, one that the profile itself names, a distance, and a short theme.
        assert!(!disclosed(&of(99, "sleep"), "There are 99 of them. Sleep well?"));
        assert!(
            !disclosed(&of(8_400, "sleep"), "Do all 8,400 run?") && !disclosed(&of(10_000, "sleep"), "And the 10km?")
        );
        assert!(
            disclosed(&of(100, "sleep"), "There are 100 of them?") && disclosed(&of(1, "sleeping"), "Sleeping well?")
        );
        assert!(disclosed(&of(10_000, "sleep"), "You have 10k, right?"));
        // The offering has "subscription": a form of the same word.
        assert!(!disclosed(&of(1, "subscribing"), "Who is subscribing?"));
        let american = BusinessContext {
            ideal_customer: IdealCustomer {
                geographies: ["CA", "US", "IT", "Ulm", "GRAZ", "x"].map(str::to_owned).to_vec(),
                ..IdealCustomer::default()
            },
            ..fuel()
        };
        for text in ["Would you tell us, at the café?", "Does it run?", "Is x the end?"] {
            assert!(!disclosed(&american, text), "{text}");
        }
        for text in ["Only in CA, right?", "Is that IT?", "Running in ulm?", "Running in Graz?"] {
            assert!(disclosed(&american, text), "{text}");
        }
    }

    #[test]
    fn a_country_is_the_same_in_every_language() {
        assert!(disclosed("Wir arbeiten in Österreich. Wo läufst du?"));
        let from_vienna = Source::new("p1".to_owned(), "Läuft in Österreich, manchmal in Kärnten.".to_owned(), vec![]);
        let criteria = Criteria::of(&fuel(), &Shown::new(vec![from_vienna]));
        assert!(!criteria.are_in("You run in Austria, right?"), "the profile says so itself");
        // Words that only begin alike are no places.
        let american = BusinessContext {
            ideal_customer: IdealCustomer {
                geographies: vec!["New York".to_owned(), "Austria".to_owned()],
                ..IdealCustomer::default()
            },
            ..fuel()
        };
        let post = Source::new("p1".to_owned(), "A new drop, great news from Australia.".to_owned(), vec![]);
        let criteria = Criteria::of(&american, &Shown::new(vec![post]));
        assert!(criteria.are_in("Only shops in New York?") && criteria.are_in("Only in Austria?"));
    }

    #[test]
    fn a_place_is_named_with_another_ending_too() {
        for (text, place, is_named) in [
            ("a day in austria", "austria", true),
            ("biegam w austrii, często", "austria", true),
            ("news from australia", "austria", false),
            ("in austriaas", "austria", false),
            // So short that any word may begin like it.
            ("in new spaing", "spain", false),
            ("from spain", "spain", true),
        ] {
            assert_eq!(names_it(text, place), is_named, "{place} in {text}");
        }
    }

    #[test]
    fn numbers_are_read_in_every_spelling() {
        assert_eq!(
            numbers("2,000 2.000 2 000 2'000 2000 2k 50k 1m 4.9 12 10km 3min"),
            [2_000, 2_000, 2_000, 2_000, 2_000, 2_000, 50_000, 1_000_000, 4, 9, 12, 10, 3]
        );
    }
}
