//! Erasures, and what operators say to have one.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{features::profiles::InstagramHandle, shared::ids::RunId};

/// Instagram's own id of a profile: 1 to 30 digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstagramId(String);

impl InstagramId {
    const CHARS_MAX: usize = 30;

    /// Reads what was sent; `None` if it is no id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_id = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_id.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for InstagramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the operator knows that the profile's owner wants it: 1 to 1,000 characters, such as the number of a ticket. It ends 90 days
/// after the erasure.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof(String);

impl Proof {
    const CHARS_MAX: usize = 1_000;

    /// Reads what was sent; `None` if it is empty or too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=Self::CHARS_MAX).contains(&text.chars().count()) && !text.contains('\0');
        fits.then(|| Self(text.to_owned()))
    }

    /// What is stored.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Keeps proofs out of logs.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof")
    }
}

/// Whom an operator has erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewErasure {
    pub id: Uuid,
    pub username: InstagramHandle,
    /// Where it is known; otherwise it is looked for.
    pub instagram_id: Option<InstagramId>,
    pub proof: Proof,
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// Analyses are refused; the job erases what there is.
    Open,
    /// Nothing is left that ends by our doing.
    Done,
}

/// An erasure. It does not say whose it is: once it is done, nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Erasure {
    pub id: Uuid,
    pub state: ErasureState,
    pub requested_at: Timestamp,
    /// When the newest name of the subject became known.
    pub found_at: Timestamp,
    pub done_at: Option<Timestamp>,
}

/// What became of a request to erase somebody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginOutcome {
    Begun {
        erasure: Erasure,
    },
    /// They are, or were, being erased: it is worked off once more.
    Repeated {
        erasure: Erasure,
    },
    /// The reason or the proof names the subject, and would stay.
    NamesSubject,
}

/// An erasure to work off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OpenErasure {
    pub id: Uuid,
    pub usernames: Vec<InstagramHandle>,
    pub instagram_ids: Vec<InstagramId>,
    pub found_at: Timestamp,
}

/// What one transaction of the erasure did in the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Slice {
    /// Runs of which the engine may remember something; at most a hundred. Their names go once it is told to forget them.
    pub instances: Vec<RunId>,
    /// Runs, leads and bills that it took.
    pub taken: u32,
    /// Whether some are left.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_digits_and_proofs_say_something() {
        assert_eq!(InstagramId::parse(" 123 ").unwrap().to_string(), "123");
        for bad in ["", "12a", "-1", "1 2", &"1".repeat(31)] {
            assert_eq!(InstagramId::parse(bad), None, "{bad:?}");
        }
        assert!(Proof::parse(&"ü".repeat(1_000)).is_some());
        for bad in ["", "  ", "a\0b", &"ü".repeat(1_001)] {
            assert_eq!(Proof::parse(bad), None);
        }
        assert_eq!(format!("{:?}", Proof::parse("ticket 7").unwrap()), "Proof");
    }
}
