//! Texts that replace those of a generated person, so that a test decides what a profile says.
//!
//! Promises: numbers, dates and everything else of the person stay as generated; both scrapers show the same texts;
//! other people do not change. Kept in memory only.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::Deserialize;

/// The most people who can be rewritten; a test that needs more has a bug.
const PEOPLE_MAX: usize = 10_000;

/// The new texts of one person.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rewrite {
    pub(crate) username: String,
    /// `None` keeps the generated one.
    pub(super) biography: Option<String>,
    /// For the newest posts, the newest first; older posts keep their captions.
    #[serde(default)]
    pub(super) captions: Vec<String>,
}

/// Everybody who was rewritten, by lower-case handle.
#[derive(Default)]
pub(super) struct Rewrites(Mutex<HashMap<String, Rewrite>>);

impl Rewrites {
    /// Replaces the person's texts, also those of an earlier rewrite. A rewrite without any text brings the generated
    /// ones back.
    pub(super) fn put(&self, rewrite: Rewrite) -> Result<(), String> {
        let handle = rewrite.username.to_ascii_lowercase();
        let mut people = self.0.lock();
        if rewrite.biography.is_none() && rewrite.captions.is_empty() {
            people.remove(&handle);
            return Ok(());
        }
        if people.len() >= PEOPLE_MAX && !people.contains_key(&handle) {
            return Err(format!("{PEOPLE_MAX} people are rewritten already"));
        }
        people.insert(handle, rewrite);
        Ok(())
    }

    pub(super) fn of(&self, handle: &str) -> Option<Rewrite> {
        self.0.lock().get(handle).cloned()
    }
}

/// The words of a text that begin with `#` or `@`, without that sign, as the scraper lists them.
pub(super) fn marked_words(text: &str, sign: char) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let word = |rest: &str| rest.chars().take_while(|c| is_part(*c)).collect::<String>();
    text.split(sign).skip(1).map(word).filter(|word| !word.is_empty()).collect()
}
