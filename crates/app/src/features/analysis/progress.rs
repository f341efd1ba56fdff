//! What watchers of a run see: a pure state machine; a Durable Object is its shell.
//!
//! Promises: percentages only rise; the first terminal status stays; every change has the next sequence number; a
//! terminal status is told only after it was read from a committed row or returned by a committed SQL function.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Phase, ProgressEvent, RunState, RunStatus};
use crate::shared::ids::{AccountId, RunId};

/// The number of an end that is told from the run's row, when the object that counted is gone: above all that an object
/// gives, so that numbers never fall and a watcher who has seen it is known.
const SEQ_OF_ROWS_END: u64 = 1_000_000;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressView {
    /// Whether the run waits, is worked on, or how it ended.
    pub status: RunStatus,
    /// 0-100; never falls.
    pub percent: u8,
    /// A sentence for people.
    pub message: String,
    /// Rises by one with each change; 1,000,000 when the run ended more than an hour ago.
    pub seq: u64,
}

/// All that the progress object knows of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub run_id: RunId,
    /// The account that watchers must belong to.
    pub account_id: AccountId,
    pub view: ProgressView,
    /// The last phase that it reached.
    #[serde(default)]
    pub phase: Option<Phase>,
}

/// What has happened to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressUpdate {
    /// It has reached this phase.
    Reached(Phase),
    /// It has ended, and the end is committed.
    Ended {
        /// A terminal status.
        status: RunStatus,
        /// A sentence for people.
        message: String,
    },
}

/// What the object is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressCommand {
    /// The run was charged and is about to start.
    Create {
        run_id: RunId,
        account_id: AccountId,
    },
    Tell(ProgressUpdate),
}

/// What a command changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressOutcome {
    /// The new state has to be stored.
    Changed,
    /// The update was known already, or came too late.
    Unchanged,
}

impl Progress {
    /// The state of a run that was just charged.
    #[must_use]
    pub fn new(run_id: RunId, account_id: AccountId) -> Self {
        let view =
            ProgressView { status: RunStatus::Pending, percent: 0, message: "Waiting to start".to_owned(), seq: 1 };
        Self { run_id, account_id, view, phase: None }
    }

    /// The state that a run's row shows.
    #[must_use]
    pub fn from_row(run_id: RunId, row: &RunState) -> Self {
        let mut progress = Self::new(run_id, row.account_id);
        progress.reconcile(row);
        if row.status.is_terminal() {
            progress.view.seq = SEQ_OF_ROWS_END;
        }
        progress
    }

    /// The latest change, as watchers are told of it.
    #[must_use]
    pub fn event(&self, at: Timestamp) -> ProgressEvent {
        let ProgressView { status, percent, message, seq } = self.view.clone();
        ProgressEvent { seq, status, phase: self.phase, percent, message, at }
    }

    /// Brings the state up to the run's row.
    pub fn reconcile(&mut self, row: &RunState) -> ProgressOutcome {
        if row.status.is_terminal() {
            if !self.view.status.is_terminal() {
                self.phase = self.phase.max(row.phase);
            }
            let message = row.error_message.clone().unwrap_or_else(|| ending(row.status).to_owned());
            return self.apply(&ProgressUpdate::Ended { status: row.status, message });
        }
        match row.phase {
            Some(phase) => self.apply(&ProgressUpdate::Reached(phase)),
            None => ProgressOutcome::Unchanged,
        }
    }

    /// Takes in an update. Steps that are replayed or that run side by side tell a phase twice or too late, so only
    /// what moves the progress forward counts.
    pub fn apply(&mut self, update: &ProgressUpdate) -> ProgressOutcome {
        let (status, percent, message) = match update {
            ProgressUpdate::Reached(phase) => {
                let (percent, message) = milestone(*phase);
                (RunStatus::Processing, percent, message.to_owned())
            }
            ProgressUpdate::Ended { status, message } => (*status, 100, message.clone()),
        };
        let old_news = !status.is_terminal() && percent <= self.view.percent;
        if self.view.status.is_terminal() || old_news {
            return ProgressOutcome::Unchanged;
        }
        if let ProgressUpdate::Reached(phase) = update {
            self.phase = Some(*phase);
        }
        self.view = ProgressView { status, percent, message, seq: self.view.seq + 1 };
        ProgressOutcome::Changed
    }
}

/// The sentence for an end that carries none of its own.
pub(super) const fn ending(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Complete => "The analysis is ready",
        RunStatus::Failed => "The analysis failed; your credits were returned",
        RunStatus::Cancelled => "The analysis was cancelled",
        // These are no ends; nobody asks with them.
        RunStatus::Pending | RunStatus::Processing => "Working",
    }
}

/// Of a run that waits to be taken up.
pub(super) const PENDING_PERCENT: u8 = 0;

/// How far a run in this phase is.
pub(super) const fn percent_at(phase: Phase) -> u8 {
    milestone(phase).0
}

const fn milestone(phase: Phase) -> (u8, &'static str) {
    match phase {
        Phase::Cache => (5, "Looking for a recent snapshot of the profile"),
        Phase::Scraping => (15, "Reading the profile on Instagram"),
        Phase::Storing => (50, "Keeping the snapshot"),
        Phase::Analyzing => (60, "Judging the fit with your business"),
        Phase::Saving => (95, "Saving the lead"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Progress {
        Progress::new(RunId::new(uuid::Uuid::nil()), AccountId::new(uuid::Uuid::nil()))
    }

    #[test]
    fn percentages_only_rise_and_each_change_counts_once() {
        let mut progress = fresh();
        assert_eq!(progress.apply(&ProgressUpdate::Reached(Phase::Analyzing)), ProgressOutcome::Changed);
        assert_eq!(progress.apply(&ProgressUpdate::Reached(Phase::Scraping)), ProgressOutcome::Unchanged);
        assert_eq!((progress.view.percent, progress.view.seq), (60, 2));
    }

    #[test]
    fn the_first_end_stays() {
        let mut progress = fresh();
        let end = |status| ProgressUpdate::Ended { status, message: String::new() };
        progress.apply(&end(RunStatus::Cancelled));
        assert_eq!(progress.apply(&end(RunStatus::Complete)), ProgressOutcome::Unchanged);
        assert_eq!(progress.apply(&ProgressUpdate::Reached(Phase::Saving)), ProgressOutcome::Unchanged);
        assert_eq!((progress.view.status, progress.view.percent), (RunStatus::Cancelled, 100));
    }

    #[test]
    fn a_lost_update_heals_from_the_row() {
        let mut progress = fresh();
        let row = RunState {
            account_id: progress.account_id,
            status: RunStatus::Failed,
            phase: Some(Phase::Scraping),
            error_message: Some("No such profile.".to_owned()),
        };
        assert_eq!(progress.reconcile(&row), ProgressOutcome::Changed);
        assert_eq!(progress.view.message, "No such profile.");
        assert_eq!(progress.reconcile(&row), ProgressOutcome::Unchanged);
    }
}
