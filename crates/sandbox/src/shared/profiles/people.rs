//! The words that generated people are made of: `data/people.json`.

use serde::Deserialize;

use crate::shared::error::SandboxError;

/// What people of one niche are like; the judge recognises a niche by the same words.
#[derive(Debug, Deserialize)]
pub(crate) struct Niche {
    pub(crate) name: String,
    /// A handle that contains one of these belongs to the niche.
    pub(super) handle_words: Vec<String>,
    /// Words that speak of the niche.
    pub(crate) words: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) offers: Vec<String>,
    pub(super) tags: Vec<String>,
}

/// A language other than English.
#[derive(Debug, Deserialize)]
pub(super) struct Language {
    /// Its captions are in the file with this name.
    pub(super) tag: String,
    /// Lines of biographies.
    pub(super) biographies: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct People {
    pub(super) niches: Vec<Niche>,
    pub(super) first_names: Vec<String>,
    pub(super) last_names: Vec<String>,
    pub(super) cities: Vec<String>,
    pub(super) languages: Vec<Language>,
}

impl People {
    /// Reads the data that is compiled in.
    pub(super) fn load() -> Result<Self, SandboxError> {
        serde_json::from_str(include_str!("../../../data/people.json"))
            .map_err(|error| SandboxError::Corrupt { what: "people.json".into(), why: error.to_string() })
    }
}
