//! Which language a text is in, and what languages are called.
//!
//! Short texts are often taken for a neighbouring language. So a profile's language is that of most of its captions, and a message
//! is only asked whether it is in its own language rather than in English or in that of the captions.

use oxilangtag::LanguageTag;
use whatlang::{Detector, Lang};

use super::super::shown::Shown;
use crate::shared::characters::is_unspaced;

/// A caption with fewer letters says nothing about its language.
const LETTERS_MIN: usize = 12;
/// A caption of so many characters is trusted by itself.
const LONG_CHARS_MIN: usize = 80;
/// One caption alone may be a quotation.
const CAPTIONS_MIN: usize = 2;
/// The detector's codes (ISO 639-3) and those of BCP 47.
const CODES: [(Lang, &str); 70] = [
    (Lang::Cym, "cy"),
    (Lang::Epo, "eo"),
    (Lang::Eng, "en"),
    (Lang::Rus, "ru"),
    (Lang::Cmn, "zh"),
    (Lang::Spa, "es"),
    (Lang::Por, "pt"),
    (Lang::Ita, "it"),
    (Lang::Ben, "bn"),
    (Lang::Fra, "fr"),
    (Lang::Deu, "de"),
    (Lang::Ukr, "uk"),
    (Lang::Kat, "ka"),
    (Lang::Ara, "ar"),
    (Lang::Hin, "hi"),
    (Lang::Jpn, "ja"),
    (Lang::Heb, "he"),
    (Lang::Yid, "yi"),
    (Lang::Pol, "pl"),
    (Lang::Amh, "am"),
    (Lang::Jav, "jv"),
    (Lang::Kor, "ko"),
    (Lang::Nob, "nb"),
    (Lang::Dan, "da"),
    (Lang::Swe, "sv"),
    (Lang::Fin, "fi"),
    (Lang::Tur, "tr"),
    (Lang::Nld, "nl"),
    (Lang::Hun, "hu"),
    (Lang::Ces, "cs"),
    (Lang::Ell, "el"),
    (Lang::Bul, "bg"),
    (Lang::Bel, "be"),
    (Lang::Mar, "mr"),
    (Lang::Kan, "kn"),
    (Lang::Ron, "ro"),
    (Lang::Slv, "sl"),
    (Lang::Hrv, "hr"),
    (Lang::Srp, "sr"),
    (Lang::Mkd, "mk"),
    (Lang::Lit, "lt"),
    (Lang::Lav, "lv"),
    (Lang::Est, "et"),
    (Lang::Tam, "ta"),
    (Lang::Vie, "vi"),
    (Lang::Urd, "ur"),
    (Lang::Tha, "th"),
    (Lang::Guj, "gu"),
    (Lang::Uzb, "uz"),
    (Lang::Pan, "pa"),
    (Lang::Aze, "az"),
    (Lang::Ind, "id"),
    (Lang::Tel, "te"),
    (Lang::Pes, "fa"),
    (Lang::Mal, "ml"),
    (Lang::Ori, "or"),
    (Lang::Mya, "my"),
    (Lang::Nep, "ne"),
    (Lang::Sin, "si"),
    (Lang::Khm, "km"),
    (Lang::Tuk, "tk"),
    (Lang::Aka, "ak"),
    (Lang::Zul, "zu"),
    (Lang::Sna, "sn"),
    (Lang::Afr, "af"),
    (Lang::Lat, "la"),
    (Lang::Slk, "sk"),
    (Lang::Cat, "ca"),
    (Lang::Tgl, "tl"),
    (Lang::Hye, "hy"),
];
/// Languages that the detector, or people, do not keep apart; the first one is the detector's.
const ALIASES: [(&str, &[&str]); 8] = [
    ("nb", &["no", "nn"]),
    ("zh", &["cmn", "yue", "wuu"]),
    ("tl", &["fil"]),
    ("hr", &["bs", "sr", "sh"]),
    ("id", &["ms", "jv", "su"]),
    ("he", &["iw"]),
    ("fa", &["prs", "tg"]),
    ("es", &["gl"]),
];

/// A language as the first part of a BCP 47 tag names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Language(&'static str);

impl Language {
    pub(super) const ENGLISH: Self = Self("en");

