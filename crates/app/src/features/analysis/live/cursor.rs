//! How far one watcher has been told. There is no queue for a watcher: it reads on in the list when it can, so a slow
//! or dead one costs no memory.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EventLog, ProgressEvent};

/// How long a connection lasts before its watcher has to prove again that they may see the run. Longer than nearly all
/// runs take.
pub(super) const CONNECTION_LASTS: Duration = Duration::from_secs(600);

/// One watcher's place in the list of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    seen: u64,
    until: Timestamp,
}

/// What a watcher is told now, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// These events; the connection stays open.
    Open(Vec<ProgressEvent>),
    /// These events, the last of which is the run's end, or none if the watcher has seen it: the connection closes.
    Ended(Vec<ProgressEvent>),
    /// Nothing any more: the connection has lasted long enough, and its watcher opens another.
    Lapsed,
}

impl Cursor {
    /// The place of a watcher who connects now and saw the event `seen` last.
    #[must_use]
    pub fn new(seen: u64, now: Timestamp) -> Self {
        Self { seen, until: now.saturating_add(CONNECTION_LASTS).unwrap_or(now) }
    }

    /// Moves to the end of the list and returns what was passed on the way.
    pub fn advance(&mut self, log: &EventLog, now: Timestamp) -> Told {
        let events: Vec<ProgressEvent> = log.after(self.seen).cloned().collect();
        if let Some(last) = events.last() {
            self.seen = last.seq;
        }
        if log.has_ended() {
            Told::Ended(events)
        } else if events.is_empty() && now >= self.until {
            Told::Lapsed
        } else {
            Told::Open(events)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::event::tests::{event, log},
        *,
    };
    use crate::features::analysis::RunStatus;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seqs(told: Told) -> (&'static str, Vec<u64>) {
        let seqs = |events: Vec<ProgressEvent>| events.iter().map(|event| event.seq).collect();
        match told {
            Told::Open(events) => ("open", seqs(events)),
            Told::Ended(events) => ("ended", seqs(events)),
            Told::Lapsed => ("lapsed", vec![]),
        }
    }

    #[test]
    fn every_event_is_told_once_and_in_order() {
        let mut cursor = Cursor::new(1, at(0));
        let mut log = log(1..=2, RunStatus::Processing);
        assert_eq!(seqs(cursor.advance(&log, at(0))), ("open", vec![2]));
        assert_eq!(seqs(cursor.advance(&log, at(0))), ("open", vec![]));
        log.push(event(3, RunStatus::Processing));
        log.push(event(4, RunStatus::Complete));
        assert_eq!(seqs(cursor.advance(&log, at(0))), ("ended", vec![3, 4]));
        assert_eq!(seqs(cursor.advance(&log, at(0))), ("ended", vec![]));
    }

    #[test]
    fn a_connection_ends_after_ten_minutes_but_not_before_it_told_what_is_new() {
        let mut cursor = Cursor::new(0, at(0));
        let running = log(1..=1, RunStatus::Processing);
        assert_eq!(seqs(cursor.advance(&running, at(600))), ("open", vec![1]));
        assert_eq!(seqs(cursor.advance(&running, at(599))), ("open", vec![]));
        assert_eq!(seqs(cursor.advance(&running, at(600))), ("lapsed", vec![]));
        assert_eq!(seqs(cursor.advance(&log(1..=2, RunStatus::Failed), at(600))), ("ended", vec![2]));
    }
}
