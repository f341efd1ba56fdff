//! A bulk as its customer sees it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HeldLine, PlannedLine};
use crate::{
    features::{
        analysis::{
            ChargeOutcome, Phase, ProgressView, RunError, RunStatus,
            progress::{PENDING_PERCENT, percent_at},
        },
        auth::Spender,
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, BulkId, BusinessProfileId, LeadId, RunId},
    },
};

/// The state of a bulk; the last two are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkStatus {
    /// Runs of it are active.
    Processing,
    /// The pilot is done; the rest waits for `continue`.
    AwaitingContinue,
    /// Every run of it has ended.
    Complete,
    /// Stopped by the customer.
    Cancelled,
}

/// One bought line and its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BulkItem {
    /// Its number in the list.
    pub line: u32,
    pub run_id: RunId,
    /// Who bought it: the lines behind a pilot may be somebody else's.
    #[serde(default)]
    pub spent_by: Option<Spender>,
    pub username: String,
    pub status: RunStatus,
    pub phase: Option<Phase>,
    pub credits: i64,
    /// How the charge ended; null while it runs.
    pub charge_outcome: Option<ChargeOutcome>,
    /// Why it failed.
    pub error: Option<RunError>,
    pub lead_id: Option<LeadId>,
    /// By this run; null without a result, and when the lead was deleted.
    pub score: Option<u8>,
    pub summary: Option<String>,
}

/// A bulk with all its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bulk {
    /// Its id.
    pub id: BulkId,
    pub account_id: AccountId,
    /// Who asked for it; null when nobody knows any more.
    #[serde(default)]
    pub spent_by: Option<Spender>,
    /// For which business; null when that was deleted for good.
    pub business_profile_id: Option<BusinessProfileId>,
    pub analysis_type: AnalysisType,
    pub status: BulkStatus,
    pub credits_each: i64,
    /// What its lines cost, refunds taken off.
    pub credits_spent: i64,
    /// What cancelling it now would give back; null when no line is active.
    #[serde(default)]
    pub refund_if_cancelled: Option<i64>,
    /// What was bought, in the order of the list.
    pub items: Vec<BulkItem>,
    /// Leads that were held already and cost nothing.
    pub held: Vec<HeldLine>,
    /// Lines that another run was doing.
    pub skipped: Vec<PlannedLine>,
    /// Lines behind the pilot, which nobody has paid for.
    pub waiting: Vec<PlannedLine>,
    /// How long they can be bought.
    pub continue_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// How far the runs of a bulk are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BulkProgress {
    pub status: BulkStatus,
    /// Lines behind the pilot.
    pub waiting: u32,
    /// Runs that have ended.
    pub ended: u32,
    /// The phase of each active run; null of one that nobody has taken up.
    pub active: Vec<Option<Phase>>,
}

impl BulkProgress {
    /// The mean of all lines; it never falls, because lines that wait count from the beginning.
    #[must_use]
    pub fn view(&self) -> ProgressView {
        let all = u64::from(self.ended) + u64::from(self.waiting) + self.active.len() as u64;
        let of = |phase: &Option<Phase>| phase.map_or(PENDING_PERCENT, percent_at);
        let reached: u64 = self.active.iter().map(|phase| u64::from(of(phase))).sum();
        let sum = reached + u64::from(self.ended) * 100;
        let (status, percent) = match self.status {
            BulkStatus::Processing | BulkStatus::AwaitingContinue => {
                // All may have ended a moment before the bulk does.
                (RunStatus::Processing, sum.checked_div(all).unwrap_or(0).min(99))
            }
            BulkStatus::Complete => (RunStatus::Complete, 100),
            BulkStatus::Cancelled => (RunStatus::Cancelled, 100),
        };
        let message = match self.status {
            BulkStatus::Processing => format!("{} of {all} analyses have ended", self.ended),
            BulkStatus::AwaitingContinue => format!("The pilot is done; {} lines wait for you", self.waiting),
            BulkStatus::Complete => "The list is done".to_owned(),
            BulkStatus::Cancelled => "The list was cancelled".to_owned(),
        };
        let has_ended = u64::from(percent == 100);
        ProgressView { status, percent: u8::try_from(percent).unwrap_or(100), message, seq: 1 + sum + has_ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_is_as_far_as_its_lines_on_average() {
        let active = vec![None, Some(Phase::Analyzing)];
        let progress = BulkProgress { status: BulkStatus::Processing, waiting: 1, ended: 1, active };
        let view = progress.view();
        assert_eq!((view.status, view.percent), (RunStatus::Processing, (60 + 100) / 4));
        assert_eq!(view.message, "1 of 4 analyses have ended");
    }

    #[test]
    fn only_an_ended_bulk_is_at_a_hundred() {
        let at = |status| BulkProgress { status, waiting: 0, ended: 3, active: vec![] }.view();
        let (before, after) = (at(BulkStatus::Processing), at(BulkStatus::Complete));
        assert_eq!((before.percent, after.percent, after.status), (99, 100, RunStatus::Complete));
        assert!(after.seq > before.seq);
        let empty = BulkProgress { status: BulkStatus::Processing, waiting: 0, ended: 0, active: vec![] };
        assert_eq!(empty.view().percent, 0);
    }
}
