//! Messages to the person behind a profile, in the person's language.
//!
//! Promises: an opener of at most 120 characters about one thing of a post; a message of at most 600 that begins with it
//! and ends in its only question; a follow-up of at most 300; nothing in them that [`Guard`] forbids.

mod guard;
mod hooks;
mod language;
mod lines;

pub(super) use guard::Guard;
pub(super) use hooks::Hook;
pub(super) use language::Language;

use hooks::Opening;
use language::Languages;
use lines::Line;

use super::{judgement::Judgement, subject};
use crate::shared::{
    random::Seeded,
    texts::{Slots, capitalised},
};

const OPENER_CHARS_MAX: usize = 120;
const MESSAGE_CHARS_MAX: usize = 600;
const FOLLOW_UP_CHARS_MAX: usize = 300;
/// Of the quick analysis.
const FIRST_LINES_CHARS_MAX: usize = 300;
/// A longer proof point would fill the message.
const PROOF_CHARS_MAX: usize = 140;
/// Below this relevance, a message offers nothing.
const OFFER_RELEVANCE_MIN: u8 = 40;
const PROOF_RELEVANCE_MIN: u8 = 70;

/// Everything that is written to one person.
#[derive(Debug)]
pub(super) struct Messages {
    pub(super) language: Language,
    /// What the opener and the follow-up refer to.
    pub(super) hooks: Vec<Hook>,
    pub(super) opener: String,
    pub(super) message: String,
    pub(super) follow_up: String,
    /// Message and follow-up in English; none where they are.
    pub(super) gloss: Option<String>,
    /// The first one or two sentences, without an offer.
    pub(super) first_lines: String,
    pub(super) first_lines_gloss: Option<String>,
}

impl Messages {
    pub(super) fn to(judgement: &Judgement) -> Self {
        let languages = Languages::of(&judgement.profile.entries);
        let composer = Composer::new(judgement, languages.most);
        let (first, second) = hooks::openings(judgement, &languages, &composer.slots, &composer.guard);
        let opener = first.line.clone();
        let message = composer.message(&opener);
        let follow_up = composer.follow_up(second.as_ref());
        let first_lines = composer.first_lines(&opener);
        let is_foreign = composer.language != Language::English;
        Self {
            language: composer.language,
            gloss: is_foreign.then(|| format!("{}\n{}", message.english, follow_up.english)),
            first_lines_gloss: is_foreign.then_some(first_lines.english),
            opener: opener.text,
            message: message.text,
            follow_up: follow_up.text,
            first_lines: first_lines.text,
            hooks: std::iter::once(first).chain(second).map(|opening| opening.hook).collect(),
        }
    }
}

struct Composer<'a> {
    judgement: &'a Judgement,
    language: Language,
    guard: Guard,
    slots: Slots,
}

impl<'a> Composer<'a> {
    fn new(judgement: &'a Judgement, language: Language) -> Self {
        let guard = Guard::of(judgement);
        let mut slots = subject::slots(judgement);
        // A name that looks like an address, or is forbidden, stays away.
        let name = judgement.business.name.as_deref().filter(|name| guard.allows(name) && !name.contains(['.', '?']));
        if name.is_none() {
            slots = slots.without("business");
        }
        if judgement.business.offer.is_none() {
            slots = slots.without("offer");
        }
        Self { judgement, language, guard, slots }
    }

    /// The lines of a section that may be sent, in an order of the person's own.
    fn lines(&self, section: &str) -> Vec<Line> {
        let mut lines = self.language.lines(section, &self.slots, self.judgement.business_niche.as_deref());
        lines.retain(|line| self.guard.allows(&line.text) && self.guard.allows(&line.english));
        let handle = self.judgement.profile.username.as_deref().unwrap_or_default();
        let start = Seeded::from_texts(&["message", section, handle]).below(lines.len());
        lines.rotate_left(start);
        lines
    }

