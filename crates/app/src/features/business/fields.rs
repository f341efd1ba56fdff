//! The fields of a business profile as types that cannot hold an invalid value. Each says what it takes, and its limits
//! are those of the table's CHECKs, in characters as Postgres counts them.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

use crate::shared::{
    characters::is_blank,
    texts::{fits, line, paragraphs},
};

/// What a field takes, as the end of the sentence "`field` takes …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes(pub &'static str);

/// The name of a business: one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BusinessName(String);

impl BusinessName {
    pub const CHARS_MAX: usize = 120;
    const TAKES: Takes = Takes("one line of visible text of 1 to 120 characters");

    /// Trims and checks.
    ///
    /// # Errors
    /// [`Takes`] unless it is one line of text of acceptable length.
    pub fn parse(text: &str) -> Result<Self, Takes> {
        line(text, Self::CHARS_MAX).map(Self).ok_or(Self::TAKES)
    }
}

/// A description in the customer's words: lines and paragraphs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description(String);

impl Description {
    pub const CHARS_MAX: usize = 4_000;
    const TAKES: Takes =
        Takes("visible text of 1 to 4,000 characters, without control characters but line breaks and tabs");

    /// Trims, makes every line break a line feed, and checks.
    ///
    /// # Errors
    /// [`Takes`] unless it is text of acceptable length.
    pub fn parse(text: &str) -> Result<Self, Takes> {
        paragraphs(text, Self::CHARS_MAX).map(Self).ok_or(Self::TAKES)
    }
}

/// How a business writes to people, in the customer's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Voice(String);

impl Voice {
    pub const CHARS_MAX: usize = 1_000;
    pub(super) const TAKES: Takes = Takes(
        "visible text of 1 to 1,000 characters, without control characters but line breaks and tabs, or null for none",
    );

    /// Trims, makes every line break a line feed, and checks.
    ///
    /// # Errors
    /// [`Takes`] unless it is text of acceptable length.
    pub fn parse(text: &str) -> Result<Self, Takes> {
        paragraphs(text, Self::CHARS_MAX).map(Self).ok_or(Self::TAKES)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Followers(u64);

impl Followers {
    pub(super) const TAKES: Takes = Takes("a whole number of followers, 0 or more, or null for no limit");

    /// # Errors
    /// [`Takes`] above the largest `bigint` of Postgres.
    pub fn parse(count: u64) -> Result<Self, Takes> {
        if i64::try_from(count).is_ok() { Ok(Self(count)) } else { Err(Self::TAKES) }
    }
}

/// A percentage with two decimals, kept in hundredths so that it is stored as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(u16);

impl Percent {
    pub(super) const TAKES: Takes = Takes("a number from 0 to 100 with at most two decimals, or null for no limit");

    /// Checks range and precision.
    ///
    /// # Errors
    /// [`Takes`] for anything else.
    pub fn parse(percent: f64) -> Result<Self, Takes> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(Self::TAKES);
        }
        let hundredths = (percent * 100.0).round();
        // The tolerance accepts what clients compute, such as 0.1 + 0.2 sent as 0.30000000000000004.
        let exact = (hundredths / 100.0 - percent).abs() < 1e-9;
        // Between 0 and 10,000 by the range above.
        if exact { Ok(Self(hundredths as u16)) } else { Err(Self::TAKES) }
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 100.0)
    }
}

/// Words or places, without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Keywords(Vec<String>);

impl Keywords {
    pub const COUNT_MAX: usize = 30;
    /// For all texts together.
    pub const CHARS_MAX: usize = 2_000;
    pub(super) const TAKES: Takes = Takes(
        "a list of at most 30 texts, each one line and not blank, of at most 2,000 characters together, or null for none",
    );

    /// Trims, drops what differs from an earlier one only in upper and lower case, and checks.
    ///
    /// # Errors
    /// [`Takes`] when one is blank or not one line, or there are too many.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Takes> {
        let kept = distinct_lines(texts).ok_or(Self::TAKES)?;
        let chars: usize = kept.iter().map(|text| text.chars().count()).sum();
        if kept.len() <= Self::COUNT_MAX && chars <= Self::CHARS_MAX { Ok(Self(kept)) } else { Err(Self::TAKES) }
    }
}

/// Phrases or names, without repetition. Each has a limit of its own: it is looked for in messages word for word, and a
/// longer text would never be found there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Phrases(Vec<String>);

