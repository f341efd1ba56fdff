//! The place of a value in an answer, and what its name asks for there.

use crate::shared::{
    judge::{
        judgement::Judgement,
        prose::{Prose, snake},
    },
    random::Seeded,
};

/// Property names that say nothing by themselves: the name of what they are part of counts instead.
const VAGUE: [&str; 15] = [
    "text",
    "value",
    "detail",
    "details",
    "description",
    "content",
    "point",
    "statement",
    "item",
    "note",
    "comment",
    "body",
    "summary",
    "score",
    "level",
];
/// Property names that ask what the thing they are part of is called.
const LABELS: [&str; 8] = ["name", "label", "title", "key", "kind", "heading", "dimension", "aspect"];

/// In these, a `name` is the person's name and not a label.
const PERSONS: [&str; 8] = ["profile", "person", "lead", "contact", "creator", "account", "owner", "decision_maker"];

/// The place of one value in the answer.
#[derive(Clone, Default)]
pub(super) struct Slot {
    /// The property's name; for the entries of a list, the list's name in the singular.
    pub(super) name: String,
    /// All names on the way here. It seeds the random choices, so that two places with one name differ.
    pub(super) path: String,
    /// The place in the innermost list.
    pub(super) place: usize,
    /// The sum of the places in the lists around that one, so that their entries differ too.
    pub(super) offset: usize,
    pub(super) depth: usize,
    /// Whether it stands in a list.
    pub(super) listed: bool,
    /// Whether it asks for the name of the thing that it is part of.
    pub(super) label: bool,
    /// Whether null is allowed.
    pub(super) nullable: bool,
}

impl Slot {
    pub(super) fn property(&self, name: &str) -> Self {
        let plain = snake(name);
        let person = PERSONS.iter().any(|word| self.name.contains(word));
        let label = !self.name.is_empty() && !person && LABELS.contains(&plain.as_str());
        let vague = label || VAGUE.contains(&plain.as_str());
        // At the top there is nothing else to go by.
        let own = if vague && !self.name.is_empty() { self.name.clone() } else { plain.clone() };
        let path = format!("{}.{plain}", self.path);
        Self { name: own, path, depth: self.depth + 1, label, nullable: false, ..*self }
    }

    pub(super) fn entry(&self, place: usize) -> Self {
        let (name, path) = (singular(&self.name), format!("{}[{place}]", self.path));
        let offset = self.offset + self.place;
        Self { name, path, place, offset, depth: self.depth + 1, listed: true, label: false, nullable: false }
    }

    pub(super) fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }

    /// Random numbers for this place and this person, the same in every answer.
    pub(super) fn seeded(&self, what: &str, judgement: &Judgement) -> Seeded {
        let handle = judgement.profile.username.as_deref().unwrap_or_default();
        Seeded::from_texts(&[what, &self.path, handle])
    }
}

/// What the values of an answer are made of.
pub(super) struct Subject<'a> {
    pub(super) judgement: &'a Judgement,
    pub(super) prose: Prose<'a>,
}

fn singular(name: &str) -> String {
    match name.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => name.strip_suffix('s').unwrap_or(name).to_owned(),
    }
}
