//! How many connections one run has, and one account. A stream is counted as long as the platform asks for its next piece: that of a
//! client who is gone without a word is not asked for any more, and makes room after a minute.

use jiff::{SignedDuration, Timestamp};

use super::{connections::STREAMS_OF_ACCOUNT_MAX, cursor::CONNECTION_LASTS};
use crate::shared::{
    ids::AccountId,
    in_flight::{InFlight, Limits},
};

/// Connections of one run, streams and WebSockets together.
pub const WATCHERS_MAX: usize = 64;
/// Of all accounts in an isolate: about a hundred kilobytes of places.
const STREAMS_OF_ALL_MAX: usize = 4_096;

/// The connections of all objects in an isolate, by account. A connection that nobody ends counts no longer than it may last.
#[must_use]
pub fn streams_at_once() -> InFlight<AccountId> {
    let lease = SignedDuration::try_from(CONNECTION_LASTS).unwrap_or(STALLED_AFTER);
    InFlight::new(Limits {
        all_max: STREAMS_OF_ALL_MAX,
        each_max: STREAMS_OF_ACCOUNT_MAX,
        lease: lease + STALLED_AFTER,
    })
}
/// A stream has a piece at least every 15 s.
const STALLED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The open streams of one run. Lost with the process, and so are they.
#[derive(Debug, Default)]
pub struct Watchers {
    entered: u64,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    number: u64,
    asked_at: Timestamp,
}

impl Watchers {
    /// Whether another connection has room beside the streams and so many sockets.
    pub fn have_room(&mut self, sockets: usize, now: Timestamp) -> bool {
        self.streams.retain(|stream| now.duration_since(stream.asked_at) < STALLED_AFTER);
        self.streams.len().saturating_add(sockets) < WATCHERS_MAX
    }

    /// Counts a new stream and gives it a number.
    pub fn enter(&mut self, now: Timestamp) -> u64 {
        self.entered += 1;
        self.streams.push(Stream { number: self.entered, asked_at: now });
        self.entered
    }

    /// Notes that the stream was asked for its next piece; `false` if it had stalled and its place is another's.
    pub fn asked(&mut self, number: u64, now: Timestamp) -> bool {
        let stream = self.streams.iter_mut().find(|stream| stream.number == number);
        stream.map(|stream| stream.asked_at = now).is_some()
    }

    pub fn leave(&mut self, number: u64) {
        self.streams.retain(|stream| stream.number != number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::shared::in_flight::Busy;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn streams_and_sockets_share_the_limit() {
        let mut watchers = Watchers::default();
        for _ in 0..60 {
            assert!(watchers.have_room(3, at(0)));
            watchers.enter(at(0));
        }
        assert!(watchers.have_room(3, at(0)) && !watchers.have_room(4, at(0)));
        watchers.leave(1);
        assert!(watchers.have_room(4, at(0)));
    }

    #[test]
    fn an_account_has_so_many_connections_and_no_more_until_one_ends() {
        let streams = Arc::new(streams_at_once());
        let account = |number| AccountId::new(Uuid::from_u128(number));
        let as_many = |second| -> Vec<_> {
            (0..STREAMS_OF_ACCOUNT_MAX).map(|_| streams.enter(account(1), at(second)).unwrap()).collect()
        };
        let places = as_many(0);
        assert_eq!(streams.enter(account(1), at(659)).err(), Some(Busy::Key));
        assert!(streams.enter(account(2), at(659)).is_ok());
        drop(places);
        let _unseen = as_many(700);
        assert!(streams.enter(account(1), at(1_360)).is_ok(), "no connection lasts eleven minutes");
    }

    #[test]
    fn a_stream_that_nobody_reads_makes_room_after_a_minute() {
        let mut watchers = Watchers::default();
        let (dead, alive) = (watchers.enter(at(0)), watchers.enter(at(0)));
        assert!(watchers.asked(alive, at(59)));
        assert!(watchers.have_room(62, at(60)), "the dead stream still counts");
        assert!(!watchers.have_room(63, at(60)), "the living stream does not count");
        assert!(!watchers.asked(dead, at(61)) && watchers.asked(alive, at(61)));
    }
}
