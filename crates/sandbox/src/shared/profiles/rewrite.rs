//! What replaces texts and times of a generated person, so that a test decides what a profile says and when it is seen.
//!
//! Promises: numbers and everything else of the person stay as generated; both scrapers show the same; other people do
//! not change. Kept in memory only.

use std::{collections::HashMap, ops::RangeInclusive};

use parking_lot::Mutex;
use serde::Deserialize;

/// The most people who can be rewritten; a test that needs more has a bug.
const PEOPLE_MAX: usize = 10_000;

/// How often a person may post, in days between posts.
const CADENCE_DAYS: RangeInclusive<f64> = 0.1..=365.0;
/// How long ago a scrape may be said to be: a year.
const AGO_S_MAX: u64 = 365 * 86_400;

/// The new texts and times of one person.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rewrite {
    pub(crate) username: String,
    /// `None` keeps the generated one.
    pub(super) biography: Option<String>,
    /// For the newest posts, the newest first; older posts keep their captions.
    #[serde(default)]
    pub(super) captions: Vec<String>,
    /// Days between posts; `None` keeps the generated number.
    pub(super) cadence_days: Option<f64>,
    /// Scrapes of this person take place so long ago: by the dates of their runs, and by the posts that were there then.
    pub(super) ago_s: Option<u64>,
}

impl Rewrite {
    fn changes_nothing(&self) -> bool {
        self.biography.is_none() && self.captions.is_empty() && self.cadence_days.is_none() && self.ago_s.is_none()
    }
}

/// Everybody who was rewritten, by lower-case handle.
#[derive(Default)]
pub(super) struct Rewrites(Mutex<HashMap<String, Rewrite>>);

impl Rewrites {
    /// Replaces the person's texts and times, also those of an earlier rewrite. A rewrite without any brings the
    /// generated ones back.
    pub(super) fn put(&self, rewrite: Rewrite) -> Result<(), String> {
        if rewrite.cadence_days.is_some_and(|days| !CADENCE_DAYS.contains(&days)) {
            return Err("cadence_days must be 0.1 to 365".into());
        }
        if rewrite.ago_s.is_some_and(|ago_s| ago_s > AGO_S_MAX) {
            return Err(format!("ago_s must be at most {AGO_S_MAX}"));
        }
        let handle = rewrite.username.to_ascii_lowercase();
        let mut people = self.0.lock();
        if rewrite.changes_nothing() {
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
