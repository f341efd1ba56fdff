//! Leads and their history as customers see them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Changes, LeadOutcome, LeadStatus, Mark, Tag};
use crate::{
    features::analysis::JudgedProfile,
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, AnalysisId, BusinessProfileId, LeadId, RunId, UserId},
    },
};

/// A scored Instagram profile of one account and business profile. `O` says how much is told of how it turned out: a
/// list tells the word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Lead")]
pub struct Lead<O = LeadOutcome> {
    /// Its id.
    pub id: LeadId,
    /// The account that it belongs to.
    pub account_id: AccountId,
    /// For which business.
    pub business_profile_id: BusinessProfileId,
    /// The Instagram username that was analysed.
    pub username: String,
    /// The present username, if the profile has been renamed; else null.
    #[serde(default)]
    pub renamed_to: Option<String>,
    /// The profile on Instagram, by its present username.
    pub profile_url: String,
    /// The name shown on the profile.
    pub display_name: Option<String>,
    /// The profile's own words.
    pub biography: Option<String>,
    /// How many follow it.
    pub followers: Option<u64>,
    /// How many it follows.
    pub following: Option<u64>,
    /// How many posts it has.
    pub posts: Option<u64>,
    /// Instagram's category.
    pub category: Option<String>,
    /// The profile's link.
    pub external_url: Option<String>,
    /// The path of our copy of its picture; null for a profile without a picture.
    #[serde(default)]
    pub profile_picture: Option<String>,
    /// Whether Instagram has verified it.
    pub is_verified: bool,
    /// Whether it is a business account.
    pub is_business: bool,
    /// How well it fits, 0 to 100, by the latest analysis.
    pub score: u8,
    /// How it turned out, as the customer said; null when they said nothing, or took it back.
    pub outcome: Option<O>,
    /// How far the work with it is, or how it ended: `won` and `lost` go with the outcome.
    pub status: LeadStatus,
    /// Whose it is: a person of the account; null for nobody.
    pub owner_id: Option<UserId>,
    /// What it is sorted by, in small letters.
    pub tags: Vec<Tag>,
    /// The analysis of the facts above: of the newest scrape, and of several of that scrape the newest.
    pub latest_analysis: Option<LatestAnalysis>,
    /// When the profile was scraped.
    pub scraped_at: Timestamp,
    /// When it was found.
    pub created_at: Timestamp,
    /// When an analysis last changed it.
    pub updated_at: Timestamp,
}

/// What a list says of a lead's latest analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatestAnalysis {
    /// Its id.
    pub id: AnalysisId,
    /// The run that made it.
    pub run_id: RunId,
    /// How deep it went.
    pub analysis_type: AnalysisType,
    /// The judgement in a sentence or two.
    pub summary: Option<String>,
    /// Whether the profile is known to have changed since.
    pub is_stale: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One analysis of a lead, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Analysis {
    /// Its id.
    pub id: AnalysisId,
    /// The run that made it.
    pub run_id: RunId,
    /// How deep it went.
    pub analysis_type: AnalysisType,
    /// How well the profile fitted, 0 to 100.
    pub score: u8,
    /// The model that judged.
    pub model: String,
    /// Who ran the model; `sandbox` for the offline stand-in.
    pub provider: String,
    /// Whether the profile is known to have changed since.
    pub is_stale: bool,
    /// The judgement in a sentence or two.
    pub summary: Option<String>,
    /// When the judged profile was scraped.
    pub scraped_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// The profile as it was judged, if the analysis kept the whole of it.
    #[serde(default, skip_serializing, deserialize_with = "whole_profile")]
    pub profile: Option<JudgedProfile>,
}

/// A profile that an older version stored in less detail is read as `None`, so that the history stays readable.
fn whole_profile<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JudgedProfile>, D::Error> {
    let kept = Value::deserialize(deserializer)?;
    Ok(JudgedProfile::deserialize(kept).ok())
}

/// An analysis with what had changed since the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HistoryEntry {
    /// The analysis.
    #[serde(flatten)]
    pub analysis: Analysis,
    /// Null for the first analysis there was.
    pub changes: Option<Changes>,
}

/// A lead with its analyses, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LeadHistory {
    /// The lead.
    #[serde(flatten)]
    pub lead: Lead<Mark>,
    /// The newest of its analyses.
    pub analyses: Vec<HistoryEntry>,
}
