//! What a business offers, as a phrase: whole words of its own text, up to where its sentence allows an end.

use serde_json::{Map, Value};

/// The longest phrase, in words.
const WORDS_MAX: usize = 12;
/// A sentence of more characters is not repeated as a whole.
const SENTENCE_CHARS_MAX: usize = 110;
/// Verbs between a business and what it offers.
const VERBS: [&str; 18] = [
    "makes", "make", "sells", "sell", "offers", "offer", "builds", "build", "provides", "provide", "delivers",
    "deliver", "is", "produces", "produce", "designs", "ships", "runs",
];
/// The same, at the beginning of a line without a subject.
const GERUNDS: [&str; 5] = ["selling", "making", "offering", "providing", "building"];
/// A sentence that begins with one of these is not about a thing that is offered.
const NO_THING: [&str; 22] = [
    "we", "i", "it", "our", "this", "these", "they", "you", "your", "helps", "helping", "for", "with", "founded",
    "since", "in", "at", "from", "where", "when", "if", "no",
];
/// A phrase may end before one of these.
const RELATIVES: [&str; 10] = ["that", "which", "who", "where", "so", "because", "sold", "made", "designed", "by"];
/// After a comma, one of these begins an addition that can be left out.
const ADDITIONS: [&str; 11] =
    ["sold", "which", "so", "made", "with", "for", "designed", "delivered", "by", "including", "from"];

/// The line that names the offer in a business's prose, else all of it.
pub(super) fn stated(text: &str) -> &str {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.clone().find(|(name, _)| names_an_offer(name)).map_or(text, |(_, value)| value)
}

/// The field that names the offer, else the first text.
pub(super) fn of_json(fields: &Map<String, Value>) -> Option<&str> {
    let found = fields.iter().find(|(name, value)| names_an_offer(name) && value.is_string());
    found.or_else(|| fields.iter().find(|(_, value)| value.is_string()))?.1.as_str()
}

fn names_an_offer(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    ["offer", "sells", "what we do", "description", "product"].iter().any(|word| name.contains(word))
}

/// The first sentence, shortened at a clause where it is long.
pub(super) fn sentence(offering: &str) -> String {
    let Some(sentence) = sentences(offering).next() else { return "no offer stated".into() };
    if sentence.chars().count() <= SENTENCE_CHARS_MAX {
        return sentence.to_owned();
    }
    let words: Vec<&str> = sentence.split_whitespace().collect();
    shortened(&words).unwrap_or_else(|| "what it offers".into())
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let ends = |character: char| matches!(character, '.' | '!' | '?' | '\n' | ';');
    text.split(ends).map(str::trim).filter(|sentence| sentence.chars().any(char::is_alphabetic))
}

/// "Roastware makes grinders for cafes, sold online." as "grinders for cafes". A phrase with figures, quotation marks or
/// addresses would not do in a message.
pub(super) fn phrase(offering: &str, name: Option<&str>) -> Option<String> {
    let plain = |phrase: &String| !phrase.chars().any(|c| c.is_ascii_digit() || "\"“”„«»@…?:/".contains(c));
    sentences(offering).filter_map(|sentence| thing(sentence, name)).find(plain)
}

fn thing(sentence: &str, name: Option<&str>) -> Option<String> {
    let rest = name.and_then(|name| sentence.strip_prefix(name)).map(str::trim);
    let mut words: Vec<&str> = rest.unwrap_or(sentence).split_whitespace().collect();
    let lower = |place: usize, words: &[&str]| words.get(place).map(|word| word.to_lowercase()).unwrap_or_default();
    let is_verb = |place: usize, words: &[&str]| VERBS.contains(&lower(place, words).as_str());
    let skipped = match rest {
        Some(_) if is_verb(0, &words) => 1,
        // "Roastware helps roasters": the name is no thing that is offered.
        Some(_) => return None,
        None if is_verb(1, &words) => 2,
        None if GERUNDS.contains(&lower(0, &words).as_str()) => 1,
        None if NO_THING.contains(&lower(0, &words).as_str()) => return None,
        None => 0,
    };
    words.drain(..skipped.min(words.len()));
    if NO_THING.contains(&lower(0, &words).as_str()) {
        return None;
    }
    let phrase = shortened(&words)?;
    let mut characters = phrase.chars();
    let first = characters.next()?;
    // An abbreviation or a name with a capital inside stays as it is.
    let plain = characters.clone().take_while(|c| !c.is_whitespace()).all(|c| !c.is_uppercase());
    Some(if plain { first.to_lowercase().chain(characters).collect() } else { phrase })
}