impl Phrases {
    pub const COUNT_MAX: usize = 30;
    /// For each text.
    pub const CHARS_MAX: usize = 80;
    pub(super) const TAKES: Takes =
        Takes("a list of at most 30 texts, each one line of visible text of 1 to 80 characters, or null for none");

    /// Trims, drops what differs from an earlier one only in upper and lower case, and checks.
    ///
    /// # Errors
    /// [`Takes`] when one is blank, not one line or too long, or there are too many.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Takes> {
        few_lines(texts, Self::COUNT_MAX, Self::CHARS_MAX).map(Self).ok_or(Self::TAKES)
    }
}

/// Facts that a message may claim, without repetition. They are few and short, because every prompt holds all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProofPoints(Vec<String>);

impl ProofPoints {
    pub const COUNT_MAX: usize = 10;
    /// For each text.
    pub const CHARS_MAX: usize = 200;
    pub(super) const TAKES: Takes =
        Takes("a list of at most 10 texts, each one line of visible text of 1 to 200 characters, or null for none");

    /// Trims, drops what differs from an earlier one only in upper and lower case, and checks.
    ///
    /// # Errors
    /// [`Takes`] when one is blank, not one line or too long, or there are too many.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Takes> {
        few_lines(texts, Self::COUNT_MAX, Self::CHARS_MAX).map(Self).ok_or(Self::TAKES)
    }
}

/// The texts trimmed, without those that differ from an earlier one only in upper and lower case; `None` when one is
/// blank or not one line.
fn distinct_lines<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for text in texts.into_iter().map(str::trim) {
        if is_blank(text) || text.contains(char::is_control) {
            return None;
        }
        if seen.insert(text.to_lowercase()) {
            kept.push(text.to_owned());
        }
    }
    Some(kept)
}

