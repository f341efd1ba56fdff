//! Notes: what people write about a lead.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shared::{
    ids::{LeadId, NoteId, UserId},
    texts::paragraphs,
};

/// What somebody writes about a lead: lines and paragraphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteText(String);

impl NoteText {
    pub const CHARS_MAX: usize = 4_000;

    /// Trims, makes every line break a line feed, and checks.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        paragraphs(text, Self::CHARS_MAX).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A note about a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// Its place in the list.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub number: i64,
    /// The lead that it is about.
    pub lead_id: LeadId,
    pub text: String,
    /// Who wrote it: a user, or a key.
    pub author_id: UserId,
    /// Raised by every change.
    pub version: i32,
    pub created_at: Timestamp,
    /// When its text last changed.
    pub updated_at: Timestamp,
}

/// What became of a new note, or of a change to one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum NoteOutcome {
    #[serde(rename = "ok")]
    Done { note: Note },
    /// The account has no such lead.
    NotFound,
    /// The lead has no such note.
    NoteNotFound,
    /// Somebody else wrote it, and the caller does not manage members.
    NotAuthor,
    /// It has another version than the change is meant for.
    OtherVersion { version: i32 },
    /// The lead has as many as a lead may have.
    NoteLimit { of_lead_max: u32 },
    /// The account has made all the changes of leads of this UTC day.
    Limit { daily_max: u32, retry_after_s: u32 },
}

/// What became of deleting one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum NoteDeletion {
    /// A repeat answers the time of the first deletion.
    Deleted {
        deleted_at: Timestamp,
    },
    NotFound,
    NoteNotFound,
    NotAuthor,
}
