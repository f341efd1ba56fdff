//! What a sentence of a profile shows about the person.

use std::sync::LazyLock;

use crate::shared::texts::Texts;

static CUES: LazyLock<Texts> = LazyLock::new(|| Texts::parse(include_str!("../../../../data/prose/signs.txt")));

/// What a sentence shows, as far as its words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::shared::judge) enum Sign {
    /// It asks the readers something.
    Question,
    Selling,
    Struggle,
    Teaching,
    Progress,
    People,
    /// The everyday work.
    Work,
    Plain,
}

impl Sign {
    /// All that words can show, the most telling first.
    const BY_WORDS: [Self; 6] =
        [Self::Selling, Self::Struggle, Self::Teaching, Self::Progress, Self::People, Self::Work];

    /// Its section in the files of texts.
    pub(in crate::shared::judge) const fn name(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Selling => "selling",
            Self::Struggle => "struggle",
            Self::Teaching => "teaching",
            Self::Progress => "progress",
            Self::People => "people",
            Self::Work => "work",
            Self::Plain => "plain",
        }
    }

    pub(in crate::shared::judge) fn of(sentence: &str) -> Self {
        if sentence.contains(['?', '？', '؟']) {
            return Self::Question;
        }
        let words = spaced(sentence);
        let says = |sign: &&Self| CUES.of(sign.name()).iter().any(|cue| has(&words, cue));
        Self::BY_WORDS.iter().find(says).copied().unwrap_or(Self::Plain)
    }
}

/// In small letters, with one blank before and behind each word.
pub(in crate::shared::judge) fn spaced(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// Whether spaced words have this cue as whole words. Japanese writes no blanks, so there a part of a word is enough.
pub(in crate::shared::judge) fn has(spaced_words: &str, cue: &str) -> bool {
    let is_unspaced = cue.chars().any(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'));
    if is_unspaced { spaced_words.contains(cue) } else { spaced_words.contains(&format!(" {cue} ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_show_what_their_words_say() {
        for (sentence, sign) in [
            ("Which one would you wear?", Sign::Question),
            ("Itineraries in the link", Sign::Selling),
            ("Some pots lived, two broke", Sign::Struggle),
            ("Save this before leg day", Sign::Teaching),
            ("Finally a door", Sign::Progress),
            ("Danke an alle", Sign::People),
            ("今日はいい天気", Sign::Work),
            ("Blue and white", Sign::Plain),
        ] {
            assert_eq!(Sign::of(sentence), sign, "{sentence}");
        }
    }
}
