//! The progress object's part for connections that stay open: who may open one, and with which ticket.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KEPT_AFTER_END, ProgressEffect, ProgressObject, ProgressRecord, RECONCILE_EVERY};
use crate::{
    features::analysis::{
        Progress, RunState,
        live::{Cursor, EventLog, NewTicket, TICKET_LASTS, TicketHash},
    },
    shared::ids::{AccountId, RunId},
};

/// Somebody who wants to be told of a run's events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WatchQuestion {
    pub run: RunId,
    /// The event that they saw last; 0 for none.
    pub seen: u64,
    pub pass: Pass,
}

/// Why somebody may watch a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// The database has just shown them this row.
    Row(RunState),
    /// They hold this ticket.
    Ticket(TicketHash),
}

/// The object's answer to somebody who wants to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchAnswer {
    /// They are told what follows this place.
    Open(Cursor),
    Refused(WatchRefusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchRefusal {
    /// The row is not this run's.
    NotFound,
    /// The ticket was used, has expired, or was never made here.
    Ticket,
    /// The run has as many watchers as one may have.
    Full,
    /// Its account has, with all of its runs.
    AccountFull,
    /// The machine that holds the run's object has as many streams as it can.
    Overloaded,
}

/// Whether there is room for another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Free,
    /// None at this run.
    RunFull,
    /// None at all runs of its account.
    AccountFull,
    /// None on the machine that holds the object.
    Overloaded,
}

impl Room {
    const fn refusal(self) -> Option<WatchRefusal> {
        match self {
            Self::Free => None,
            Self::RunFull => Some(WatchRefusal::Full),
            Self::AccountFull => Some(WatchRefusal::AccountFull),
            Self::Overloaded => Some(WatchRefusal::Overloaded),
        }
    }
}

impl ProgressObject {
    /// The account among whose connections the watcher's would be. It is asked for room before [`ProgressObject::watch`], but not for
    /// somebody who is refused in any case.
    ///
    /// # Errors
    /// Why they are refused.
    pub fn account_for(&self, question: &WatchQuestion, now: Timestamp) -> Result<AccountId, WatchRefusal> {
        let record = self.record.as_ref();
        let known = record.map(|record| record.progress.account_id);
        match &question.pass {
            Pass::Row(row) if known.is_none_or(|account_id| account_id == row.account_id) => Ok(row.account_id),
            Pass::Row(_) => Err(WatchRefusal::NotFound),
            Pass::Ticket(hash) if record.is_some_and(|record| record.tickets.has(hash, now)) => {
                known.ok_or(WatchRefusal::Ticket)
            }
            Pass::Ticket(_) => Err(WatchRefusal::Ticket),
        }
    }

    /// Lets a watcher in, if there is room. A ticket is used up only then. A run without a record gets one from the row
    /// that the watcher was shown: its creation was lost, or it ended long ago.
    #[must_use]
    pub fn watch(
        &mut self,
        question: &WatchQuestion,
        room: Room,
        now: Timestamp,
    ) -> (WatchAnswer, Vec<ProgressEffect>) {
        let refused = |why| (WatchAnswer::Refused(why), vec![]);
        let effects = match &question.pass {
            Pass::Row(row) => match self.admit(question.run, row, now) {
                Some(effects) => effects,
                None => return refused(WatchRefusal::NotFound),
            },
            Pass::Ticket(hash) => {
                let Some(record) = self.record.as_mut().filter(|record| record.tickets.has(hash, now)) else {
                    return refused(WatchRefusal::Ticket);
                };
                if let Some(full) = room.refusal() {
                    return refused(full);
                }
                record.tickets.use_up(hash);
                vec![ProgressEffect::Store(record.clone())]
            }
        };
        let open = || WatchAnswer::Open(Cursor::new(question.seen, now));
        (room.refusal().map_or_else(open, WatchAnswer::Refused), effects)
    }

    /// Keeps a ticket for somebody to whom the database has just shown the run's row; `false` if the row is not this
    /// run's.
    #[must_use]
    pub fn keep_ticket(
        &mut self,
        run: RunId,
        row: &RunState,
        ticket: NewTicket,
        now: Timestamp,
    ) -> (bool, Vec<ProgressEffect>) {
        let Some(mut effects) = self.admit(run, row, now) else {
            return (false, vec![]);
        };
        if let Some(record) = &mut self.record {
            record.tickets.keep(ticket, now);
            effects.push(ProgressEffect::Store(record.clone()));
        }
        (true, effects)
    }

    /// What watchers are told; `None` when nothing is stored.
    #[must_use]
    pub fn events(&self) -> Option<&EventLog> {
        self.record.as_ref().map(ProgressRecord::events)
    }

    /// Takes in a row that the database has just shown to a watcher; `None` if it is not this run's.
    fn admit(&mut self, run: RunId, row: &RunState, now: Timestamp) -> Option<Vec<ProgressEffect>> {
        let Some(record) = &mut self.record else {
            let record = ProgressRecord::of_row(run, row, now);
            let alarm = if row.status.is_terminal() { TICKET_LASTS } else { RECONCILE_EVERY };
            self.record = Some(record.clone());
            return Some(vec![ProgressEffect::SetAlarm(alarm), ProgressEffect::Store(record)]);
        };
        if record.progress.account_id != row.account_id {
            return None;
        }
        let is_older = record.events.is_empty();
        if is_older {
            record.events.push(record.progress.event(now));
        }
        let outcome = record.progress.reconcile(row);
        let mut effects = record.keep(outcome, now);
        if is_older {
            effects.push(ProgressEffect::Store(record.clone()));
        }
        Some(effects)
    }
}

impl ProgressRecord {
    /// The record of a run of which only its row is left. If it has ended, it is kept as long as a ticket lasts.
    fn of_row(run: RunId, row: &RunState, now: Timestamp) -> Self {
        let long_ago = now.checked_sub(KEPT_AFTER_END.saturating_sub(TICKET_LASTS)).unwrap_or(now);
        let ended_at = row.status.is_terminal().then_some(long_ago);
        Self::new(Progress::from_row(run, row), ended_at, now)
    }
}

#[cfg(test)]
mod tests;