/// The longest beginning that has not too many words and ends where a phrase may end.
fn shortened(words: &[&str]) -> Option<String> {
    // What only adds how it is sold or made would be a clause too many within another sentence.
    let addition = (2..words.len()).find(|end| is_addition(words, *end)).unwrap_or(words.len());
    let ends = (1..=addition).filter(|end| *end <= WORDS_MAX && may_end(words, *end));
    let end = ends.max()?;
    Some(words.get(..end)?.join(" ").trim_end_matches([',', ';', ':', '.']).to_owned())
}

/// Whether an addition begins here, behind a comma.
fn is_addition(words: &[&str], place: usize) -> bool {
    let before = place.checked_sub(1).and_then(|before| words.get(before));
    before.is_some_and(|word| word.ends_with(',')) && words.get(place).is_some_and(|word| ADDITIONS.contains(word))
}

fn may_end(words: &[&str], end: usize) -> bool {
    let Some(next) = words.get(end) else { return true };
    let next = next.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let before = words.get(..end).unwrap_or_default();
    if before.last().is_some_and(|word| word.ends_with(',')) {
        // Within "A, B and C" a comma is no end.
        let is_list = before.iter().filter(|word| word.ends_with(',')).count() > 1 || next == "and";
        let goes_on_as_list =
            words.get(end..).is_some_and(|rest| rest.iter().any(|word| matches!(*word, "and" | "or")));
        return is_addition(words, end) || !(is_list || goes_on_as_list);
    }
    let in_list =
        before.iter().any(|word| word.ends_with(',')) && !before.iter().any(|word| matches!(*word, "and" | "or"));
    RELATIVES.contains(&next.as_str()) && !in_list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_ends_where_the_sentence_allows_it() {
        for (offering, expected) in [
            (
                "Ready-to-eat high-protein meals and a nutrition app that plans training weeks around them, sold by \
                 subscription to consumers. Creators earn a commission.",
                Some("ready-to-eat high-protein meals and a nutrition app"),
            ),
            (
                "Specialty coffee beans, espresso blends and pour-over brewing kits for home baristas, sold by subscription.",
                Some("specialty coffee beans, espresso blends and pour-over brewing kits for home baristas"),
            ),
            (
                "Gaming headsets, controllers and capture cards for streamers.",
                Some("gaming headsets, controllers and capture cards for streamers"),
            ),
            ("Roastware makes grinders for roasters.", Some("grinders for roasters")),
            ("We sell grinders to coffee roasters.", Some("grinders to coffee roasters")),
            ("Meal plans for endurance runners, by monthly subscription.", Some("meal plans for endurance runners")),
            ("UX audits", Some("UX audits")),
            ("Helps teams to ship. A planning tool.", Some("A planning tool").map(|_| "a planning tool")),
            ("Since 2019", None),
            ("Trusted by 400 cafes", None),
            ("", None),
        ] {
            assert_eq!(phrase(offering, None).as_deref(), expected, "{offering}");
        }
        assert_eq!(phrase("Kernel Kitchen helps creators", Some("Kernel Kitchen")), None);
        assert_eq!(phrase("Kernel Kitchen sells meals", Some("Kernel Kitchen")).as_deref(), Some("meals"));
    }

    #[test]
    fn a_long_sentence_is_never_cut_within_a_word() {
        let long = format!("Soap that {}", "smells very good and lasts ".repeat(9));
        assert_eq!(sentence(&long), "Soap");
        let endless = "soap ".repeat(60);
        assert_eq!(sentence(&endless), "what it offers");
    }
}
