//! What a model was shown of a profile, by the ids that it may cite.

use jiff::civil::Date;

use crate::shared::{characters::is_unspaced, folding::comparable};

/// The id of everything that stands above the posts.
pub const BIO: &str = "bio";

/// The texts of a profile as they stand in the prompt: cleaned, cut to its budget, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    sources: Vec<Source>,
}

/// The profile's own lines, or one post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// [`BIO`], or "p1" for the newest post.
    pub id: String,
    /// The code in a post's address; none for the profile's own lines.
    pub short_code: Option<String>,
    /// When it was posted.
    pub taken_on: Option<Date>,
    /// What its owner wrote: the bio or the caption.
    pub text: String,
    /// Everything shown of it, to look phrases up in.
    comparable: String,
}

impl Source {
    /// One post, with its address and day.
    pub(super) fn post(self, short_code: &str, taken_on: Option<Date>) -> Self {
        Self { short_code: Some(short_code.to_owned()), taken_on, ..self }
    }

    /// `rest`: what else is shown of it besides the owner's text.
    pub(super) fn new(id: String, text: String, rest: &[&str]) -> Self {
        // A line break, which becomes a blank, so that no phrase is found across two texts: the mark is in no phrase.
        let all = std::iter::once(text.as_str()).chain(rest.iter().copied()).collect::<Vec<_>>().join(" \u{1} ");
        Self { id, short_code: None, taken_on: None, comparable: comparable(&all), text }
    }

    /// Whether the phrase stands in it as whole words.
    fn says(&self, phrase: &str) -> bool {
        let ends = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
        self.comparable.match_indices(phrase).any(|(at, found)| {
            let before = self.comparable.get(..at).and_then(|text| text.chars().next_back());
            let after = self.comparable.get(at + found.len()..).and_then(|text| text.chars().next());
            // Where the phrase itself begins or ends in a mark, any neighbour will do.
            (ends(before) || ends(found.chars().next())) && (ends(after) || ends(found.chars().next_back()))
        })
    }
}

impl Shown {
    pub(super) const fn new(sources: Vec<Source>) -> Self {
        Self { sources }
    }

    /// The source with this id.
    #[must_use]
    pub fn source(&self, id: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.id == id)
    }

    /// The posts, newest first.
    pub fn posts(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.id != BIO)
    }

    /// The ids of the sources in which the phrase stands; case, blanks and Unicode form apart.
    #[must_use]
    pub fn where_stands(&self, phrase: &str) -> Vec<&str> {
        let Some(phrase) = quotable(phrase) else { return vec![] };
        self.sources.iter().filter(|source| source.says(&phrase)).map(|source| source.id.as_str()).collect()
    }

    /// All that was shown, to look words up in.
    pub(super) fn comparable(&self) -> String {
        self.sources.iter().map(|source| source.comparable.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// The phrase as it is looked up; none if it has too little to be found by.
fn quotable(phrase: &str) -> Option<String> {
    const LETTERS_MIN: usize = 2;
    // A sentence's own end may be the quotation's and not the text's.
    let phrase = comparable(phrase.trim_matches(|c: char| c.is_whitespace() || QUOTATION_MARKS.contains(&c)));
    let phrase = phrase.trim_end_matches(['.', ',', ';', ':', '!', '?', ' ']);
    (phrase.chars().filter(|c| c.is_alphanumeric()).count() >= LETTERS_MIN).then(|| phrase.to_owned())
}

const QUOTATION_MARKS: [char; 12] = ['"', '\'', '“', '”', '„', '‘', '’', '«', '»', '「', '」', '‚'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(texts: &[&str]) -> Shown {
        let of =
            |(n, text): (usize, &&str)| Source::new(format!("p{}", n + 1), (*text).to_owned(), &["#marathon", "Graz"]);
        Shown::new(texts.iter().enumerate().map(of).collect())
    }

    #[test]
    fn a_phrase_is_found_whatever_its_case_blanks_and_unicode_form() {
        let shown =
            shown(&["What do you\n\neat at km 30? It’s 𝗖𝗼𝗳𝗳𝗲𝗲 – and cafe\u{301}.", "今日は川沿いを長く走りました"]);
        for phrase in [
            "what do you eat",
            "WHAT  DO YOU EAT AT KM 30",
            "eat at km 30?",
            "“eat at km 30!”",
            "it's coffee - and café",
            "#marathon",
            "marathon",
            "graz",
        ] {
            assert_eq!(shown.where_stands(phrase).first(), Some(&"p1"), "{phrase}");
        }
        assert_eq!(shown.where_stands("川沿い"), ["p2"]);
    }

    #[test]
    fn what_nobody_wrote_is_not_found() {
        let shown = shown(&["What do you eat at km 30?", "Brunch in Austria."]);
        for phrase in [
            "what you eat",       // a word left out
            "do you eat at km 3", // a cut number
            "hat do you eat",     // a cut word
            "brunch … austria",   // joined
            "30? brunch",         // across two texts
            "austria #marathon",  // across a text and its hashtag
            "run",
            "x",
            "?!",
            "",
        ] {
            assert_eq!(shown.where_stands(phrase), [""; 0], "{phrase}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whole_words_copied_from_a_text_always_stand_in_it(
            words in proptest::collection::vec("[a-zäéñ]{2,8}|[а-я]{2,8}|[0-9]{2,4}", 1..20), from in 0_usize..20, count in 1_usize..9,
        ) {
            let text = words.join(" ");
            let from = from % words.len();
            let phrase = words[from..words.len().min(from + count)].join("  ").to_uppercase();
            let shown = shown(&[text.as_str()]);
            prop_assert_eq!(shown.where_stands(&phrase), ["p1"]);
        }
    }
}
