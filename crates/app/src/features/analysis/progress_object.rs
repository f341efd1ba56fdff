//! The progress object of one run, without its platform: what a command, a watcher's question and an alarm do to it.
//!
//! Promises: a run that was never created stores nothing and sets no alarm, unless the database has shown its row to
//! somebody who wants to follow it; a watcher is shown progress only within a minute of having proved that they may see
//! the run's row; an alarm compares with the row every 30 s until the run has ended, and an hour after the end it
//! deletes everything. `watching` has the part for connections that stay open.
//!
//! Each function returns the effects that the shell must carry out, in this order.

mod watching;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Progress, ProgressCommand, ProgressLookup, ProgressOutcome, RunState,
    live::{EventLog, KeptTickets},
};
use crate::shared::{
    expiring::Expiring,
    ids::{RunId, UserId},
};

pub use watching::{Pass, Room, WatchAnswer, WatchQuestion, WatchRefusal};

/// How often progress is compared with the row until the run ends. The shell waits as long before it repeats an alarm
/// that failed.
pub const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// How long the end of a run can still be looked at.
const KEPT_AFTER_END: Duration = Duration::from_secs(3_600);
/// A watcher polls every two seconds, and the database is asked once in this time. A user who leaves the account may go
/// on watching for as long.
const PROOF_LASTS_MS: i64 = 60_000;
/// Users who watch one run. When it is full, the oldest proof makes room and its user proves again.
const PROOFS_MAX: usize = 256;

/// What the object stores of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRecord {
    progress: Progress,
    ended_at: Option<Timestamp>,
    /// What watchers have been told; empty in a record that an older version stored.
    #[serde(default)]
    events: EventLog,
    #[serde(default)]
    tickets: KeptTickets,
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressEffect {
    /// Stores the record in place of the older one.
    Store(ProgressRecord),
    /// Sets the one alarm, in place of an earlier one.
    SetAlarm(Duration),
    /// Deletes everything that is stored.
    Delete,
}

/// What an alarm finds to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressAlarm {
    Do(Vec<ProgressEffect>),
    /// Read the run's row, then call [`ProgressObject::reconcile`].
    ReadRow(RunId),
}

/// A watcher's question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProgressQuestion {
    pub user: UserId,
    /// The run's row, if the caller has just seen it in the database as this user.
    pub proof: Option<RunState>,
}

/// Users who have lately proved that they may see the run. Lost with the process; then they prove it again.
#[derive(Debug)]
pub struct ProgressProofs(Expiring<UserId, ()>);

impl Default for ProgressProofs {
    fn default() -> Self {
        Self(Expiring::new(PROOFS_MAX))
    }
}

/// The object, as it was read from its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressObject {
    record: Option<ProgressRecord>,
}

impl ProgressObject {
    #[must_use]
    pub const fn new(record: Option<ProgressRecord>) -> Self {
        Self { record }
    }

    /// Takes in a command. An update of a run that was never created, or whose record was deleted, is dropped.
    #[must_use]
    pub fn apply(&mut self, command: ProgressCommand, now: Timestamp) -> Vec<ProgressEffect> {
        match (command, &mut self.record) {
            (ProgressCommand::Create { run_id, account_id }, None) => {
                let record = ProgressRecord::new(Progress::new(run_id, account_id), None, now);
                self.record = Some(record.clone());
                // In this order, because a record without an alarm would never meet its row again.
                vec![ProgressEffect::SetAlarm(RECONCILE_EVERY), ProgressEffect::Store(record)]
            }
            (ProgressCommand::Tell(update), Some(record)) => {
                let outcome = record.progress.apply(&update);
                record.keep(outcome, now)
            }
            (ProgressCommand::Create { .. }, Some(_)) | (ProgressCommand::Tell(_), None) => vec![],
        }
    }

