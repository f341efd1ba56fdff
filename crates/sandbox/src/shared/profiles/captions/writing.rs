//! Puts a caption together.
//!
//! Each person goes through the sentences in an order of their own, and each post begins where its neighbour ended; so a
//! sentence returns only when all others have had their turn, and then with other words in it.

use super::PARTS;
use crate::shared::{
    random::Seeded,
    texts::{Texts, alternative},
};

/// A caption that fills a page has so many characters, where there is enough to say.
const PAGE_CHARS: (f64, f64) = (820.0, 1_350.0);
/// The kinds of details.
const KINDS: usize = 3;
/// So many remarks are made before the first one returns, and then it is about another thing.
const FRAMES: usize = 22;
/// By which turns they come: there are more remarks than the niche has details of its own.
const ORDER: [usize; 4] = [0, 1, 2, 1];
/// A post's second detail of a kind comes from so much further on, where its neighbours are not yet.
const LEAP: usize = 23;
/// The share of captions that begin with a detail.
const BEGINS_WITH_DETAIL: f64 = 0.4;
/// Through the sentences, one is taken in so many.
const STEPS: [usize; 6] = [5, 7, 11, 13, 3, 1];
const EMOJI: [&str; 8] = ["✨", "🙏", "😂", "🌿", "☀️", "👀", "🤍", "🙌"];

pub(super) struct Writing<'a> {
    place: usize,
    /// Where the person begins in the lists of sentences.
    shift: usize,
    parts: &'static Texts,
    everyday: Option<&'static Texts>,
    /// How many details of each kind were taken.
    taken: [usize; KINDS],
    random: &'a mut Seeded,
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        username: &str,
        place: usize,
        parts: &'static Texts,
        is_english: bool,
        random: &'a mut Seeded,
    ) -> Self {
        let everyday = if is_english { PARTS.get("everyday") } else { None };
        let shift = Seeded::from_texts(&["shift", username]).below(100_000);
        Self { shift, place, parts, everyday, taken: [0; KINDS], random }
    }

    pub(super) fn caption(mut self) -> String {
        match self.random.below(100) {
            0..=8 => self.sentence("short").unwrap_or_default(),
            9..=24 => self.post(1, 0.2, 0.2),
            25..=54 => self.post(2, 0.3, 0.25),
            55..=92 => self.post(4, 0.35, 0.35),
            _ => self.page(),
        }
    }

    /// The sentence of a section whose turn it is.
    fn sentence(&self, section: &str) -> Option<String> {
        self.turn(self.parts, section, self.place)
    }

    fn turn(&self, parts: &'static Texts, section: &str, turn: usize) -> Option<String> {
        let lines = parts.of(section);
        let count = lines.len().max(1);
        // Steps of a length that shares no factor with the count reach every line before one returns.
        let step = STEPS.iter().map(|step| step + self.shift % 3).find(|step| is_coprime(*step, count)).unwrap_or(1);
        let at = (self.shift + turn * step) % count;
        Some(alternative(lines.get(at)?, self.shift / 7 + at + turn / count))
    }

    /// A detail of the niche, a remark about one of its things, or something of everybody's days: by turns.
    fn detail(&mut self, place: usize) -> Option<String> {
        // Other languages have only what their own file says.
        let kind = if self.everyday.is_some() { ORDER.get(place % ORDER.len()).copied()? } else { 0 };
        let taken = self.taken.get_mut(kind)?;
        let turn = self.place + *taken * LEAP;
        *taken += 1;
        match kind {
            0 => self.turn(self.parts, "detail", turn),
            1 => self.remark(turn),
            _ => self.turn(self.everyday?, "detail", turn),
        }
    }

    /// A sentence that fits every niche, about a thing of this one.
    fn remark(&self, turn: usize) -> Option<String> {
        let remark = self.turn(PARTS.get("frames")?, "detail", turn)?;
        let things = self.parts.of("thing");
        // The frames return before the things do, so that each has another thing then.
        let thing = things.get((self.shift / 11 + turn + turn / FRAMES * 5) % things.len().max(1))?;
        Some(remark.replace("THING", thing))
    }

    /// An opening, some details, and perhaps a closing and a question to the readers.
    fn post(&mut self, details: usize, closes: f64, asks: f64) -> String {
        let begins_with_detail = self.random.chance(BEGINS_WITH_DETAIL);
        let opening = if begins_with_detail { None } else { self.sentence("opening") };
        let details = details + usize::from(begins_with_detail);
        let first = self.random.below(ORDER.len());
        let mut rest: Vec<String> = (first..first + details).filter_map(|place| self.detail(place)).collect();
        if self.random.chance(closes) {
            rest.extend(self.sentence("closing"));
        }
        let question = if self.random.chance(asks) { self.sentence("question") } else { None };
        if self.random.chance(0.15) {
            rest.push(self.random.pick(&EMOJI).copied().unwrap_or_default().to_owned());
        }
        let blank = if self.random.chance(0.4) { "\n" } else { " " };
        let text: Vec<String> =
            opening.into_iter().chain(Some(rest.join(" "))).filter(|text| !text.is_empty()).collect();
        text.join(blank) + &question.map_or_else(String::new, |question| format!("\n{question}"))
    }

    /// A page in paragraphs.
    fn page(&mut self) -> String {
        let wanted = self.random.between(PAGE_CHARS.0, PAGE_CHARS.1) as usize;
        let mut page = self.sentence("opening").unwrap_or_default();
        // Another language has fewer sentences.
        let details = self.parts.of("detail").len() / 2;
        let mut place = 0;
        while page.chars().count() < wanted {
            let more = (self.everyday.is_some() || place < details).then(|| self.detail(place));
            let Some(sentence) = more.flatten() else { break };
            page.push_str(if place % 3 == 0 { "\n\n" } else { " " });
            page.push_str(&sentence);
            place += 1;
        }
        for end in [self.sentence("closing"), self.sentence("question")].into_iter().flatten() {
            page.push_str(&format!("\n\n{end}"));
        }
        page
    }
}

fn is_coprime(one: usize, other: usize) -> bool {
    let (mut one, mut other) = (one, other);
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one == 1
}
