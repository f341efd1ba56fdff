//! How leads turned out: what customers say of them, and what is exported of those that were judged by it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    features::{business::IdealCustomer, judging::Role},
    shared::{
        analysis_type::AnalysisType,
        ids::{AnalysisId, LeadId},
    },
};

/// How a lead turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadOutcome {
    /// They became a customer.
    Won,
    /// They did not become a customer.
    Lost,
    /// The judgement was wrong from the start: there never was a lead.
    Wrong,
}

impl LeadOutcome {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Wrong => "wrong",
        }
    }
}

/// The present mark of a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// How the lead turned out.
    pub outcome: LeadOutcome,
    /// When it was said.
    pub marked_at: Timestamp,
    /// What it judges: the analysis that was the lead's latest when it was said.
    pub analysis_id: AnalysisId,
    /// The score of that analysis.
    pub score: u8,
}

/// The newest mark of a lead, which may take back what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewestMark {
    /// The lead.
    pub lead_id: LeadId,
    /// How it turned out; null when it has no mark.
    pub outcome: Option<LeadOutcome>,
    /// The analysis that was the lead's latest at that time; null when nothing was ever said of the lead.
    pub analysis_id: Option<AnalysisId>,
    /// The score of that analysis; null when nothing was ever said of the lead.
    pub score: Option<u8>,
    /// When it was said, or taken back; a repeat answers the same time. Null when nothing was ever said of the lead.
    pub marked_at: Option<Timestamp>,
}

/// What came of marking a lead.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum MarkOutcome {
    /// The lead is marked so, by this request or an earlier one.
    Marked { mark: NewestMark },
    /// The account has made all the marks of this UTC day.
    Limit { daily_max: u32, retry_after_s: u32 },
    /// The account has no such lead.
    NotFound,
}

/// One line of the export: how a lead turned out, and how it had been judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedOutcome {
    /// Its place in the list.
    #[serde(skip_serializing)]
    pub id: i64,
    pub outcome: LeadOutcome,
    pub marked_at: Timestamp,
    /// How deep the analysis went that the mark judges.
    pub analysis_type: AnalysisType,
    pub score: u8,
    /// The verdict of that analysis; of one that did not store it, null.
    pub fit_score: Option<u8>,
    pub confidence: Option<u8>,
    pub role: Option<Role>,
    pub seems_minor: Option<bool>,
    /// As it is now.
    pub business: JudgedBusiness,
    /// The profile as it was judged, as the analysis stored it.
    pub profile: Value,
    /// What was computed from it, as the analysis stored it.
    pub facts: Value,
}

/// For whom a lead was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedBusiness {
    pub name: String,
    pub offering: String,
    pub target_audience: String,
    pub ideal_customer: IdealCustomer,
}
