//! One open stream of server-sent events, without its platform: what its next piece is.

use jiff::Timestamp;

use super::{Cursor, EventLog, ProgressEvent, Told};

/// Begins a stream: a browser whose connection breaks waits two seconds before it opens the next.
const RETRY: &str = "retry: 2000\n\n";

/// Where a stream is.
#[derive(Debug)]
pub struct StreamReader {
    cursor: Cursor,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New,
    Reading,
    /// The run's end was told.
    Over,
}

/// What a stream does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamStep {
    Send(String),
    /// There is nothing to tell before the next event.
    Wait,
    End,
}

impl StreamReader {
    #[must_use]
    pub const fn new(cursor: Cursor) -> Self {
        Self { cursor, stage: Stage::New }
    }

    /// The next piece; `events` is `None` when nothing is stored of the run any more.
    pub fn step(&mut self, events: Option<&EventLog>, now: Timestamp) -> StreamStep {
        match (&self.stage, events) {
            (Stage::Over, _) | (_, None) => StreamStep::End,
            (Stage::New, Some(_)) => {
                self.stage = Stage::Reading;
                StreamStep::Send(RETRY.to_owned())
            }
            (Stage::Reading, Some(events)) => match self.cursor.advance(events, now) {
                Told::Open(events) if events.is_empty() => StreamStep::Wait,
                Told::Open(events) => StreamStep::Send(text(&events)),
                Told::Ended(events) => {
                    self.stage = Stage::Over;
                    if events.is_empty() { StreamStep::End } else { StreamStep::Send(text(&events)) }
                }
                Told::Lapsed => StreamStep::End,
            },
        }
    }
}

fn text(events: &[ProgressEvent]) -> String {
    events.iter().map(ProgressEvent::sse).collect()
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

    fn reader(seen: u64) -> StreamReader {
        StreamReader::new(Cursor::new(seen, at(0)))
    }

    fn send(text: impl Into<String>) -> StreamStep {
        StreamStep::Send(text.into())
    }

    #[test]
    fn a_stream_begins_at_once_then_tells_then_waits_and_ends_with_the_run() {
        let (mut reader, mut log) = (reader(1), log(1..=3, RunStatus::Processing));
        assert_eq!(reader.step(Some(&log), at(0)), send("retry: 2000\n\n"));
        let two = event(2, RunStatus::Processing).sse() + &event(3, RunStatus::Processing).sse();
        assert_eq!(reader.step(Some(&log), at(0)), send(two));
        assert_eq!(reader.step(Some(&log), at(0)), StreamStep::Wait);
        log.push(event(4, RunStatus::Failed));
        assert_eq!(reader.step(Some(&log), at(0)), send(event(4, RunStatus::Failed).sse()));
        assert_eq!(reader.step(Some(&log), at(0)), StreamStep::End);
    }

    #[test]
    fn a_stream_ends_when_there_is_nothing_to_wait_for() {
        let (running, ended) = (log(1..=1, RunStatus::Processing), log(1..=1, RunStatus::Complete));
        for (events, second) in [(None, 0), (Some(&ended), 0), (Some(&running), 600)] {
            let mut reader = reader(1);
            assert_eq!(reader.step(Some(&running), at(0)), send("retry: 2000\n\n"));
            assert_eq!(reader.step(events, at(second)), StreamStep::End, "{events:?} {second}");
        }
        assert_eq!(reader(0).step(None, at(0)), StreamStep::End);
    }
}
