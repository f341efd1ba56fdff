//! The rows of the database.

use jiff::Timestamp;
use oslira_app::{
    features::analysis::{Phase, RunStatus},
    shared::{
        analysis_type::AnalysisType,
        ids::{AnalysisId, LeadId, RunId},
    },
};

/// One movement of credits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `charge`, `refund` or `adjustment`.
    pub kind: &'static str,
    /// Credits, negative for a charge.
    pub amount: i64,
    /// The balance right after it.
    pub balance_after: i64,
    /// The run it is about.
    pub run: Option<RunId>,
}

/// One run's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Whom it analyses.
    pub username: String,
    /// How deeply.
    pub kind: AnalysisType,
    /// Where it is.
    pub status: RunStatus,
    /// What it works on.
    pub phase: Option<Phase>,
    /// What it cost.
    pub credits: i64,
    /// How the charge ended.
    pub outcome: Option<&'static str>,
    /// Whether AI work has begun.
    pub ai_started: bool,
    /// Second of the last heartbeat.
    pub heartbeat_s: Option<i64>,
    /// Second of the purchase.
    pub created_s: i64,
    /// The idempotency key while it is bound.
    pub key: Option<String>,
    /// What the key is bound to.
    pub body_hash: String,
    /// Why it failed.
    pub error: Option<(String, String)>,
    /// The balance that its end answered.
    pub ended_balance: Option<i64>,
    /// Lead, whether it was new, and the analysis.
    pub completed: Option<(LeadId, bool, AnalysisId)>,
}

impl RunRow {
    /// Second of the last sign of life.
    #[must_use]
    pub fn last_sign_s(&self) -> i64 {
        self.heartbeat_s.unwrap_or(self.created_s)
    }

    pub(crate) const fn is_active(&self) -> bool {
        !self.status.is_terminal()
    }
}

/// One stored analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisRow {
    /// Whose result it is.
    pub run: RunId,
    /// Whom it judges.
    pub username: String,
    /// By which scrape.
    pub scraped_at: Timestamp,
    /// Whether a later scrape found another profile.
    pub is_stale: bool,
}
