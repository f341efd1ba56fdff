//! The open connections of one account to the events of all its runs: whether another has room. It is a state machine without a
//! platform; the Worker has a Durable Object for each account, because the objects of its runs are in isolates of their own.
//!
//! Promises: never more connections count than are allowed; one of which nobody tells that it has ended makes room when its lease is
//! over, which is longer than any connection lasts; what is told twice, or of a connection that is not known, changes nothing; an alarm
//! is set as long as anything is stored, and deletes it in the end.
//!
//! Each function returns the effects that the shell must carry out, in this order.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cursor::CONNECTION_LASTS;
use crate::shared::ids::{AccountId, ConnectionId};

/// Connections of one account to all of its runs, streams and WebSockets together.
pub const STREAMS_OF_ACCOUNT_MAX: usize = 128;
/// A connection whose time is over is closed within half a minute.
pub(super) const CONNECTION_LEASE: Duration = CONNECTION_LASTS.saturating_add(Duration::from_secs(60));

/// One open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub account_id: AccountId,
}

/// What the object of a run tells the object of its account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsChange {
    /// These have ended.
    pub ended: Vec<ConnectionId>,
    /// This one is to be opened, if there is room.
    pub opened: Option<ConnectionId>,
}

/// What the object stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionsRecord(Vec<Lease>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    id: ConnectionId,
    until: Timestamp,
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionsEffect {
    /// Stores the record in place of the older one.
    Store(ConnectionsRecord),
    /// Sets the one alarm, in place of an earlier one.
    SetAlarm(Duration),
    /// Deletes everything that is stored.
    Delete,
}

/// The object, as it was read from its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenConnections {
    connections_max: usize,
    record: Option<ConnectionsRecord>,
}

impl OpenConnections {
    #[must_use]
    pub const fn new(connections_max: usize, record: Option<ConnectionsRecord>) -> Self {
        Self { connections_max, record }
    }

    /// Takes in a change; answers whether the connection that is to be opened has room, one that is known already too.
    #[must_use]
    pub fn apply(&mut self, change: &ConnectionsChange, now: Timestamp) -> (bool, Vec<ConnectionsEffect>) {
        let before = self.record.clone().unwrap_or_default();
        let mut after = before.clone();
        after.0.retain(|lease| lease.until > now && !change.ended.contains(&lease.id));
        let has_room = change.opened.is_none_or(|id| after.take_in(id, self.connections_max, now));
        if after == before {
            return (has_room, vec![]);
        }
        let mut effects = vec![];
        // Before anything is stored: a record without an alarm would stay for ever. Where no lease is left, the alarm is due, or was lost.
        if before.0.iter().all(|lease| lease.until <= now) {
            effects.push(ConnectionsEffect::SetAlarm(CONNECTION_LEASE));
        }
        self.record = Some(after.clone());
        effects.push(ConnectionsEffect::Store(after));
        (has_room, effects)
    }

    /// Deletes the record when the last lease is over.
    #[must_use]
    pub fn alarm(&self, now: Timestamp) -> Vec<ConnectionsEffect> {
        let Some(record) = &self.record else { return vec![] };
        let left = |lease: &Lease| Duration::try_from(lease.until.duration_since(now)).unwrap_or_default();
        let last = record.0.iter().map(left).max().unwrap_or_default();
        vec![if last.is_zero() { ConnectionsEffect::Delete } else { ConnectionsEffect::SetAlarm(last) }]
    }
}

impl ConnectionsRecord {
    /// Whether this connection is among the open ones from now on.
    fn take_in(&mut self, id: ConnectionId, connections_max: usize, now: Timestamp) -> bool {
        if self.0.iter().any(|lease| lease.id == id) {
            return true;
        }
        if self.0.len() >= connections_max {
            return false;
        }
        self.0.push(Lease { id, until: now.saturating_add(CONNECTION_LEASE).unwrap_or(now) });
        true
    }
}
