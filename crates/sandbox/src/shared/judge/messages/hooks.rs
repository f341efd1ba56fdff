//! What a message can begin with: something that the person wrote.

use super::{
    guard::Guard,
    language::{Language, Languages},
    lines::Line,
};
use crate::shared::{
    judge::{
        evidence::{Candidate, Sign, are_alike, has, spaced},
        judgement::Judgement,
        profile::BIO,
    },
    random::Seeded,
    texts::Slots,
};

const FRAGMENT_CHARS_MAX: usize = 64;
const FRAGMENT_WORDS_MIN: usize = 3;
/// In a message from somebody else, these would speak of the wrong person.
const PERSONS: [&str; 15] =
    ["i", "we", "you", "my", "our", "your", "me", "us", "mine", "ours", "yours", "myself", "let", "this", "here"];

/// A sentence that begins with one of these needs the sentence before it.
const BOUND: [&str; 16] = [
    "that", "it", "there", "and", "but", "so", "they", "he", "she", "then", "these", "those", "same", "one", "both",
    "which",
];

/// What a message refers to.
#[derive(Debug, Clone)]
pub(in crate::shared::judge) struct Hook {
    pub(in crate::shared::judge) post: String,
    pub(in crate::shared::judge) quote: String,
    pub(in crate::shared::judge) sign: Sign,
}

/// A hook and the line that takes it up.
pub(super) struct Opening {
    pub(super) hook: Hook,
    pub(super) line: Line,
}

/// The best two openings, from two posts where there are two.
pub(super) fn openings(
    judgement: &Judgement,
    languages: &Languages<'_>,
    slots: &Slots,
    guard: &Guard,
) -> (Opening, Option<Opening>) {
    let candidates = &judgement.evidence.candidates;
    let finder = Finder { judgement, languages, language: languages.most, slots, guard };
    let mut found: Vec<Opening> = vec![];
    // What is about the person's subject is better than the weather.
    let of_posts = |is_about: bool| {
        candidates.iter().filter(move |candidate| candidate.is_about == is_about && candidate.post != BIO)
    };
    let of_bio = || candidates.iter().filter(|candidate| candidate.post == BIO);
    for round in [Finder::in_their_words, Finder::in_own_words] {
        for candidate in of_posts(true).chain(of_posts(false)).chain(of_bio()) {
            if found.len() == 2 {
                break;
            }
            let is_new = found.iter().all(|known| {
                known.hook.post != candidate.post && !are_alike(&known.hook.quote, &candidate.phrase.text)
            });
            if let Some(line) = is_new.then(|| round(&finder, candidate, &found)).flatten() {
                let quote = candidate.phrase.text.clone();
                found.push(Opening {
                    hook: Hook { post: candidate.post.clone(), quote, sign: candidate.phrase.sign },
                    line,
                });
            }
        }
    }
    let mut found = found.into_iter();
    let first = found.next().unwrap_or_else(|| finder.of_nobody());
    (first, found.next())
}

struct Finder<'a> {
    judgement: &'a Judgement,
    languages: &'a Languages<'a>,
    language: Language,
    slots: &'a Slots,
    guard: &'a Guard,
}

impl Finder<'_> {
    /// A line about what the phrase itself says.
    fn in_their_words(&self, candidate: &Candidate, known: &[Opening]) -> Option<Line> {
        if candidate.post == BIO {
            return None;
        }
        if self.language != Language::English {
            let line = self.language.on_topic(&candidate.phrase.text)?;
            return self.chosen(vec![line], known);
        }
        let phrase = &candidate.phrase;
        let words = spaced(&phrase.text);
        let is_somebodys = PERSONS.iter().any(|word| has(&words, word));
        let is_bound = BOUND.iter().any(|word| words.starts_with(&format!(" {word} ")));
        let is_plain = !is_bound && phrase.is_sentence && phrase.words >= FRAGMENT_WORDS_MIN && !is_somebodys;
        if !is_plain || phrase.text.chars().count() > FRAGMENT_CHARS_MAX || !self.languages.is_usual(&candidate.post) {
            return None;
        }
        let slots = self.slots.clone().with("fragment", phrase.text.as_str());
        let mut lines = self.lines(&format!("open/{}", phrase.sign.name()), &slots);
        // One colon in a sentence is enough.
        lines.retain(|line| line.text.matches(':').count() < 2);
        self.chosen(lines, known)
    }

    /// A line about what kind of thing the phrase is.
    fn in_own_words(&self, candidate: &Candidate, known: &[Opening]) -> Option<Line> {
        let section = match (self.language, candidate.post.as_str()) {
            (Language::English, BIO) => "own/bio".to_owned(),
            (Language::English, _) => format!("own/{}", candidate.phrase.sign.name()),
            (_, BIO) => return None,
            (_, post) if !self.languages.is_usual(post) => return None,
            _ => "open".to_owned(),
        };
        self.chosen(self.lines(&section, self.slots), known)
    }

    fn lines(&self, section: &str, slots: &Slots) -> Vec<Line> {
        let mut lines = self.language.lines(section, slots, None);
        let handle = self.judgement.profile.username.as_deref().unwrap_or_default();
        let start = Seeded::from_texts(&["opening", section, handle]).below(lines.len());
        lines.rotate_left(start);
        lines
    }

    /// The first line that may be sent and is not in use.
    fn chosen(&self, lines: Vec<Line>, known: &[Opening]) -> Option<Line> {
        let is_free = |line: &Line| {
            let is_short = line.text.chars().count() <= super::OPENER_CHARS_MAX;
            is_short && self.guard.allows(&line.text) && self.guard.allows(&line.english) && !is_like(line, known)
        };
        lines.into_iter().find(is_free)
    }

    /// For a profile without any text.
    fn of_nobody(&self) -> Opening {
        let lines = self.lines("own/bio", self.slots);
        let line = self.chosen(lines.clone(), &[]).or_else(|| lines.into_iter().next());
        let text = "Your profile made us curious.".to_owned();
        let quote = self.judgement.profile.username.clone().unwrap_or_default();
        Opening {
            hook: Hook { post: BIO.to_owned(), quote, sign: Sign::Plain },
            line: line.unwrap_or_else(|| Line { english: text.clone(), text }),
        }
    }
}

/// Whether a line ends as one of the others does: then it would be the same remark about another thing.
fn is_like(line: &Line, known: &[Opening]) -> bool {
    let end = |text: &str| text.split(' ').rev().take(4).collect::<Vec<_>>().join(" ");
    known.iter().any(|known| end(&known.line.text) == end(&line.text))
}
