//! What the functions that delete something for a customer answer.

use jiff::Timestamp;
use serde::Deserialize;

/// A repeat answers the time of the first deletion.
#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Deletion {
    Deleted { deleted_at: Timestamp },
    NotFound,
}

impl From<Deletion> for Option<Timestamp> {
    fn from(deletion: Deletion) -> Self {
        match deletion {
            Deletion::Deleted { deleted_at } => Some(deleted_at),
            Deletion::NotFound => None,
        }
    }
}
