//! Requests, runs and what they answer.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AnalysisResult;
use crate::{
    features::{
        business::BusinessContext,
        profiles::{InstagramHandle, InvalidHandle},
    },
    shared::{
        analysis_type::{AnalysisType, UnknownAnalysisType},
        ids::{AccountId, AnalysisId, BusinessProfileId, LeadId, RunId},
    },
};

/// What is wrong with a request, before anything was asked of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// Not an Instagram username.
    #[error("not an Instagram username")]
    Username,
    /// Not a known analysis type.
    #[error("not a known analysis type")]
    AnalysisType,
    /// Not a UUID.
    #[error("business_profile_id is not a UUID")]
    BusinessProfileId,
}

impl From<InvalidHandle> for InvalidRequest {
    fn from(InvalidHandle: InvalidHandle) -> Self {
        Self::Username
    }
}

impl From<UnknownAnalysisType> for InvalidRequest {
    fn from(UnknownAnalysisType: UnknownAnalysisType) -> Self {
        Self::AnalysisType
    }
}

/// A valid request for an analysis. Its serialised form is what an idempotency key is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnalysisRequest {
    /// Whom to analyse.
    pub username: InstagramHandle,
    /// For which business.
    pub business_profile_id: BusinessProfileId,
    /// How deeply.
    pub analysis_type: AnalysisType,
}

/// What `begin_analysis` decided, under the account's lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginOutcome {
    /// Charged; the run exists.
    #[serde(rename = "ok")]
    Started(Receipt),
    /// The same idempotency key with the same body: the first answer again.
    Replay(Receipt),
    /// The same idempotency key with another body.
    IdempotencyKeyReused,
    /// The same analysis is already running.
    Duplicate {
        /// As this run.
        run_id: RunId,
    },
    /// Not enough credits.
    InsufficientCredits {
        /// What the account has.
        balance: i64,
        /// What the analysis costs.
        required: i64,
    },
    /// The hourly limit is used up.
    RateLimited {
        /// Seconds until one more fits.
        retry_after_s: u32,
    },
    /// A provider that the analysis needs is out, and so is every alternative to it.
    ProviderUnavailable {
        /// Seconds until requests go through again.
        retry_after_s: u32,
    },
    /// The account's daily cap does not allow it.
    BudgetExceeded {
        /// The cap.
        cap: i64,
        /// What today's runs cost and did not give back.
        used: i64,
        /// What the analysis costs.
        required: i64,
        /// Seconds until the next UTC day.
        resets_in_s: u32,
    },
    /// Not a member, or the account is closed.
    Forbidden,
    /// No such business profile in this account, or deleted.
    BusinessProfileNotFound,
    /// The type has no price.
    UnknownAnalysisType,
}

/// The proof of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// The run.
    pub run_id: RunId,
    /// What it cost, in credits.
    pub credits: i64,
    /// The balance after the charge.
    pub balance: i64,
}

/// What `cancel_run` decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CancelOutcome {
    /// The run is cancelled; exactly one of the two amounts is not zero.
    Cancelled {
        /// Credits given back: no AI call had started.
        refunded: i64,
        /// Credits kept: AI work had begun.
        kept: i64,
        /// The balance after it.
        balance: i64,
    },
    /// The run had already ended.
    Finished {
        /// In this state.
        status: RunStatus,
    },
    /// No such run for this user.
    NotFound,
}

/// The state machine of a run; the last three never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Charged; no workflow works on it yet.
    Pending,
    /// A workflow works on it.
    Processing,
    /// There is a result.
    Complete,
    /// There is none; the credits came back.
    Failed,
    /// Stopped by the customer.
    Cancelled,
}

impl RunStatus {
    /// Whether the run has ended.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Processing => false,
            Self::Complete | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// How the charge of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChargeOutcome {
    /// The credits bought a result.
    Result,
    /// The credits came back.
    Refunded,
    /// Cancelled after AI work had begun: the credits were spent.
    Kept,
}

/// Why a run failed, for the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunError {
    /// Stable code.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// A run as its customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub account_id: AccountId,
    /// For which business; null when that was deleted for good.
    pub business_profile_id: Option<BusinessProfileId>,
    /// Whom it analyses.
    pub username: String,
    /// How deeply.
    pub analysis_type: AnalysisType,
    /// Where it is.
    pub status: RunStatus,
    /// What it works on, or worked on last.
    pub phase: Option<Phase>,
    /// What it cost, in credits.
    pub credits: i64,
    /// How the charge ended; null while it runs.
    pub charge_outcome: Option<ChargeOutcome>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// The lead it made or brought up to date.
    pub lead_id: Option<LeadId>,
    /// Whether the profile came from the cache; null before that is known.
    pub cache_hit: Option<bool>,
    /// The result, in the detail view only. It is passed on as it was stored, an `AnalysisResult` of the version that wrote
    /// it: what was paid for stays readable whatever later versions know.
    #[schemars(with = "Option<AnalysisResult>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// When it was bought.
    pub created_at: Timestamp,
    /// When a workflow began to work on it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What a workflow needs to know of its run; read once, when the run begins to work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// Whose run it is.
    pub account_id: AccountId,
    /// Whom to analyse.
    pub username: InstagramHandle,
    /// How deeply.
    pub analysis_type: AnalysisType,
    /// What to judge against.
    pub business: BusinessContext,
}

/// The stages of a run that are recorded in its row, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Looking for a young enough snapshot.
    Cache,
    /// The actor run is under way.
    Scraping,
    /// The snapshot is being kept.
    Storing,
    /// AI calls are under way: from here a cancellation keeps the credits.
    Analyzing,
    /// Lead, analysis and status are being written.
    Saving,
}

impl Phase {
    /// As the database writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Scraping => "scraping",
            Self::Storing => "storing",
            Self::Analyzing => "analyzing",
            Self::Saving => "saving",
        }
    }
}

/// What `complete_run` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Completion {
    /// Lead, analysis and status are committed.
    Completed {
        /// The lead.
        lead_id: LeadId,
        /// Whether it is a new one.
        is_new: bool,
        /// The analysis.
        analysis_id: AnalysisId,
    },
    /// The run had ended meanwhile; nothing was stored.
    Inactive,
}
