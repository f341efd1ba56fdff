//! Events of a run as they happen, for connections that stay open: server-sent events and WebSockets.
//!
//! `event` is what a watcher is told, `cursor` how far one has been told, `reader` what a stream sends next, `tickets` how a browser connects,
//! `connections` how many an account may have open, `watchers` how many a run. `open` has the use cases. The progress object
//! (`progress_object/watching.rs`) puts them together.
//!
//! Promises: an event is kept once and told from there, so a watcher that falls behind costs nothing but its place in
//! the list; whoever says which event was the last they saw gets exactly those that follow.

mod connections;
mod cursor;
mod event;
mod open;
mod reader;
mod tickets;
mod watchers;

pub use connections::{
    Connection, ConnectionsChange, ConnectionsEffect, ConnectionsRecord, OpenConnections, STREAMS_OF_ACCOUNT_MAX,
};
pub use cursor::{Cursor, Told};
pub(super) use event::SEQ_MAX;
pub use event::{EventLog, HEARTBEAT, HEARTBEAT_EVERY, ProgressEvent};
pub use open::{NotWatched, Transport, Watched};
pub(super) use open::{Watcher, issue_ticket, open_events};
pub use reader::{StreamReader, StreamStep};
pub(super) use tickets::{KeptTickets, TICKET_LASTS};
pub use tickets::{NewTicket, Ticket, TicketHash};
pub use watchers::{WATCHERS_MAX, Watchers, streams_at_once};
