//! What can be asked of the database and what it answers: one value per SQL function, so that a history is a list that
//! can be replayed against the real one.

use jiff::Timestamp;
use oslira_app::{
    features::{
        analysis::{
            AnalysisRecord, BeginOutcome, CancelOutcome, Completion, LeadFacts, Outage, Phase, RunState, UsageRecord,
        },
        profiles::InstagramHandle,
    },
    shared::{analysis_type::AnalysisType, ids::RunId},
};

/// One transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// `api.begin_analysis`.
    Begin {
        /// The new run's id.
        run: RunId,
        /// Whom to analyse.
        username: String,
        /// How deeply.
        kind: AnalysisType,
        /// The idempotency key.
        key: Option<String>,
        /// What the key is bound to.
        body_hash: String,
    },
    /// `api.cancel_run`.
    Cancel(RunId),
    /// `system.advance_run` to `cache`, with the assignment.
    TakeUp(RunId),
    /// `system.advance_run`.
    Advance(RunId, Phase),
    /// `system.complete_run`.
    Complete {
        /// The run.
        run: RunId,
        /// The lead's facts.
        lead: LeadFacts,
        /// The analysis.
        analysis: Box<AnalysisRecord>,
    },
    /// `system.fail_run`.
    Fail {
        /// The run.
        run: RunId,
        /// The stable code.
        code: String,
        /// The sentence.
        message: String,
    },
    /// `system.record_usage`.
    RecordUsage {
        /// The run.
        run: RunId,
        /// The provider's id.
        key: String,
        /// The bill.
        usage: UsageRecord,
    },
    /// `system.mark_stale`.
    MarkStale(InstagramHandle, Timestamp),
    /// `system.report_outage`.
    ReportOutage {
        /// The run that met it.
        run: RunId,
        /// Who is out: a provider or a model.
        service: String,
        /// How.
        outage: Outage,
    },
    /// The row that progress is reconciled with.
    State(RunId),
    /// Active runs silent for so many seconds, at most so many.
    Stale(i64, u32),
    /// `system.sweep_stale_runs` with limit 1, for an age in seconds.
    SweepOne(i64),
}

impl Op {
    /// The operation in a few words; results are long.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Complete { run, .. } => format!("Complete({run})"),
            Self::RecordUsage { run, key, .. } => format!("RecordUsage({run}, {key})"),
            Self::Fail { run, code, .. } => format!("Fail({run}, {code})"),
            other => format!("{other:?}"),
        }
    }
}

/// What a transaction answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To a begin.
    Begun(BeginOutcome),
    /// To a cancel.
    Cancelled(CancelOutcome),
    /// To a take-up: the username when the run is active.
    TakenUp(Option<String>),
    /// To an advance: whether the run is active.
    Active(bool),
    /// To a complete.
    Completed(Completion),
    /// To what answers nothing.
    Done,
    /// To a marking: how many.
    Marked(u64),
    /// To a look at the row.
    State(Option<RunState>),
    /// To the search for silent runs.
    Stale(Vec<RunId>),
    /// To a sweep.
    Swept(Option<RunId>),
}
