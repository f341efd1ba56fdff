//! In which language a person writes, of those that messages can be written in.

use whatlang::Lang;

use crate::shared::judge::{evidence::is_unspaced, profile::Post};

/// A caption with fewer letters says nothing about its language.
const LETTERS_MIN: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::shared::judge) enum Language {
    English,
    Spanish,
    German,
    Portuguese,
    French,
    Arabic,
    Japanese,
}

/// The languages of a person's posts.
pub(super) struct Languages<'a> {
    /// That of most captions; English where none has most of them, or where it is one without messages.
    pub(super) most: Language,
    posts: &'a [Post],
}

impl<'a> Languages<'a> {
    pub(super) fn of(posts: &'a [Post]) -> Self {
        let mut counts: Vec<(Lang, usize)> = vec![];
        let mut detectable = 0;
        for found in posts.iter().filter_map(|post| detected(&post.caption)) {
            detectable += 1;
            let count = match counts.iter_mut().find(|(known, _)| *known == found) {
                Some((_, count)) => {
                    *count += 1;
                    *count
                }
                None => {
                    counts.push((found, 1));
                    1
                }
            };
            // Detection takes long, and more than half of all posts are most of those that can be detected.
            if 2 * count > posts.len() {
                break;
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let most = most.filter(|(_, count)| *count >= 2 && 2 * count > detectable);
        Self { most: most.map_or(Language::English, |(lang, _)| Language::of(lang)), posts }
    }

    /// Whether a post is in the language of most, as far as it tells.
    pub(super) fn is_usual(&self, id: &str) -> bool {
        let post = self.posts.iter().find(|post| post.id == id);
        post.and_then(|post| detected(&post.caption)).is_none_or(|lang| Language::of(lang) == self.most)
    }
}

impl Language {
    fn of(lang: Lang) -> Self {
        match lang {
            Lang::Spa => Self::Spanish,
            Lang::Deu => Self::German,
            Lang::Por => Self::Portuguese,
            Lang::Fra => Self::French,
            Lang::Ara => Self::Arabic,
            Lang::Jpn => Self::Japanese,
            _ => Self::English,
        }
    }

    /// As BCP 47 writes it.
    pub(in crate::shared::judge) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::German => "de",
            Self::Portuguese => "pt",
            Self::French => "fr",
            Self::Arabic => "ar",
            Self::Japanese => "ja",
        }
    }

    pub(in crate::shared::judge) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Spanish => "Spanish",
            Self::German => "German",
            Self::Portuguese => "Portuguese",
            Self::French => "French",
            Self::Arabic => "Arabic",
            Self::Japanese => "Japanese",
        }
    }

    /// What stands between two sentences.
    pub(super) const fn blank(self) -> &'static str {
        if matches!(self, Self::Japanese) { "" } else { " " }
    }
}

#[cfg(test)]
impl Language {
    /// Whether a text is in this language.
    pub(super) fn is_of(self, text: &str) -> bool {
        detected(text).is_some_and(|lang| Self::of(lang) == self)
    }
}

fn detected(caption: &str) -> Option<Lang> {
    let is_word = |word: &&str| !word.starts_with(['#', '@']) && !word.contains("://") && !word.contains("www.");
    let words = caption.split_whitespace().filter(is_word).collect::<Vec<_>>().join(" ");
    let letters = words.chars().filter(|c| c.is_alphabetic()).count();
    let weight = if is_unspaced(&words) { 3 } else { 1 };
    if letters * weight < LETTERS_MIN { None } else { whatlang::detect_lang(&words) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shared::judge::profile::Profile;

    #[test]
    fn a_persons_language_is_that_of_most_captions() {
        let german = "Drei Brände, drei Mal ist das Blau verlaufen. Wer hat das im Griff?";
        let other = "Heute war Markt, und wir danken allen, die vorbeigekommen sind!";
        let english = "Sunday market, come and see us there";
        let of = |captions: &[&str]| {
            let posts =
                json!({"posts": captions.iter().map(|caption| json!({"caption": caption})).collect::<Vec<_>>()});
            Languages::of(&Profile::read(&posts.to_string()).entries).most.tag()
        };
        assert_eq!(of(&[german, other, english]), "de");
        assert_eq!(of(&[german, english]), "en", "neither has most");
        assert_eq!(of(&["今日は川沿いを長く走りました。", "ありがとうございます"]), "ja");
        assert_eq!(of(&["Ik ga morgen met de trein naar Amsterdam", "Wat een mooie dag was het gisteren"]), "en");
        assert_eq!(of(&["🌅", "mood", "2/10"]), "en");
    }
}