    /// The language of a tag; none if it is not one that is well formed and known.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        let tag = LanguageTag::parse(tag).ok()?;
        let primary = tag.primary_language().to_lowercase();
        let alias = ALIASES.iter().find(|(_, others)| others.contains(&primary.as_str())).map(|(name, _)| *name);
        let known = |code: &str| CODES.iter().find(|(_, known)| *known == code).map(|(_, known)| Self(known));
        known(&primary).or_else(|| known(alias?))
    }

    /// The language of most captions; none if they are few, short or too different.
    pub(super) fn of_captions(shown: &Shown) -> Option<Self> {
        let captions: Vec<String> =
            shown.posts().map(|post| words_alone(&post.text)).filter(|text| says_enough(text)).collect();
        // Short captions are asked only about languages that the long ones, or all together, are in.
        let all = captions.join("\n");
        let long = captions.iter().filter(|text| text.chars().count() >= LONG_CHARS_MIN);
        let likely = long.chain([&all]).filter_map(|text| whatlang::detect_lang(text)).chain([Lang::Eng]);
        let mut candidates: Vec<Lang> = vec![];
        for lang in likely {
            if !candidates.contains(&lang) {
                candidates.push(lang);
            }
        }
        let detector = Detector::with_allowlist(candidates);
        let mut counts: Vec<(Self, usize)> = vec![];
        for language in captions.iter().filter_map(|text| Self::of_detected(detector.detect_lang(text)?)) {
            match counts.iter_mut().find(|(known, _)| known.is(language)) {
                Some((_, count)) => *count += 1,
                None => counts.push((language, 1)),
            }
        }
        let (language, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        (count >= CAPTIONS_MIN && 2 * count > captions.len()).then_some(language)
    }

    /// Whether a text is in this language rather than in one of the others.
    pub(super) fn is_of(self, text: &str, others: &[Self]) -> bool {
        let words = words_alone(text);
        let candidates = std::iter::once(self).chain(others.iter().copied().filter(|other| !other.is(self)));
        let candidates: Vec<Lang> = candidates.filter_map(Self::detected).collect();
        // Without another language to tell it from, only what is beyond doubt counts.
        if candidates.len() < 2 {
            let found = whatlang::detect(&words).filter(whatlang::Info::is_reliable);
            return found.and_then(|found| Self::of_detected(found.lang())).is_none_or(|found| found.is(self));
        }
        let found = Detector::with_allowlist(candidates).detect_lang(&words).and_then(Self::of_detected);
        found.is_none_or(|found| found.is(self))
    }

    /// Whether both are the same language, as far as texts tell.
    pub(super) fn is(self, other: Self) -> bool {
        let family = |code: &'static str| {
            ALIASES
                .iter()
                .find(|(name, others)| *name == code || others.contains(&code))
                .map_or(code, |(name, _)| *name)
        };
        family(self.0) == family(other.0)
    }

    /// Whether questions are mostly written with a mark of their own.
    pub(super) fn marks_questions(self) -> bool {
        !["th", "my", "km", "ja", "zh"].contains(&self.0)
    }

    /// Whether a semicolon ends a question.
    pub(super) fn is_greek(self) -> bool {
        self.0 == "el"
    }

    fn of_detected(lang: Lang) -> Option<Self> {
        CODES.iter().find(|(known, _)| *known == lang).map(|(_, code)| Self(code))
    }

    fn detected(self) -> Option<Lang> {
        CODES.iter().find(|(_, code)| *code == self.0).map(|(lang, _)| *lang)
    }
}

/// Whether a text has enough letters. A script without blanks says in one letter what others say in several.
fn says_enough(text: &str) -> bool {
    let weight = if text.chars().any(is_unspaced) { 3 } else { 1 };
    weight * text.chars().filter(|c| c.is_alphabetic()).count() >= LETTERS_MIN
}

