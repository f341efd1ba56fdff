//! Everything that the answers about one profile say, whichever of them is asked for.
//!
//! Promises: no phrase is quoted and no sentence written twice, neither within an answer nor in two sections of one
//! analysis; so the sections, which are asked for side by side, are parts of one plan that each call makes anew.

mod claims;
mod fields;
mod role;
mod style;
mod writer;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) use claims::Claim;
pub(super) use role::{Role, role};

use super::{judgement::Judgement, messages::Messages};
use writer::Writer;

/// The answers about one profile, as far as they are known by the names of their properties.
#[derive(Clone)]
pub(super) struct Plan {
    /// Entries with evidence, by the name of their list.
    claims: BTreeMap<&'static str, Vec<Claim>>,
    /// Texts and lists of texts, by name.
    texts: BTreeMap<&'static str, Value>,
    /// Choices from a list of options, by name.
    choices: BTreeMap<&'static str, &'static str>,
}

impl Plan {
    pub(super) fn of(judgement: &Judgement) -> Self {
        let messages = Messages::to(judgement);
        let mut writer = Writer::new(judgement);
        let claims = claims::all(judgement, &messages.hooks, &mut writer);
        let mut texts = fields::all(judgement, messages.language, &mut writer);
        for (name, text) in [
            ("language", json!(messages.language.tag())),
            ("opener", json!(messages.opener)),
            ("message", json!(messages.message)),
            ("follow_up", json!(messages.follow_up)),
            ("gloss", json!(messages.gloss)),
            ("outreach_opener", json!(messages.first_lines)),
            ("outreach_opener.gloss", json!(messages.first_lines_gloss)),
        ] {
            texts.insert(name, text);
        }
        let has_signs = claims.get("signs").is_some_and(|signs| !signs.is_empty());
        Self { choices: role::choices(judgement, &messages, has_signs), claims, texts }
    }

    /// The entries of a list with evidence; those of no known list are observations.
    pub(super) fn claims(&self, list: &str) -> &[Claim] {
        self.claims.get(list).or_else(|| self.claims.get("other")).map_or(&[], Vec::as_slice)
    }

    /// The value of a property with this name: a text, a list of texts, or null.
    pub(super) fn text(&self, name: &str) -> Option<&Value> {
        self.texts.get(name)
    }

    /// The option that is chosen for a property with this name.
    pub(super) fn choice(&self, name: &str) -> Option<&'static str> {
        self.choices.get(name).copied()
    }
}

#[cfg(test)]
mod tests;
