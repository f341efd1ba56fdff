//! One change of a run, and the list of those that a run has had.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::analysis::{Phase, RunStatus};

/// How often a stream that has nothing to tell says so: proxies close a connection that is silent for a minute.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// A line that every reader of server-sent events skips.
pub const HEARTBEAT: &str = ": still here\n\n";
/// The greatest whole number that JavaScript can tell from its neighbours.
pub const SEQ_MAX: u64 = 9_007_199_254_740_991;
/// An analysis has seven changes at most. When the list is full, the oldest makes room.
const EVENTS_MAX: usize = 64;

/// One change of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressEvent {
    /// Rises by one with each change; 1,000,000 when the run ended more than an hour ago.
    pub seq: u64,
    /// Whether the run waits, is worked on, or how it ended.
    pub status: RunStatus,
    /// The stage that the run has reached; at the end, the last one. Null before a workflow began.
    pub phase: Option<Phase>,
    /// 0-100; never falls.
    pub percent: u8,
    /// A sentence for people.
    pub message: String,
    /// When it was noted.
    pub at: Timestamp,
}

impl ProgressEvent {
    /// The event as JSON: one WebSocket message, and the data of a server-sent event.
    #[must_use]
    pub fn json(&self) -> String {
        // Texts and numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The event as a server-sent event. JSON has no line break of its own, so one `data` line holds it.
    #[must_use]
    pub fn sse(&self) -> String {
        format!("id: {}\nevent: progress\ndata: {}\n\n", self.seq, self.json())
    }
}

/// The newest events of a run, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventLog(VecDeque<ProgressEvent>);

impl EventLog {
    /// Takes in the next event; one that is not newer than the last is known already.
    pub fn push(&mut self, event: ProgressEvent) {
        if event.seq <= self.last_seq() {
            return;
        }
        if self.0.len() >= EVENTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// What a watcher has missed who saw the event `seq` last; 0 for one who saw none. A number that this run has not
    /// reached is none of its own, so everything is told.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &ProgressEvent> {
        let seen = if seq > self.last_seq() { 0 } else { seq };
        self.0.iter().filter(move |event| event.seq > seen)
    }

    /// Whether a watcher who saw the event `seq` last has seen the run's end.
    #[must_use]
    pub fn is_over_for(&self, seq: u64) -> bool {
        self.has_ended() && seq == self.last_seq()
    }

    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.back().is_some_and(|event| event.status.is_terminal())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn last_seq(&self) -> u64 {
        self.0.back().map_or(0, |event| event.seq)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn event(seq: u64, status: RunStatus) -> ProgressEvent {
        ProgressEvent {
            seq,
            status,
            phase: Some(Phase::Scraping),
            percent: 15,
            message: "two\nlines".to_owned(),
            at: "2026-11-25T09:30:00Z".parse().unwrap(),
        }
    }

    pub fn log(seqs: std::ops::RangeInclusive<u64>, last: RunStatus) -> EventLog {
        let mut log = EventLog::default();
        let end = *seqs.end();
        for seq in seqs {
            log.push(event(seq, if seq == end { last } else { RunStatus::Processing }));
        }
        log
    }

    fn seqs(log: &EventLog, after: u64) -> Vec<u64> {
        log.after(after).map(|event| event.seq).collect()
    }

    #[test]
    fn a_replay_is_exactly_what_follows() {
        let log = log(1..=5, RunStatus::Complete);
        assert_eq!(seqs(&log, 0), [1, 2, 3, 4, 5]);
        assert_eq!(seqs(&log, 3), [4, 5]);
        assert_eq!(seqs(&log, 5), [0; 0]);
    }

    #[test]
    fn a_number_that_was_never_given_replays_everything() {
        assert_eq!(seqs(&log(1..=3, RunStatus::Processing), 4), [1, 2, 3]);
        assert_eq!(seqs(&log(1..=3, RunStatus::Processing), SEQ_MAX), [1, 2, 3]);
    }

    #[test]
    fn only_who_saw_the_end_has_nothing_to_wait_for() {
        let ended = log(1..=3, RunStatus::Failed);
        assert!(ended.is_over_for(3));
        assert!(!ended.is_over_for(2) && !ended.is_over_for(0) && !ended.is_over_for(4));
        assert!(!log(1..=3, RunStatus::Processing).is_over_for(3));
        assert!(!EventLog::default().is_over_for(0));
    }

    #[test]
    fn the_list_is_bounded_and_keeps_the_newest() {
        let log = log(1..=200, RunStatus::Complete);
        assert_eq!(seqs(&log, 0), (137..=200).collect::<Vec<u64>>());
        let mut again = log.clone();
        again.push(event(200, RunStatus::Processing));
        again.push(event(3, RunStatus::Processing));
        assert_eq!(again, log, "an event that is not newer was taken in");
    }

    #[test]
    fn an_event_is_one_block_of_lines() {
        let text = event(7, RunStatus::Processing).sse();
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines.first(), Some(&"id: 7"));
        assert_eq!(lines.get(1), Some(&"event: progress"));
        let data = lines[2].strip_prefix("data: ").unwrap();
        assert_eq!(lines.get(3..), Some(&["", ""][..]), "a line break in the message ended the event: {text}");
        let wanted = r#"{"seq":7,"status":"processing","phase":"scraping","percent":15,"message":"two\nlines","at":"2026-11-25T09:30:00Z"}"#;
        assert_eq!(data, wanted);
    }
}