/// Like [`distinct_lines`]; `None` also when one is too long or too many are left.
fn few_lines<'a>(texts: impl IntoIterator<Item = &'a str>, count_max: usize, chars_max: usize) -> Option<Vec<String>> {
    let kept = distinct_lines(texts)?;
    (kept.len() <= count_max && kept.iter().all(|text| fits(text, chars_max))).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_characters_not_bytes() {
        for letter in ["x", "é", "日", "🦀"] {
            assert!(BusinessName::parse(&letter.repeat(120)).is_ok(), "{letter}");
            assert!(BusinessName::parse(&letter.repeat(121)).is_err(), "{letter}");
            assert!(Description::parse(&letter.repeat(4_000)).is_ok(), "{letter}");
            assert!(Description::parse(&letter.repeat(4_001)).is_err(), "{letter}");
            assert!(Voice::parse(&letter.repeat(1_000)).is_ok(), "{letter}");
            assert!(Voice::parse(&letter.repeat(1_001)).is_err(), "{letter}");
            assert!(Phrases::parse(["x", &letter.repeat(80)]).is_ok(), "{letter}");
            assert!(Phrases::parse(["x", &letter.repeat(81)]).is_err(), "{letter}");
            assert!(ProofPoints::parse(["x", &letter.repeat(200)]).is_ok(), "{letter}");
            assert!(ProofPoints::parse(["x", &letter.repeat(201)]).is_err(), "{letter}");
        }
        assert!(BusinessName::parse(" \t\u{a0} ").is_err(), "blank");
    }

    #[test]
    fn what_nobody_sees_is_no_name_and_no_text() {
        for hidden in [
            "\u{200b}",
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
            "\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
            "\u{115f}\u{1160}\u{3164}\u{ffa0}",
            "\u{2800} \u{3000}\u{2003}\u{2028}\u{a0}",
            "\u{ad}\u{34f}\u{180e}\u{17b4}\u{fe0f}",
            "\u{e0041}\u{e007f}\u{e0100}",
        ] {
            assert!(BusinessName::parse(hidden).is_err(), "{hidden:?}");
            assert!(Description::parse(hidden).is_err(), "{hidden:?}");
            assert!(Voice::parse(hidden).is_err(), "{hidden:?}");
            assert!(Keywords::parse(["running", hidden]).is_err(), "{hidden:?}");
            assert!(Phrases::parse(["running", hidden]).is_err(), "{hidden:?}");
            assert!(ProofPoints::parse(["running", hidden]).is_err(), "{hidden:?}");
        }
        // Joiners and selectors belong to emoji and to some scripts, where something is seen.
        for seen in ["👩\u{200d}🍳", "❤\u{fe0f}", "می\u{200c}خواهم", "\u{200b}x", "🏴\u{e0067}\u{e0062}\u{e007f}"]
        {
            assert_eq!(BusinessName::parse(seen), Ok(BusinessName(seen.to_owned())));
        }
    }

    #[test]
    fn texts_are_trimmed_and_free_of_control_characters() {
        assert_eq!(BusinessName::parse("  Kernel Kitchen\n"), Ok(BusinessName("Kernel Kitchen".to_owned())));
        assert_eq!(Description::parse(" one\r\n\ttwo "), Ok(Description("one\n\ttwo".to_owned())));
        for bad in ["a\0b", "a\u{1b}[31mb", "a\u{7f}b", "a\u{85}b", "a\rb"] {
            assert!(BusinessName::parse(bad).is_err(), "{bad:?}");
            assert!(Description::parse(bad).is_err(), "{bad:?}");
            assert!(Voice::parse(bad).is_err(), "{bad:?}");
            assert!(Keywords::parse([bad]).is_err(), "{bad:?}");
            assert!(Phrases::parse([bad]).is_err(), "{bad:?}");
            assert!(ProofPoints::parse([bad]).is_err(), "{bad:?}");
        }
        assert_eq!(Voice::parse(" one\r\n\ttwo "), Ok(Voice("one\n\ttwo".to_owned())));
        assert!(BusinessName::parse("two\nlines").is_err());
        assert!(Keywords::parse(["two\nlines"]).is_err());
        assert!(Phrases::parse(["two\nlines"]).is_err());
        assert!(ProofPoints::parse(["two\nlines"]).is_err());
    }

    #[test]
    fn a_percentage_is_kept_as_it_was_sent() {
        for (sent, kept) in [(0.0, "0.0"), (1.5, "1.5"), (0.29, "0.29"), (99.99, "99.99"), (100.0, "100.0")] {
            let percent = Percent::parse(sent).unwrap();
            assert_eq!(serde_json::to_string(&percent).unwrap(), kept);
        }
        for bad in [-0.01, 100.01, 1.505, 1e300, f64::NAN, f64::INFINITY] {
            assert!(Percent::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_that_differ_in_case_only_are_one() {
        let words = Keywords::parse([" Running", "RUNNING ", "Öl", "öl", "running shoes"]).unwrap();
        assert_eq!(words, Keywords(vec!["Running".to_owned(), "Öl".to_owned(), "running shoes".to_owned()]));
        let many: Vec<String> = (0..31).map(|n| n.to_string()).collect();
        assert!(Keywords::parse(many.iter().map(String::as_str)).is_err());
        assert!(
            Keywords::parse(many.iter().map(String::as_str).take(30).chain(["0"])).is_ok(),
            "a repeated word does not count"
        );
        assert!(Keywords::parse(["x".repeat(2_000).as_str()]).is_ok());
        assert!(Keywords::parse(["x".repeat(2_000).as_str(), "y"]).is_err());
        assert!(Keywords::parse(["fine", " "]).is_err());
    }

    #[test]
    fn lists_of_phrases_and_facts_are_as_short_as_they_say() {
        let phrases = Phrases::parse([" Game-changer", "game-CHANGER ", "synergy"]).unwrap();
        assert_eq!(phrases, Phrases(vec!["Game-changer".to_owned(), "synergy".to_owned()]));
        let facts = ProofPoints::parse([" Delivers in 48 hours ", "delivers in 48 hours"]).unwrap();
        assert_eq!(facts, ProofPoints(vec!["Delivers in 48 hours".to_owned()]));
        let many: Vec<String> = (0..31).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(Phrases::parse(many.iter().copied()).is_err());
        assert!(Phrases::parse(many.iter().copied().take(30).chain(["0"])).is_ok(), "a repeated one does not count");
        assert!(ProofPoints::parse(many.iter().copied().take(11)).is_err());
        assert!(
            ProofPoints::parse(many.iter().copied().take(10).chain(["0"])).is_ok(),
            "a repeated one does not count"
        );
        assert_eq!(Phrases::parse([]), Ok(Phrases::default()));
        assert_eq!(ProofPoints::parse([]), Ok(ProofPoints::default()));
    }

    #[test]
    fn followers_fit_the_database() {
        assert!(Followers::parse(9_223_372_036_854_775_807).is_ok());
        assert!(Followers::parse(9_223_372_036_854_775_808).is_err());
    }
}
