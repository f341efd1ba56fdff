//! How many connections one run has, and one isolate. A stream is counted as long as the platform asks for its next piece: that of a
//! client who is gone without a word is not asked for any more, and makes room within a minute.

use jiff::{SignedDuration, Timestamp};

use super::{Connection, connections::CONNECTION_LEASE};
use crate::shared::{
    ids::ConnectionId,
    in_flight::{InFlight, Limits},
};

/// Connections of one run, streams and WebSockets together.
pub const WATCHERS_MAX: usize = 64;
/// Streams in one isolate, of all objects and accounts: what they hold has to fit into its memory beside everything else. WebSockets
/// sleep with their object.
const STREAMS_MAX: usize = 4_096;
/// A stream has a piece at least every 15 s.
const STALLED_AFTER: SignedDuration = SignedDuration::from_secs(50);

/// The streams of all objects in an isolate. One that nobody ends counts no longer than it may last.
#[must_use]
pub fn streams_at_once() -> InFlight<()> {
    let lease = SignedDuration::try_from(CONNECTION_LEASE).unwrap_or(STALLED_AFTER);
    InFlight::new(Limits { all_max: STREAMS_MAX, each_max: STREAMS_MAX, lease })
}

/// The open streams of one run. Lost with the process, and so are they.
#[derive(Debug, Default)]
pub struct Watchers(Vec<Stream>);

#[derive(Debug)]
struct Stream {
    connection: Connection,
    asked_at: Timestamp,
}

impl Watchers {
    /// Whether another connection has room beside the streams and so many sockets.
    #[must_use]
    pub const fn have_room(&self, sockets: usize) -> bool {
        self.0.len().saturating_add(sockets) < WATCHERS_MAX
    }

    /// Counts a new stream.
    pub fn enter(&mut self, connection: Connection, now: Timestamp) {
        self.0.push(Stream { connection, asked_at: now });
    }

    /// Notes that the stream was asked for its next piece; `false` if it had stalled and its place is another's.
    pub fn asked(&mut self, id: ConnectionId, now: Timestamp) -> bool {
        let stream = self.0.iter_mut().find(|stream| stream.connection.id == id);
        stream.map(|stream| stream.asked_at = now).is_some()
    }

    /// Ends the streams that nobody reads, and answers which.
    pub fn end_stalled(&mut self, now: Timestamp) -> Vec<Connection> {
        let is_stalled = |stream: &Stream| now.duration_since(stream.asked_at) >= STALLED_AFTER;
        let stalled = self.0.iter().filter(|stream| is_stalled(stream)).map(|stream| stream.connection).collect();
        self.0.retain(|stream| !is_stalled(stream));
        stalled
    }

    /// The stream has ended; answers whether it was counted until now.
    pub fn leave(&mut self, id: ConnectionId) -> bool {
        let before = self.0.len();
        self.0.retain(|stream| stream.connection.id != id);
        self.0.len() < before
    }

    #[must_use]
    pub fn have(&self, id: ConnectionId) -> bool {
        self.0.iter().any(|stream| stream.connection.id == id)
    }

    #[must_use]
    pub const fn are_none(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::shared::ids::AccountId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn connection(number: u128) -> Connection {
        Connection { id: ConnectionId::new(Uuid::from_u128(number)), account_id: AccountId::new(Uuid::nil()) }
    }

    #[test]
    fn streams_and_sockets_share_the_limit() {
        let mut watchers = Watchers::default();
        for number in 0..60 {
            assert!(watchers.have_room(3));
            watchers.enter(connection(number), at(0));
        }
        assert!(watchers.have_room(3) && !watchers.have_room(4));
        assert!(watchers.leave(connection(1).id) && !watchers.leave(connection(1).id));
        assert!(watchers.have_room(4));
    }

    #[test]
    fn a_stream_that_nobody_reads_is_ended_within_a_minute_and_once() {
        let mut watchers = Watchers::default();
        let (dead, alive) = (connection(1), connection(2));
        watchers.enter(dead, at(0));
        watchers.enter(alive, at(0));
        assert!(watchers.asked(alive.id, at(49)));
        assert_eq!(watchers.end_stalled(at(49)), []);
        assert_eq!(watchers.end_stalled(at(50)), [dead]);
        assert_eq!(watchers.end_stalled(at(50)), []);
        assert!(!watchers.asked(dead.id, at(51)) && watchers.asked(alive.id, at(51)));
        assert!(!watchers.leave(dead.id), "its end is told once");
        assert!(watchers.have(alive.id) && !watchers.have(dead.id));
        assert!(watchers.leave(alive.id) && watchers.are_none());
    }

    #[test]
    fn an_isolate_holds_so_many_streams_and_no_more_until_one_ends() {
        let streams = Arc::new(streams_at_once());
        let mut held: Vec<_> = (0..STREAMS_MAX).map(|_| streams.enter((), at(0)).unwrap()).collect();
        assert!(streams.enter((), at(659)).is_err());
        held.pop();
        held.extend(streams.enter((), at(659)));
        assert_eq!(held.len(), STREAMS_MAX);
        assert!(streams.enter((), at(660)).is_ok(), "no connection lasts eleven minutes");
    }
}
