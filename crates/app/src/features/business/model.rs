//! The business context that a run judges against. It is read once, when the run begins to work, and remembered by the
//! run, so that an edit in mid-run cannot make its AI calls disagree.

use serde::{Deserialize, Serialize};

use crate::shared::ids::BusinessProfileId;

/// A business and its ideal customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusinessContext {
    /// The business profile.
    pub id: BusinessProfileId,
    /// The business's name.
    pub name: String,
    /// What it offers.
    pub offering: String,
    /// Whom it wants to reach, in the customer's words.
    pub target_audience: String,
    /// The ideal customer, as checkable criteria.
    pub ideal_customer: IdealCustomer,
    /// Rises with every change that reaches a prompt.
    pub context_version: i32,
}

/// Criteria of the ideal customer profile (ICP). An absent criterion does not count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