    /// Answers a watcher. A proof brings the progress up to its row as well.
    #[must_use]
    pub fn look(
        &mut self,
        question: &ProgressQuestion,
        proofs: &mut ProgressProofs,
        now: Timestamp,
    ) -> (ProgressLookup, Vec<ProgressEffect>) {
        let Some(record) = &mut self.record else {
            return (ProgressLookup::Unknown, vec![]);
        };
        let now_ms = now.as_millisecond();
        let mut effects = vec![];
        if let Some(row) = &question.proof {
            // A row of another account proves nothing about this run.
            if row.account_id != record.progress.account_id {
                return (ProgressLookup::Unknown, vec![]);
            }
            let outcome = record.progress.reconcile(row);
            effects = record.keep(outcome, now);
            proofs.0.insert(question.user, (), now_ms, now_ms + PROOF_LASTS_MS);
        }
        match proofs.0.get(&question.user, now_ms) {
            Some(()) => (ProgressLookup::Seen(record.progress.view.clone()), effects),
            None => (ProgressLookup::ProofNeeded, effects),
        }
    }

    #[must_use]
    pub fn alarm(&self, now: Timestamp) -> ProgressAlarm {
        match &self.record {
            None => ProgressAlarm::Do(vec![]),
            Some(ProgressRecord { progress, ended_at: None, .. }) => ProgressAlarm::ReadRow(progress.run_id),
            Some(ProgressRecord { ended_at: Some(ended_at), tickets, .. }) => {
                // A clock that was set back gives a negative age, which counts as none.
                let age = Duration::try_from(now.duration_since(*ended_at)).unwrap_or_default();
                // An alarm that was set before the end may come too early.
                let left = KEPT_AFTER_END.saturating_sub(age).max(tickets.last_for(now));
                let effect = if left.is_zero() { ProgressEffect::Delete } else { ProgressEffect::SetAlarm(left) };
                ProgressAlarm::Do(vec![effect])
            }
        }
    }

    /// Finishes what an alarm began, with the row that the shell has read; `None` when there is no such run any more.
    /// The object MUST be read again after the row: an update may have come in meanwhile, and an older record would
    /// undo it.
    #[must_use]
    pub fn reconcile(&mut self, row: Option<&RunState>, now: Timestamp) -> Vec<ProgressEffect> {
        let (Some(record), Some(row)) = (&mut self.record, row) else {
            // The row was committed before the object was created: without one, the run has been deleted.
            return vec![ProgressEffect::Delete];
        };
        if record.ended_at.is_some() {
            // The end came in meanwhile and has set the alarm that deletes.
            return vec![];
        }
        let outcome = record.progress.reconcile(row);
        // There is one alarm: if the row shows the end, `keep` replaces this one.
        let mut effects = vec![ProgressEffect::SetAlarm(RECONCILE_EVERY)];
        effects.extend(record.keep(outcome, now));
        effects
    }
}

impl ProgressRecord {
    fn new(progress: Progress, ended_at: Option<Timestamp>, now: Timestamp) -> Self {
        let mut record = Self { progress, ended_at, events: EventLog::default(), tickets: KeptTickets::default() };
        record.events.push(record.progress.event(now));
        record
    }

    /// What watchers are told.
    #[must_use]
    pub const fn events(&self) -> &EventLog {
        &self.events
    }

    /// Stores what changed, as an event too; the end moves the alarm to the time of deletion. In this order, because a shell that stops
    /// between the two then still has an alarm, which reads the row and finds the end again.
    fn keep(&mut self, outcome: ProgressOutcome, now: Timestamp) -> Vec<ProgressEffect> {
        if outcome == ProgressOutcome::Changed {
            self.events.push(self.progress.event(now));
        }
        match outcome {
            ProgressOutcome::Unchanged => vec![],
            ProgressOutcome::Changed if self.progress.view.status.is_terminal() => {
                self.ended_at = Some(now);
                vec![ProgressEffect::SetAlarm(KEPT_AFTER_END), ProgressEffect::Store(self.clone())]
            }
            ProgressOutcome::Changed => vec![ProgressEffect::Store(self.clone())],
        }
    }
}

#[cfg(test)]
mod tests;
