//! What in a profile an answer can point at: phrases of posts and of the lines above them, and what several posts share.
//!
//! Promises: each phrase stands letter by letter in the text that its id names; each recurrence names at least two posts
//! that really have it.

mod phrase;
mod sign;

use std::collections::BTreeMap;

pub(super) use phrase::{Phrase, is_unspaced};
pub(super) use sign::{Sign, has, spaced};

use super::{
    profile::{BIO, Post, Profile},
    themes::{Lexicon, Words},
};

/// No entry names more posts than this.
const POSTS_MAX: usize = 6;
/// Recurrences that are kept.
const RECURRENCES_MAX: usize = 6;

/// A phrase and where it stands.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) post: String,
    pub(super) phrase: Phrase,
    /// How much it has to do with the business, and how well it can be quoted.
    pub(super) score: f64,
    /// Whether it has a word of the business or of the person's niche.
    pub(super) is_about: bool,
}

/// A word that several posts share.
#[derive(Debug)]
pub(super) struct Recurrence {
    pub(super) word: String,
    pub(super) posts: Vec<String>,
    pub(super) is_shared: bool,
}

#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The best first; of the posts, then of the lines above them.
    pub(super) candidates: Vec<Candidate>,
    pub(super) recurrences: Vec<Recurrence>,
    /// The wanted themes that posts really speak of, and which posts.
    pub(super) themes: Vec<(String, Vec<String>)>,
    /// The posts in which each sign shows.
    pub(super) signs: BTreeMap<Sign, Vec<String>>,
}

impl Evidence {
    pub(super) fn gather(
        profile: &Profile,
        business: &Words,
        niche: Option<&str>,
        wanted: &[String],
        lexicon: &Lexicon,
    ) -> Self {
        let rate = |post: &str, phrase: Phrase, place: usize| {
            let shared = business.shared(&Words::of(&phrase.text)).len();
            let known = niche.map_or(0, |niche| Words::of(&phrase.text).hits(lexicon, niche));
            let score = 3.0 * shared as f64 + known as f64 + worth(&phrase) - 0.02 * place as f64;
            Candidate { post: post.to_owned(), phrase, score, is_about: shared + known > 0 }
        };
        let mut candidates = vec![];
        for (place, post) in profile.entries.iter().enumerate() {
            let found = phrase::phrases(&post.caption);
            candidates.extend(found.into_iter().map(|phrase| rate(&post.id, phrase, place)));
        }
        for line in &profile.about {
            let found = phrase::phrases(line);
            candidates.extend(found.into_iter().map(|phrase| rate(BIO, phrase, 0)));
        }
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        // What the account is called comes last: it says least.
        for name in profile.name.iter().chain(&profile.username) {
            candidates.extend(whole(name).map(|phrase| Candidate { score: -9.0, ..rate(BIO, phrase, 0) }));
        }
        let mut distinct: Vec<Candidate> = vec![];
        for candidate in candidates {
            if !distinct.iter().any(|known| known.phrase.text == candidate.phrase.text) {
                distinct.push(candidate);
            }
        }
        Self {
            recurrences: recurrences(&profile.entries, business, niche, lexicon),
            themes: wanted.iter().filter_map(|theme| posts_about(theme, &profile.entries, lexicon)).collect(),
            signs: signs(&distinct),
            candidates: distinct,
        }
    }
}

/// What begins with one of these is no whole thought without the rest of its sentence.
const SUBORDINATE: [&str; 10] =
    ["when", "if", "because", "after", "before", "without", "while", "since", "with", "for"];

/// How well a phrase can be quoted, whatever it is about.
fn worth(phrase: &Phrase) -> f64 {
    let length = match phrase.words {
        4..=8 => 1.0,
        3 => 0.6,
        _ => 0.0,
    };
    let begins = spaced(&phrase.text);
    let depends = !phrase.is_sentence && SUBORDINATE.iter().any(|word| begins.starts_with(&format!(" {word} ")));
    let is_good = |good: bool, worth: f64| if good { worth } else { 0.0 };
    length - is_good(depends, 2.0)
        + is_good(phrase.is_sentence, 1.0)
        + is_good(phrase.is_whole, 1.5)
        + is_good(phrase.opens, 0.5)
}

