//! Requests for bulks, and what the database decides about them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LinesUsed;
use crate::{
    features::analysis::BeginOutcome,
    shared::{
        analysis_type::AnalysisType,
        ids::{BulkId, BusinessProfileId, LeadId, RunId},
    },
};

/// Where the names come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    Names(LinesUsed),
    /// The failed lines of this bulk, again.
    FailedOf(BulkId),
    /// The leads of the business profile whose latest analysis is stale, best first.
    StaleLeads,
}

/// A valid request for a bulk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRequest {
    pub source: ListSource,
    pub business_profile_id: BusinessProfileId,
    pub analysis_type: AnalysisType,
    pub options: BulkOptions,
}

/// What limits the spend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BulkOptions {
    /// Answers what would happen, and does nothing.
    pub dry_run: bool,
    /// Refuses the whole list if all of it, the lines behind a pilot included, would cost more.
    pub max_credits: Option<u32>,
    /// Buys so many lines now, and the others when the customer continues.
    pub pilot: Option<u32>,
    /// Returns leads that were analysed within so many days instead of buying them again.
    pub fresh_within_days: Option<u32>,
}

/// A line that is bought, that waits behind a pilot, or that another run is doing already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedLine {
    /// Its number in the list.
    pub line: u32,
    pub username: String,
    /// Its run; null where there is none yet.
    #[serde(default)]
    pub run_id: Option<RunId>,
}

/// A line whose lead is held already and is returned free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldLine {
    /// Its number in the list.
    pub line: u32,
    pub username: String,
    pub lead_id: LeadId,
    /// By the newest analysis of this type.
    pub score: u8,
    /// When that was made.
    pub analyzed_at: Timestamp,
}

/// What was bought, or would be, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BulkPlan {
    /// `None` in a dry run.
    #[serde(default)]
    pub bulk_id: Option<BulkId>,
    pub credits_each: i64,
    /// What is charged now.
    pub credits: i64,
    /// What is left after that.
    pub balance: i64,
    pub items: Vec<PlannedLine>,
    pub held: Vec<HeldLine>,
    pub skipped: Vec<PlannedLine>,
    /// The numbers of lines whose profiles were erased. Bulks from before there were erasures have none.
    #[serde(default)]
    pub erased: Vec<u32>,
    /// Behind the pilot.
    pub waiting: Vec<PlannedLine>,
    pub continue_until: Option<Timestamp>,
    /// The automatic purchase that the charges have set out to make.
    #[serde(default)]
    pub top_up: Option<Uuid>,
}

/// A plan that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DryRun {
    #[serde(flatten)]
    pub plan: BulkPlan,
    /// What the purchase would be refused with.
    pub refusal: Option<BulkRefusal>,
}

/// What `begin_bulk` and `continue_bulk` decided, under the account's lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BulkOutcome {
    /// Charged; the runs exist.
    #[serde(rename = "ok")]
    Bought(BulkPlan),
    /// The first answer again.
    Replay(BulkPlan),
    DryRun(DryRun),
    #[serde(untagged)]
    Refused(BulkRefusal),
}

/// Why a bulk is refused whole.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BulkRefusal {
    /// It would cost more than the request allows.
    OverCeiling { max_credits: i64, required: i64 },
    /// There is no name in the list.
    NothingToDo,
    /// Nothing waits behind a pilot, or the 24 hours are over.
    NothingToContinue,
    /// No such bulk for this user.
    NotFound,
    /// As a single analysis is refused.
    #[serde(untagged)]
    AsOne(BeginOutcome),
}

/// What `cancel_bulk` decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BulkCancelled {
    /// No run of it is active any more.
    Cancelled {
        /// Those that this ended.
        runs: Vec<RunId>,
        /// Credits given back, of runs whose AI work had not begun.
        refunded: i64,
        /// Credits kept, of the others.
        kept: i64,
        balance: i64,
    },
    /// It had ended.
    Finished,
    /// A start was to be undone, and a run of it is being worked on: that goes on.
    Started,
    NotFound,
}
