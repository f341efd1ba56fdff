//! The parts that messages are made of, in every language.

use std::sync::LazyLock;

use super::language::Language;
use crate::shared::{
    judge::evidence::{has, spaced},
    texts::{Slots, Texts},
};

macro_rules! texts {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(static $name: LazyLock<Texts> =
            LazyLock::new(|| Texts::parse(include_str!(concat!("../../../../data/messages/", $file))));)+
    };
}

texts! {
    ENGLISH = "en.txt", SPANISH = "es.txt", GERMAN = "de.txt", PORTUGUESE = "pt.txt", FRENCH = "fr.txt", ARABIC = "ar.txt",
    JAPANESE = "ja.txt", FIELDS = "fields.txt",
}

/// A text to be sent, and its English version where it is in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) english: String,
}

impl Language {
    pub(super) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Spanish => &SPANISH,
            Self::German => &GERMAN,
            Self::Portuguese => &PORTUGUESE,
            Self::French => &FRENCH,
            Self::Arabic => &ARABIC,
            Self::Japanese => &JAPANESE,
        }
    }

    /// The lines of a section with their slots filled; those that need an unknown slot are left out.
    pub(super) fn lines(self, section: &str, slots: &Slots, niche: Option<&str>) -> Vec<Line> {
        let line = |text: &&'static str| {
            let (text, english) = text.split_once("||").unwrap_or((text, text));
            let of = |text: &str, language: Self| {
                let field = niche.and_then(|niche| language.field(niche));
                let slots = field.map_or_else(|| slots.clone(), |field| slots.clone().with("field", field));
                slots.fill(text.trim())
            };
            Some(Line { text: of(text, self)?, english: of(english, Self::English)? })
        };
        self.texts().of(section).iter().filter_map(line).collect()
    }

    /// What a business of this niche works in.
    fn field(self, niche: &str) -> Option<&'static str> {
        let named = |line: &&'static str| line.split_once(':').filter(|(name, _)| *name == niche);
        FIELDS.of(self.tag()).iter().find_map(named).map(|(_, field)| field.trim())
    }

    /// The line for what a phrase is about, where its words show one of this language's topics.
    pub(super) fn on_topic(self, phrase: &str) -> Option<Line> {
        let words = spaced(phrase);
        let found = self.texts().of("topic").iter().filter_map(|line| line.split_once("=>"));
        let mut fitting = found.filter(|(cues, _)| cues.split(',').any(|cue| has(&words, cue.trim())));
        let (text, english) = fitting.next()?.1.split_once("||")?;
        Some(Line { text: text.trim().to_owned(), english: english.trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Language; 7] = [
        Language::English,
        Language::Spanish,
        Language::German,
        Language::Portuguese,
        Language::French,
        Language::Arabic,
        Language::Japanese,
    ];

    #[test]
    fn every_language_has_every_part_and_its_english_version() {
        let slots = Slots::default().with("business", "Fuel");
        for language in ALL.into_iter().skip(1) {
            for section in [
                "open",
                "bridge",
                "bridge.bare",
                "bridge.low",
                "bridge.nobody",
                "bridge.stranger",
                "question",
                "thought",
            ] {
                let lines = language.lines(section, &slots, Some("coffee"));
                assert!(!lines.is_empty(), "{language:?} {section}");
                assert!(lines.iter().all(|line| line.text != line.english), "{language:?} {section}");
            }
            for topic in language.texts().of("topic") {
                let (cues, text) = topic.split_once("=>").unwrap();
                let found = language.on_topic(cues.split(',').next().unwrap()).unwrap();
                assert!(text.contains(&found.text) && text.contains(&found.english), "{topic}");
                assert!(found.text.chars().count() <= super::super::OPENER_CHARS_MAX, "{}", found.text);
            }
        }
    }

    #[test]
    fn every_niche_has_its_field_in_every_language() {
        for niche in crate::shared::profiles::Catalogue::load().unwrap().niches() {
            assert!(ALL.iter().all(|language| language.field(&niche.name).is_some()), "{}", niche.name);
        }
    }

    #[test]
    fn questions_end_in_the_only_question_mark() {
        let is_mark = |c: char| matches!(c, '?' | '？' | '؟');
        for language in ALL {
            for (section, lines) in language.texts().sections() {
                for text in lines.iter().flat_map(|line| line.split("||")).map(str::trim) {
                    let marks = text.chars().filter(|c| is_mark(*c)).count();
                    let wanted = usize::from(section.starts_with("question"));
                    assert_eq!((marks, text.ends_with(is_mark)), (wanted, wanted == 1), "{section}: {text}");
                }
            }
        }
    }
}
