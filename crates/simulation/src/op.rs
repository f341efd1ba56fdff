//! What can be asked of the database and what it answers: one value per SQL function, so that a history is a list that
//! can be replayed against the real one.

use jiff::Timestamp;
use oslira_app::{
    features::{
        analysis::{
            AnalysisRecord, BeginOutcome, CancelOutcome, Completion, LeadFacts, Outage, Phase, RunState, Tended,
            UndoOutcome, UsageRecord,
        },
        auth::{Role, SpendingLimit},
        profiles::InstagramHandle,
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{BulkId, RunId, UserId},
    },
};

/// One transaction. Those of customers say by whom: a person's id, or a key's.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// `api.begin_analysis`.
    Begin {
        by: UserId,
        run: RunId,
        username: String,
        kind: AnalysisType,
        /// The idempotency key, if the customer sent one.
        key: Option<String>,
        /// Hash of the request's body: the key belongs to this body only.
        body_hash: String,
    },
    /// `api.cancel_run`.
    Cancel { by: UserId, run: RunId },
    /// `api.undo_run`.
    Undo { by: UserId, run: RunId },
    /// `system.advance_run` to `cache`, with the assignment.
    TakeUp(RunId),
    /// `system.advance_run`.
    Advance(RunId, Phase),
    /// `system.complete_run`.
    Complete { run: RunId, lead: LeadFacts, analysis: Box<AnalysisRecord> },
    /// `system.fail_run`.
    Fail {
        run: RunId,
        /// The stable error code.
        code: String,
        /// The sentence for the customer.
        message: String,
    },
    /// `system.record_usage`.
    RecordUsage {
        run: RunId,
        /// The provider's own id of the answer or the actor run, by which a bill is recorded once.
        key: String,
        usage: UsageRecord,
    },
    /// `system.mark_stale`.
    MarkStale(InstagramHandle, Timestamp),
    /// `system.report_outage`.
    ReportOutage {
        /// The run that met it.
        run: RunId,
        /// A provider, or a model as `provider/model`.
        service: String,
        outage: Outage,
    },
    /// Reads the run's row, which progress is reconciled with.
    State(RunId),
    /// `system.claim_silent_runs` for an age in seconds, up to a limit.
    ClaimSilent(i64, u32),
    /// `system.note_woken`.
    NoteWoken(Vec<RunId>),
    /// `system.sweep_stale_runs` for an age and a grace in seconds, up to a limit.
    Sweep(i64, i64, u32),
    /// `api.begin_bulk`, without options and without a key.
    BeginBulk {
        by: UserId,
        bulk: BulkId,
        kind: AnalysisType,
        /// Usernames, each once, and the ids that their runs get if they are bought.
        lines: Vec<(String, RunId)>,
    },
    /// `api.cancel_bulk`.
    CancelBulk { by: UserId, bulk: BulkId },
    /// `api.change_member`.
    ChangeMember { by: UserId, member: UserId, role: Role, limit: Option<SpendingLimit> },
    /// `api.remove_member`.
    RemoveMember { by: UserId, member: UserId },
    /// `api.revoke_key`.
    RevokeKey { by: UserId, key: UserId },
    /// `system.tend_bulk`.
    TendBulk(BulkId),
    /// `system.beat_unstarted`.
    BeatUnstarted(BulkId, Vec<RunId>),
    /// `system.end_finished_bulks`, up to a limit.
    EndFinishedBulks(u32),
}

impl Op {
    /// The operation in short, for messages: a whole analysis would fill pages.
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
    /// To whoever belongs to the account and may not do this there.
    Refused,
    /// To a change of who belongs to the account: the outcome's word, `ok`, or why nothing was changed.
    Members(&'static str),
    /// To a begin.
    Begun(BeginOutcome),
    /// To a cancel.
    Cancelled(CancelOutcome),
    /// To an undo.
    Undone(UndoOutcome),
    /// To a take-up: the username when the run is active.
    TakenUp(Option<String>),
    /// To an advance: whether the run is active.
    Active(bool),
    /// To a complete.
    Completed(Completion),
    /// To a fail: whether it ended the run.
    Failed(bool),
    /// To a bill: whether it was not known before.
    Recorded(bool),
    /// To an operation that returns nothing.
    Done,
    /// To a mark-stale: how many analyses became stale.
    Marked(u64),
    /// To a read of the row.
    State(Option<RunState>),
    /// To the claim of silent runs: which, by their ids, and for how many seconds each has been silent.
    Claimed(Vec<(RunId, i64)>),
    /// To a sweep.
    Swept(Vec<RunId>),
    /// To the begin of a bulk: its runs, unless it costs too much, or more than a limit allows.
    BulkBegun(Option<Vec<RunId>>),
    /// To a cancel of a bulk: the runs that it ended, the credits refunded, and those kept; `None` when it had ended.
    BulkCancelled(Option<(Vec<RunId>, i64, i64)>),
    /// To a look at a bulk.
    Tended(Tended),
    /// To a bulk's heartbeat: which lines still wait.
    Waiting(Vec<RunId>),
    /// To the search for bulks that are over.
    BulksEnded(u32),
}
