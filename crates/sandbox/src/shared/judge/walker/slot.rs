//! Where in an answer a value stands, and what its name asks for there.

use crate::shared::{
    judge::{
        judgement::Judgement,
        prose::{Prose, snake},
    },
    random::Seeded,
};

/// Property names that say nothing of their own: the name of what they are part of counts.
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

/// Of these, a name is that of the person.
const PERSONS: [&str; 8] = ["profile", "person", "lead", "contact", "creator", "account", "owner", "decision_maker"];

/// Where in the answer a value stands.
#[derive(Clone, Default)]
pub(super) struct Slot {
    /// The property's name, or that of the list for its entries.
    pub(super) name: String,
    /// All names on the way here, which make two places of one name different.
    pub(super) path: String,
    /// The place in the innermost list.
    pub(super) place: usize,
    /// The places in the lists around that one, so that each of them says something else.
    pub(super) offset: usize,
    pub(super) depth: usize,
    /// Whether it stands in a list.
    pub(super) listed: bool,
    /// Whether it asks for what its surroundings are called.
    pub(super) label: bool,
    /// Whether null would do.
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

    /// Numbers that belong to this place and this person, the same in every answer.
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
