//! Requests, runs and what they answer.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::AnalysisResult;
use crate::{
    features::{
        auth::{LimitPeriod, Spender},
        business::BusinessContext,
        profiles::{InstagramHandle, InvalidHandle},
    },
    shared::{
        analysis_type::{AnalysisType, UnknownAnalysisType},
        ids::{AccountId, AnalysisId, BulkId, BusinessProfileId, LeadId, RunId},
    },
};

/// What is wrong with a request, found before the database is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    #[error("{0}")]
    Username(InvalidHandle),
    #[error("not a known analysis type")]
    AnalysisType,
    #[error("business_profile_id is not a UUID")]
    BusinessProfileId,
}

impl From<InvalidHandle> for InvalidRequest {
    fn from(why: InvalidHandle) -> Self {
        Self::Username(why)
    }
}

impl From<UnknownAnalysisType> for InvalidRequest {
    fn from(UnknownAnalysisType: UnknownAnalysisType) -> Self {
        Self::AnalysisType
    }
}

/// A valid request for an analysis. An idempotency key is bound to the hash of its serialised form: with a field
/// renamed or moved, a repeat of an older request looks like another request and is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnalysisRequest {
    pub username: InstagramHandle,
    pub business_profile_id: BusinessProfileId,
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
    /// This run does the same and has not ended.
    Duplicate { run_id: RunId },
    /// Not enough credits.
    InsufficientCredits { balance: i64, required: i64 },
    /// The hourly limit leaves too little.
    RateLimited {
        /// Seconds until as many are allowed as were asked for.
        retry_after_s: u32,
        /// How many are allowed in an hour.
        limit: u32,
        /// How many of them are left. A single analysis is refused only when none is.
        #[serde(default)]
        left: u32,
    },
    /// A provider that the analysis needs is out, and so is every alternative to it.
    ProviderUnavailable {
        /// Seconds until requests go through again.
        retry_after_s: u32,
    },
    /// The account's daily cap does not allow it.
    BudgetExceeded {
        cap: i64,
        /// What today's runs cost, refunded ones left out.
        used: i64,
        required: i64,
        /// Seconds until the next UTC day.
        resets_in_s: u32,
    },
    /// The caller's own limit does not allow it.
    MemberLimitReached {
        limit: i64,
        /// The period of the calendar that it is for.
        period: LimitPeriod,
        /// What the caller's runs of this period cost, refunded ones left out.
        used: i64,
        required: i64,
        /// Seconds until the next period.
        resets_in_s: u32,
    },
    /// Not a member, or the account is closed.
    Forbidden,
    /// No such business profile in this account, or deleted.
    BusinessProfileNotFound,
    /// The type has no price.
    UnknownAnalysisType,
    /// The profile's owner had it erased.
    SubjectErased,
}

/// The proof of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    pub run_id: RunId,
    /// What it cost, in credits.
    pub credits: i64,
    /// The balance after the charge.
    pub balance: i64,
    /// The automatic purchase that the charge has set out to make.
    #[serde(default)]
    pub top_up: Option<Uuid>,
}

/// What `cancel_run` decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CancelOutcome {
    /// The run is cancelled; exactly one of the two amounts is not zero.
    Cancelled {
        /// Credits given back: no AI call had started.
        refunded: i64,
        /// Credits kept: AI work had begun, or a scrape had and the day's refunds of such cancels were used up.
        kept: i64,
        /// The balance after it.
        balance: i64,
    },
    /// The run had already ended in this state.
    Finished { status: RunStatus },
    /// No such run for this user.
    NotFound,
}

/// What `undo_run` decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum UndoOutcome {
    /// Cancelled and refunded; no workflow had taken the run up, and none will.
    Undone,
    /// Nothing was changed: a workflow has taken the run up, or it has ended.
    Unchanged { status: RunStatus },
    /// No such run for this user.
    NotFound,
}

/// The state of a run; the last three are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Charged; no workflow works on it yet.
    Pending,
    /// A workflow works on it.
    Processing,
    /// There is a result.
    Complete,
    /// There is no result; the credits were returned.
    Failed,
    /// Stopped by the customer.
    Cancelled,
}

impl RunStatus {
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
    /// Cancelled after AI work had begun, or after a scrape had and ten such cancels of the day were refunded: the credits were
    /// spent.
    Kept,
}

/// Why a run failed, for the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunError {
    /// Stable code.
    pub code: String,
    /// A sentence for the customer.
    pub message: String,
}

/// A run as its customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The account that paid for it.
    pub account_id: AccountId,
    /// Who bought it; null when nobody knows any more.
    #[serde(default)]
    pub spent_by: Option<Spender>,
    /// For which business; null when that was deleted for good.
    pub business_profile_id: Option<BusinessProfileId>,
    /// The Instagram username that it analyses.
    pub username: String,
    pub analysis_type: AnalysisType,
    /// Whether it waits, is worked on, or how it ended.
    pub status: RunStatus,
    /// The last stage that was written down; null before a workflow began.
    pub phase: Option<Phase>,
    /// What it cost, in credits.
    pub credits: i64,
    /// How the charge ended; null while it runs.
    pub charge_outcome: Option<ChargeOutcome>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// The lead it made or brought up to date.
    pub lead_id: Option<LeadId>,
    /// The bulk that it was bought in.
    #[serde(default)]
    pub bulk_id: Option<BulkId>,
    /// What cancelling it now would give back, in the detail view of an active run only: after a scrape has begun, ten cancels
    /// of an account a day are refunded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_if_cancelled: Option<i64>,
    /// Whether the profile came from the cache; null before that is known.
    pub cache_hit: Option<bool>,
    /// The result, in the detail view only. It is passed on as it was stored, also when an older version stored it.
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

/// What a workflow needs to know of its run. It is read once and remembered by a step, so that an edit of the business
/// profile during the run cannot make a replay judge against another business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    pub account_id: AccountId,
    pub username: InstagramHandle,
    pub analysis_type: AnalysisType,
    /// What to judge against.
    pub business: BusinessContext,
    /// The services that operators had paused when the run was taken up.
    #[serde(default)]
    pub paused: Vec<String>,
}

/// The stages of a run, in order. A heartbeat writes `Scraping` and `Analyzing` into the run's row, taking the run up
/// writes `Cache`; the other two are told to watchers only.
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
    Completed { lead_id: LeadId, is_new: bool, analysis_id: AnalysisId },
    /// The run had ended meanwhile; nothing was stored.
    Inactive,
    /// The profile's owner had it erased meanwhile, or only now it is known that it is theirs; nothing was stored, and the run MUST be
    /// failed.
    SubjectErased,
}
