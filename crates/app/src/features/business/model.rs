//! The business context that a run judges against, and the profile it comes from, as customers see it. The context is
//! read once, when the run begins to work, and remembered by the run, so that an edit during the run cannot make its AI
//! calls disagree.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shared::{
    clock::read_time,
    ids::{AccountId, BusinessProfileId},
};

/// A business and its ideal customer. The fields with a default are younger than what some runs still remember.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusinessContext {
    pub id: BusinessProfileId,
    pub name: String,
    /// What it offers.
    pub offering: String,
    /// Whom it wants to reach, in the customer's words.
    pub target_audience: String,
    /// How it writes to people, in the customer's words.
    #[serde(default)]
    pub voice: Option<String>,
    /// Phrases that no message may hold.
    #[serde(default)]
    pub do_not_say: Vec<String>,
    /// Names of its competitors.
    #[serde(default)]
    pub competitors: Vec<String>,
    /// Facts that a message may claim.
    #[serde(default)]
    pub proof_points: Vec<String>,
    /// The ideal customer, as checkable criteria.
    pub ideal_customer: IdealCustomer,
    /// Rises with every change that reaches a prompt.
    pub context_version: i32,
}

/// Criteria of the ideal customer profile (ICP). An absent criterion does not count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IdealCustomer {
    /// Fewest followers.
    pub follower_min: Option<u64>,
    /// Most followers.
    pub follower_max: Option<u64>,
    /// Lowest engagement rate, percent of followers who like or comment on a post.
    pub engagement_rate_min_percent: Option<f64>,
    /// Words that the content should be about.
    #[serde(default)]
    pub content_themes: Vec<String>,
    /// Places where the customer should be.
    #[serde(default)]
    pub geographies: Vec<String>,
}

/// A business profile as its customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BusinessProfile {
    /// Its id.
    pub id: BusinessProfileId,
    /// The account that it belongs to.
    pub account_id: AccountId,
    /// The business's name.
    pub name: String,
    /// What it offers.
    pub offering: String,
    /// Whom it wants to reach, in the customer's words.
    pub target_audience: String,
    /// How it writes to people, in the customer's words.
    pub voice: Option<String>,
    /// Phrases that no message may hold.
    pub do_not_say: Vec<String>,
    /// Names of its competitors.
    pub competitors: Vec<String>,
    /// Facts that a message may claim.
    pub proof_points: Vec<String>,
    /// The ideal customer, as checkable criteria.
    pub ideal_customer: IdealCustomer,
    /// Rises with every change that reaches a prompt.
    pub context_version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What `create_business_profile` decided.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CreateOutcome {
    /// It exists now.
    #[serde(rename = "ok")]
    Created {
        /// The new profile.
        profile: Box<BusinessProfile>,
    },
    /// The same idempotency key with the same body.
    Replay {
        /// The profile that was made then, as it is now.
        profile: Box<BusinessProfile>,
    },
    /// The same idempotency key with another body.
    IdempotencyKeyReused,
    /// The account has as many as it may.
    #[serde(rename = "limit")]
    LimitReached {
        /// How many profiles an account may have.
        live_max: u32,
    },
    /// Not a member, or the account is closed.
    Forbidden,
}

/// What `update_business_profile` decided.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum UpdateOutcome {
    /// Nothing stood in its way.
    #[serde(rename = "ok")]
    Updated {
        /// The profile as it is now.
        profile: Box<BusinessProfile>,
    },
    /// The change was meant for another version than this one.
    OtherVersion {
        /// The version that the profile has.
        context_version: i32,
    },
    /// Together with the stored limits, `follower_min` would be greater than `follower_max`.
    FollowerRange,
    /// No such profile in this account, or deleted.
    NotFound,
}

/// A position in the list of profiles, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusinessProfileCursor {
    /// When the last profile seen was made.
    pub created_at: Timestamp,
    /// Settles ties of `created_at`.
    pub id: BusinessProfileId,
}

impl fmt::Display for BusinessProfileCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither part can contain the separator.
        write!(f, "{}|{}", self.created_at, self.id)
    }
}

impl FromStr for BusinessProfileCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (created_at, id) = text.split_once('|').ok_or(InvalidCursor)?;
        Ok(Self { created_at: read_time(created_at).ok_or(InvalidCursor)?, id: id.parse().map_err(|_| InvalidCursor)? })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_context_that_a_run_remembered_before_there_were_voice_and_lists_is_read() {
        let remembered = json!({
            "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "name": "Fuel", "offering": "Meals.",
            "target_audience": "Runners.", "ideal_customer": {}, "context_version": 3
        });
        let context: BusinessContext = serde_json::from_value(remembered).unwrap();
        assert_eq!((context.voice, context.context_version), (None, 3));
        assert!(context.do_not_say.is_empty() && context.competitors.is_empty() && context.proof_points.is_empty());
    }
}