/// The text without hashtags, names and addresses, which belong to no language.
fn words_alone(text: &str) -> String {
    let is_word = |word: &&str| !word.starts_with(['#', '@']) && !word.contains("://") && !word.contains("www.");
    text.split_whitespace().filter(is_word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{super::super::shown::Source, *};

    fn captions(texts: &[&str]) -> Option<&'static str> {
        let sources =
            texts.iter().enumerate().map(|(n, text)| Source::new(format!("p{n}"), (*text).to_owned(), vec![]));
        Language::of_captions(&Shown::new(sources.collect())).map(|language| language.0)
    }

    #[test]
    fn a_profiles_language_is_that_of_most_captions() {
        let german = "Drei Brände, drei Mal ist das Blau verlaufen. Wer hat das im Griff?";
        let other = "Heute war Markt, danke an alle, die da waren!";
        assert_eq!(captions(&[german, other, "Sunday market, come and see us there"]), Some("de"));
        assert_eq!(captions(&["今日は川沿いを長く走りました。", "ありがとうございます"]), Some("ja"));
        assert_eq!(captions(&["اليوم ركضنا مسافة طويلة على ضفاف النهر", "شكرا لكم على كل هذا الدعم"]), Some("ar"));
        // Hashtags and names are in no language.
        assert_eq!(
            captions(&[&format!("{german} #running #marathon #coffee"), &format!("@runners {other}")]),
            Some("de")
        );
        assert_eq!(captions(&["🌅", "mood", "", "2/10"]), None);
        // Nor are captions without enough letters, of which some scripts need few.
        assert_eq!(captions(&[german, other, "mood", "🌅", "2/10 km"]), Some("de"));
        assert_eq!(captions(&["川沿い走った", "今日は休み"]), Some("ja"));
        assert_eq!(captions(&[german]), None, "one says little");
        let english = ["Sunday market, come and see us there", "Nobody told me that the river was this cold"];
        assert_eq!(captions(&[german, english[0]]), None, "neither has most");
        assert_eq!(captions(&[german, other, english[0], english[1]]), None, "neither has most");
        assert_eq!(captions(&[german, other, german, english[0], english[1]]), Some("de"), "three of five");
    }

    #[test]
    fn names_hashtags_and_addresses_are_no_words() {
        let text = "So runs\n#marathon @maren https://maren.example www.maren.example the river";
        assert_eq!(words_alone(text), "So runs the river");
    }

    #[test]
    fn tags_are_read_and_unknown_ones_refused() {
        for (tag, language) in [
            ("en", "en"),
            ("pt-BR", "pt"),
            ("zh-Hant-TW", "zh"),
            ("no", "nb"),
            ("fil", "tl"),
            ("sr-Latn", "sr"),
            ("DE", "de"),
        ] {
            assert_eq!(Language::of_tag(tag).map(|language| language.0), Some(language), "{tag}");
        }
        for tag in ["", "english", "xx", "e", "en_US", "pt BR", "Deutsch"] {
            assert_eq!(Language::of_tag(tag), None, "{tag}");
        }
    }

    #[test]
    fn every_language_of_the_detector_has_a_tag() {
        for lang in Lang::all() {
            let language = Language::of_detected(*lang).unwrap_or_else(|| panic!("{lang:?}"));
            assert!(Language::of_tag(language.0) == Some(language) && language.detected() == Some(*lang), "{lang:?}");
        }
    }

    #[test]
    fn a_message_is_in_its_language_or_in_english() {
        let german = Language("de");
        let others = [Language::ENGLISH];
        assert!(german.is_of("Drei Brände, und das Blau läuft immer noch. Soll die Kante scharf werden?", &others));
        assert!(!german.is_of("Three firings and the blue still runs. Should the edge be sharp?", &others));
        assert!(
            !Language::ENGLISH
                .is_of("Drei Brände, und das Blau läuft immer noch. Soll die Kante scharf werden?", &[german])
        );
        // With nothing to tell it from, what is beyond doubt counts.
        assert!(Language::ENGLISH.is_of("Whatever", &[]));
        let long = "Dieser Beitrag ist mir tagelang nicht aus dem Kopf gegangen. Wie ist er denn entstanden?";
        assert!(!Language::ENGLISH.is_of(long, &[]) && german.is_of(long, &[]));
        // Too short to be beyond doubt, but not for a choice between two.
        assert!(!Language::ENGLISH.is_of("Merci beaucoup, à demain", &[Language("fr")]));
        let three = [Language("es"), Language::ENGLISH];
        assert!(!german.is_of("Three firings and the blue still runs. Should the edge be sharp?", &three));
    }

    #[test]
    fn neighbours_are_one_language() {
        for (one, other, same) in [("hr", "sr", true), ("nb", "no", true), ("es", "pt", false), ("de", "nl", false)] {
            let of = |tag| Language::of_tag(tag).unwrap();
            assert_eq!(of(one).is(of(other)), same, "{one} {other}");
        }
    }
}
