//! Chooses among the written sentences: each only once, in an order of the person's own.

use std::{collections::BTreeSet, sync::LazyLock};

use crate::shared::{
    judge::{judgement::Judgement, messages::Guard, subject},
    random::Seeded,
    texts::{Slots, Texts, words_of},
};

static INSIGHTS: LazyLock<Texts> = LazyLock::new(|| Texts::parse(include_str!("../../../../data/prose/insights.txt")));
static FIELDS: LazyLock<Texts> = LazyLock::new(|| Texts::parse(include_str!("../../../../data/prose/fields.txt")));

/// The longest sentence, in words.
pub(super) const WORDS_MAX: usize = 25;

pub(super) struct Writer {
    pub(super) slots: Slots,
    handle: String,
    guard: Guard,
    used: BTreeSet<String>,
}

impl Writer {
    pub(super) fn new(judgement: &Judgement) -> Self {
        Self {
            slots: subject::slots(judgement),
            handle: judgement.profile.username.clone().unwrap_or_default(),
            guard: Guard::of(judgement),
            used: BTreeSet::new(),
        }
    }

    /// A conclusion from these sections taken together.
    pub(super) fn insight(&mut self, sections: &[String], slots: &Slots, is_sent: bool) -> Option<String> {
        let lines: Vec<&'static str> = sections.iter().flat_map(|section| INSIGHTS.of(section)).copied().collect();
        self.chosen(&lines, &sections.join(" "), slots, is_sent)
    }

    /// A text of a section of the fields.
    pub(super) fn field(&mut self, section: &str) -> Option<String> {
        let slots = self.slots.clone();
        self.field_with(section, &slots)
    }

    pub(super) fn field_with(&mut self, section: &str, slots: &Slots) -> Option<String> {
        // Angle and offer are copied into messages.
        let is_sent = section.starts_with("angle") || section.starts_with("offer");
        self.chosen(FIELDS.of(section), section, slots, is_sent)
    }

    fn chosen(&mut self, lines: &[&'static str], name: &str, slots: &Slots, is_sent: bool) -> Option<String> {
        let start = Seeded::from_texts(&["prose", name, &self.handle]).below(lines.len());
        let (before, after) = lines.split_at_checked(start)?;
        let mut written = after.iter().chain(before).filter_map(|line| slots.fill(line));
        let fits = |text: &String| {
            let is_new = !self.used.contains(text);
            is_new && sentences_are_short(text) && (!is_sent || self.guard.keeps_silent(text))
        };
        let text = written.find(fits)?;
        self.used.insert(text.clone());
        Some(text)
    }
}

fn sentences_are_short(text: &str) -> bool {
    text.split(". ").all(|sentence| words_of(sentence) <= WORDS_MAX)
}
