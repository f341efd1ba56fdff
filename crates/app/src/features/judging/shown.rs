//! What a model was shown of a profile, by the ids that it may cite.

use jiff::civil::Date;

use crate::shared::{characters::is_unspaced, folding::comparable};

/// Whose words show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The profile's.
    Owner,
    /// Also those who comment.
    Anybody,
}

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
    /// What else its owner put there: names, places, hashtags, links and their titles.
    pub details: Vec<String>,
    /// What others wrote under it.
    pub comments: Vec<String>,
    /// The owner's words, to look phrases up in.
    own: String,
    /// The comments and the numbers.
    rest: String,
}

impl Source {
    /// Without comments and numbers.
    pub(super) fn new(id: String, text: String, details: Vec<String>) -> Self {
        let own = joined(std::iter::once(&text).chain(&details));
        Self { id, short_code: None, taken_on: None, text, details, comments: vec![], own, rest: String::new() }
    }

    /// With what is no word of the owner's.
    pub(super) fn with(self, comments: Vec<String>, numbers: &[u64]) -> Self {
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        Self { rest: joined(comments.iter().chain(&numbers)), comments, ..self }
    }

    /// One post, with its address and day.
    pub(super) fn post(self, short_code: &str, taken_on: Option<Date>) -> Self {
        Self { short_code: Some(short_code.to_owned()), taken_on, ..self }
    }

    /// Whether there is enough text to quote from.
    pub(super) fn can_be_quoted(&self) -> bool {
        is_telling(&self.own)
    }
}

/// The texts in comparable form. The mark between them is in no phrase, so that none is found across two texts.
fn joined<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    comparable(&texts.map(String::as_str).collect::<Vec<_>>().join(" \u{1} "))
}

/// Whether a phrase stands in a text as whole words; both in comparable form.
fn stands_in(text: &str, phrase: &str) -> bool {
    let ends = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
    text.match_indices(phrase).any(|(at, found)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|text| text.chars().next());
        // Where the phrase itself begins or ends in a mark, any neighbour will do.
        (ends(before) || ends(found.chars().next())) && (ends(after) || ends(found.chars().next_back()))
    })
}

/// Whether a phrase in comparable form says enough to show something: a word alone stands anywhere.
fn is_telling(phrase: &str) -> bool {
    const WORDS_MIN: usize = 2;
    const UNSPACED_LETTERS_MIN: usize = 3;
    let words = phrase.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count();
    (words >= WORDS_MIN && phrase.chars().any(char::is_alphabetic))
        || phrase.chars().filter(|c| is_unspaced(*c)).count() >= UNSPACED_LETTERS_MIN
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

    /// Whether the phrase stands anywhere; case, blanks and Unicode form apart.
    #[must_use]
    pub fn has(&self, phrase: &str) -> bool {
        let is_in = |phrase: String| {
            self.sources.iter().any(|source| stands_in(&source.own, &phrase) || stands_in(&source.rest, &phrase))
        };
        quotable(phrase).is_some_and(is_in)
    }

    /// The ids of the sources in which a phrase of two words or more stands, in their owner's words or in anybody's.
    #[must_use]
    pub fn where_stands(&self, phrase: &str, by: Speaker) -> Vec<&str> {
        let Some(phrase) = quotable(phrase).filter(|phrase| is_telling(phrase)) else { return vec![] };
        let says = |source: &&Source| {
            stands_in(&source.own, &phrase) || (by == Speaker::Anybody && stands_in(&source.rest, &phrase))
        };
        self.sources.iter().filter(says).map(|source| source.id.as_str()).collect()
    }

    /// All that was shown, to look words up in.
    pub(super) fn comparable(&self) -> String {
        let texts = self.sources.iter().flat_map(|source| [source.own.as_str(), source.rest.as_str()]);
        texts.collect::<Vec<_>>().join(" ")
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
        let of = |(n, text): (usize, &&str)| {
            let details = vec!["#marathon".to_owned(), "Graz an der Mur".to_owned()];
            Source::new(format!("p{}", n + 1), (*text).to_owned(), details)
                .with(vec!["Budget approved!".to_owned()], &[412])
        };
        Shown::new(texts.iter().enumerate().map(of).collect())
    }

    #[test]
    fn what_others_say_is_not_the_owners() {
        let shown = shown(&["It runs."]);
        assert_eq!(shown.where_stands("budget approved", Speaker::Owner), [""; 0]);
        assert_eq!(shown.where_stands("budget approved", Speaker::Anybody), ["p1"]);
        assert!(shown.has("budget approved") && shown.has("412") && shown.has("runs") && !shown.has("413"));
        // A word or a number alone shows nothing.
        for phrase in ["runs", "412", "412 8400", "#marathon"] {
            assert_eq!(shown.where_stands(phrase, Speaker::Anybody), [""; 0], "{phrase}");
        }
    }

    #[test]
    fn a_source_has_what_it_was_given() {
        let day = jiff::civil::date(2026, 11, 3);
        let source = Source::new("p1".to_owned(), "Fine".to_owned(), vec!["#run".to_owned()])
            .with(vec!["Budget approved!".to_owned()], &[412])
            .post("C1", Some(day));
        let expected = (Some("C1"), Some(day), ["Budget approved!".to_owned()]);
        assert_eq!((source.short_code.as_deref(), source.taken_on), (expected.0, expected.1));
        assert_eq!((source.comments, source.details), (expected.2.to_vec(), vec!["#run".to_owned()]));
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
            "GRAZ an der Mur",
        ] {
            assert_eq!(shown.where_stands(phrase, Speaker::Owner).first(), Some(&"p1"), "{phrase}");
        }
        assert_eq!(shown.where_stands("川沿い", Speaker::Owner), ["p2"]);
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
            assert_eq!(shown.where_stands(phrase, Speaker::Anybody), [""; 0], "{phrase}");
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
            let phrase = words[from..words.len().min(from + count + 1)].join("  ").to_uppercase();
            let shown = shown(&[text.as_str()]);
            prop_assert!(shown.has(&phrase));
            if is_telling(&comparable(&phrase)) {
                prop_assert_eq!(shown.where_stands(&phrase, Speaker::Owner), ["p1"]);
            }
        }
    }
}
