//! Which countries a text names by their flags, and whether a word in capitals is shouted.

use crate::shared::folding::folded;

/// ISO 3166-1 codes, each with the country's names: English first, then those in the languages that profiles often use. Left out
/// are names that are other words without their accents (Iceland's own is "island") or name other places too.
const COUNTRIES: &str = include_str!("countries.txt");

/// Code and names of every country whose flag is in the text.
pub fn flags(text: &str) -> Vec<String> {
    let mut named = Vec::new();
    let mut letters = text.chars().map(indicated).peekable();
    while let Some(first) = letters.next() {
        // Flags follow each other without a gap, so their letters are read in pairs.
        let Some(first) = first else { continue };
        let Some(second) = letters.next_if(Option::is_some).flatten() else { continue };
        let code: String = [first, second].into_iter().collect();
        let known = COUNTRIES.lines().find_map(|line| line.strip_prefix(code.as_str())?.strip_prefix(' '));
        named.extend(known.into_iter().flat_map(|names| names.split('/')).map(str::to_owned));
        named.push(code);
    }
    named
}

/// All names of the country that this name is one of; empty for anything else, such as a city, or a code: many are those of American
/// states too.
pub fn names_of(place: &str) -> Vec<&'static str> {
    let wanted = folded(place.trim());
    let is_meant = |line: &&str| line.get(3..).is_some_and(|names| names.split('/').any(|name| folded(name) == wanted));
    let named = COUNTRIES.lines().find(is_meant).and_then(|line| line.get(3..));
    named.into_iter().flat_map(|names| names.split('/')).collect()
}

/// The letter that a regional indicator stands for.
fn indicated(c: char) -> Option<char> {
    let offset = u32::from(c).checked_sub(0x1f1e6).filter(|offset| *offset < 26)?;
    char::from_u32(u32::from('A') + offset)
}

/// Whether the words right beside a word in capitals are in capitals too: then its own say nothing.
pub fn is_shouted(before: &str, after: &str) -> bool {
    let shouts = |word: Option<&str>| {
        word.is_some_and(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1 && word == word.to_uppercase())
    };
    let is_blank = |c: char| c == ' ' || c == '\t';
    let word_before =
        before.strip_suffix(is_blank).and_then(|head| head.trim_end_matches(is_blank).rsplit(is_blank).next());
    let word_after =
        after.strip_prefix(is_blank).and_then(|tail| tail.trim_start_matches(is_blank).split(is_blank).next());
    // Punctuation between them ends the sentence or separates an address: "NEW YORK, US".
    let joined_before = word_before.filter(|word| word.ends_with(char::is_alphanumeric));
    let joined_after = word_after.filter(|word| word.starts_with(char::is_alphanumeric));
    shouts(joined_before) || shouts(joined_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_pairs_and_named() {
        assert_eq!(flags("beans 🇵🇹"), ["Portugal", "PT"]);
        assert_eq!(flags("🇵🇹🇸🇬"), ["Portugal", "PT", "Singapore", "SG"]);
        assert_eq!(flags("🇬🇧").get(..4).unwrap(), ["United Kingdom", "UK", "Great Britain", "England"]);
        assert_eq!(flags("PT 🏴 no flag"), [""; 0]);
        // The letters of flags are twenty-six: behind them come other signs.
        assert_eq!(flags("🇿🇿"), ["ZZ"]);
        assert_eq!(flags("🈀🈀"), [""; 0]);
    }

    #[test]
    fn a_country_is_known_by_each_of_its_names() {
        for name in ["Czechia", "czech republic", "Česká republika", "Ceska republika"] {
            assert!(names_of(name).contains(&"Czech Republic"), "{name}");
        }
        for name in ["Prague", "", "CZ", "CA", "Europe"] {
            assert_eq!(names_of(name), [""; 0], "{name}");
        }
    }

    #[test]
    fn every_country_has_a_code_of_its_own() {
        let codes: std::collections::BTreeSet<&str> = COUNTRIES.lines().filter_map(|line| line.get(..2)).collect();
        assert_eq!(codes.len(), COUNTRIES.lines().count());
        assert!(COUNTRIES.lines().all(|line| line.get(2..3) == Some(" ") && line.len() > 5));
    }

    #[test]
    fn capitals_among_capitals_are_shouted() {
        assert!(is_shouted("FOLLOW ", " FOR DAILY TIPS"));
        assert!(is_shouted("BASED IN ", ""));
        for (before, after) in
            [("Based in the ", "."), ("NEW YORK, ", ""), ("I am ", " citizen"), ("", " | UK"), ("A ", "")]
        {
            assert!(!is_shouted(before, after), "{before}US{after}");
        }
    }
}