    /// Lines of the person's niche, and after them those for everybody.
    fn lines_of_niche(&self, section: &str) -> Vec<Line> {
        let niche = self.judgement.niche.as_deref().map(|niche| format!("{section}/{niche}"));
        let own = niche.filter(|_| self.language == Language::English).map(|section| self.lines(&section));
        own.into_iter().flatten().chain(self.lines(section)).collect()
    }

    /// What the business does, in one or two sentences.
    fn bridge(&self) -> Vec<Line> {
        let relevance = self.judgement.relevance;
        if relevance < OFFER_RELEVANCE_MIN {
            return ["bridge.low", "bridge.far", "bridge.stranger"].iter().flat_map(|part| self.lines(part)).collect();
        }
        // The fuller first; the last need neither a name nor an offer that fits into a sentence.
        let parts = ["bridge", "bridge.nameless", "bridge.bare", "bridge.nobody"];
        let bridge: Vec<Line> = parts.iter().flat_map(|part| self.lines(part)).collect();
        let proof = self.proof().filter(|_| relevance >= PROOF_RELEVANCE_MIN);
        let with_proof = proof.zip(bridge.first()).map(|(proof, bridge)| self.joined(&[bridge, &proof]));
        with_proof.into_iter().chain(bridge).collect()
    }

    /// A proof point of the business, which is in English.
    fn proof(&self) -> Option<Line> {
        if self.language != Language::English {
            return None;
        }
        let fits = |proof: &&String| proof.chars().count() <= PROOF_CHARS_MAX && !proof.contains(['?', '!', ':']);
        let proof =
            self.judgement.business.proof_points.iter().find(|proof| fits(proof) && self.guard.allows(proof))?;
        let text = format!("{}.", capitalised(proof.trim_end_matches('.')));
        Some(Line { english: text.clone(), text })
    }

    fn message(&self, opener: &Line) -> Line {
        let questions = self.lines_of_niche("question");
        let bridge = self.bridge();
        let whole = bridge.iter().flat_map(|bridge| questions.iter().map(move |question| (bridge, question)));
        let mut whole = whole.map(|(bridge, question)| self.joined(&[opener, bridge, question]));
        let short = || questions.first().map(|question| self.joined(&[opener, question]));
        whole.find(|line| self.may_be_sent(line, MESSAGE_CHARS_MAX)).or_else(short).unwrap_or_else(|| opener.clone())
    }

    /// Another thing that they wrote, where there is one, and a thought that can be used without an answer.
    fn follow_up(&self, opening: Option<&Opening>) -> Line {
        let thoughts = self.lines_of_niche("thought");
        let whole = thoughts.iter().filter_map(|thought| Some(self.joined(&[&opening?.line, thought])));
        let mut sendable = whole.chain(thoughts.clone()).filter(|line| self.may_be_sent(line, FOLLOW_UP_CHARS_MAX));
        let nothing = || Line { text: String::new(), english: String::new() };
        sendable.next().or_else(|| opening.map(|opening| opening.line.clone())).unwrap_or_else(nothing)
    }

    fn first_lines(&self, opener: &Line) -> Line {
        let questions = self.lines_of_niche("question");
        // Another one than the message's, so that both may be read side by side.
        let mut whole =
            questions.iter().cycle().skip(1).take(questions.len()).map(|question| self.joined(&[opener, question]));
        whole.find(|line| self.may_be_sent(line, FIRST_LINES_CHARS_MAX)).unwrap_or_else(|| opener.clone())
    }

    fn joined(&self, lines: &[&Line]) -> Line {
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let english: Vec<&str> = lines.iter().map(|line| line.english.as_str()).collect();
        Line { text: texts.join(self.language.blank()), english: english.join(" ") }
    }

    fn may_be_sent(&self, line: &Line, chars_max: usize) -> bool {
        line.text.chars().count() <= chars_max && self.guard.allows(&line.text) && self.guard.allows(&line.english)
    }
}

#[cfg(test)]
mod tests;
