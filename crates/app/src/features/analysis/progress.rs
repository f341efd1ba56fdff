//! What watchers of a run see: a pure state machine; a Durable Object is its shell.
//!
//! Promises: percentages only rise; the first terminal status stays; every change has the next sequence number; a
//! terminal status is only ever told by who read it from a committed SQL function or row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Phase, RunState, RunStatus};
use crate::shared::ids::{AccountId, RunId};

/// Progress as answered to watchers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressView {
    /// Where the run is.
    pub status: RunStatus,
    /// 0-100; never falls.
    pub percent: u8,
    /// A sentence for people.
    pub message: String,
    /// Rises by one with each change.
    pub seq: u64,
}

/// The object's whole state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which run.
    pub run_id: RunId,
    /// Whose run; watchers must belong to it.
    pub account_id: AccountId,
    /// What watchers see.
    pub view: ProgressView,
}

/// News of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressUpdate {
    /// It works on this phase.
    Reached(Phase),
    /// It ended; read from a committed row.
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
        /// Which run.
        run_id: RunId,
        /// Whose run.
        account_id: AccountId,
    },
    /// News.
    Tell(ProgressUpdate),
}

/// What a command changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressOutcome {
    /// Store and show the new state.
    Changed,
    /// Old news.
    Unchanged,
}

impl Progress {
    /// The state of a run that was just charged.
    #[must_use]
    pub fn new(run_id: RunId, account_id: AccountId) -> Self {
        let view =
            ProgressView { status: RunStatus::Pending, percent: 0, message: "Waiting to start".to_owned(), seq: 1 };
        Self { run_id, account_id, view }
    }

    /// The state that a row of the database tells.
    #[must_use]
    pub fn from_row(run_id: RunId, row: &RunState) -> Self {
        let mut progress = Self::new(run_id, row.account_id);
        progress.reconcile(row);
        progress
    }

    /// Brings the state up to what the row tells.
    pub fn reconcile(&mut self, row: &RunState) -> ProgressOutcome {
        if row.status.is_terminal() {
            let message = row.error_message.clone().unwrap_or_else(|| ending(row.status).to_owned());
            return self.apply(&ProgressUpdate::Ended { status: row.status, message });
        }
        match row.phase {
            Some(phase) => self.apply(&ProgressUpdate::Reached(phase)),
            None => ProgressOutcome::Unchanged,
        }
    }

    /// Takes in news.
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
        RunStatus::Pending | RunStatus::Processing => "Working",
    }
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