/// A name as a phrase; a single word shows nothing.
fn whole(name: &str) -> Option<Phrase> {
    let words = name.split_whitespace().count();
    (2..=8).contains(&words).then(|| Phrase {
        text: name.to_owned(),
        words,
        is_whole: true,
        opens: true,
        is_sentence: false,
        sign: Sign::Plain,
    })
}

fn recurrences(posts: &[Post], business: &Words, niche: Option<&str>, lexicon: &Lexicon) -> Vec<Recurrence> {
    let mut by_word: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for post in posts {
        let words = Words::of(&without_hashtags(&post.caption));
        // Words of no niche, such as "week", return everywhere.
        let is_own = |word: &str| niche.is_some_and(|niche| lexicon.speaks_of(niche, word));
        let is_telling =
            |word: &&str| word.len() >= 4 && (is_own(word) || (business.has(word) && lexicon.niche_of(word).is_some()));
        for word in words.all().filter(is_telling) {
            by_word.entry(word.to_owned()).or_default().push(post.id.clone());
        }
    }
    let mut found: Vec<Recurrence> = by_word
        .into_iter()
        .filter(|(_, posts)| posts.len() >= 2)
        .map(|(word, posts)| Recurrence { is_shared: business.has(&word), word, posts })
        .collect();
    found.sort_by_key(|found| (std::cmp::Reverse((found.is_shared, found.posts.len())), found.word.clone()));
    found.truncate(RECURRENCES_MAX);
    found.iter_mut().for_each(|found| found.posts.truncate(POSTS_MAX));
    found
}

/// The posts whose captions speak of a theme: they have all of its words, or two words of the niche that it names.
fn posts_about(theme: &str, posts: &[Post], lexicon: &Lexicon) -> Option<(String, Vec<String>)> {
    let wanted = Words::of(theme);
    let niche = lexicon.named(theme);
    let is_about = |post: &&Post| {
        let words = Words::of(&without_hashtags(&post.caption));
        // A word alone may be an aside: its niche has to show by another one too.
        let is_more = |word: &str| lexicon.niche_of(word).is_none_or(|niche| words.hits(lexicon, niche) >= 2);
        let has_all =
            wanted.len() > 0 && wanted.all().all(|word| words.has(word) && (wanted.len() > 1 || is_more(word)));
        has_all || niche.is_some_and(|niche| words.hits(lexicon, niche) >= 2)
    };
    let about: Vec<String> = posts.iter().filter(is_about).take(POSTS_MAX).map(|post| post.id.clone()).collect();
    (!about.is_empty()).then(|| (theme.to_owned(), about))
}

/// Whether two phrases say nearly the same.
pub(super) fn are_alike(one: &str, other: &str) -> bool {
    let (one, other) = (spaced(one), spaced(other));
    let words: Vec<&str> = one.split_whitespace().collect();
    let shared = words.iter().filter(|word| has(&other, word)).count();
    shared * 10 > words.len().max(other.split_whitespace().count()) * 6
}

/// A hashtag says whom a post is to reach, not what it is about.
fn without_hashtags(caption: &str) -> String {
    let words = caption.split_whitespace().filter(|word| !word.starts_with(['#', '@']));
    words.collect::<Vec<_>>().join(" ")
}

fn signs(candidates: &[Candidate]) -> BTreeMap<Sign, Vec<String>> {
    let mut signs: BTreeMap<Sign, Vec<String>> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| candidate.post != BIO) {
        let posts = signs.entry(candidate.phrase.sign).or_default();
        if !posts.contains(&candidate.post) {
            posts.push(candidate.post.clone());
        }
    }
    signs
}

#[cfg(test)]
mod tests;
