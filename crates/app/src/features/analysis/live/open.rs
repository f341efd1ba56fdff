//! A watcher connects, or asks for a ticket to connect with.
//!
//! Promises: nobody wakes the object of a run that they cannot see. With a token, the database is asked first; a ticket
//! shows by itself that it was made for this run.

use serde::{Deserialize, Serialize};

use super::{NewTicket, Ticket};
use crate::{
    features::analysis::{AnalysisPorts, Pass, RunState, WatchQuestion, WatchRefusal},
    http::Live,
    shared::{
        ids::{RunId, UserId},
        store::StoreError,
    },
};

/// Who wants to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watcher {
    User(UserId),
    /// Whoever holds this ticket; `None` if what was sent cannot be one.
    Holder(Option<Ticket>),
}

/// How a watcher is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Server-sent events.
    Stream,
    /// A WebSocket.
    Socket,
}

/// What the board answers to a watcher.
#[derive(Debug, Clone)]
pub enum Watched {
    /// The connection is open.
    Live(Live),
    /// The watcher has seen the run's end: there is nothing to wait for. Of streams only; a socket opens and closes.
    Over,
    Refused(WatchRefusal),
}

/// Why nothing is opened.
#[derive(Debug)]
pub enum NotWatched {
    /// There is no such run, or this user cannot see it.
    RunNotFound,
    /// The ticket was used, has expired, or is not of this run.
    TicketRefused,
    /// The run has as many watchers as one may have.
    Full,
    /// The account has as many connections to all of its runs as one may have.
    AccountFull,
    /// The caller did not say how they want to be told.
    NoTransport,
    /// The board does not answer; for the log.
    BoardUnavailable(String),
    Store(StoreError),
}

impl From<StoreError> for NotWatched {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Opens a connection over which the watcher is told of every event after `seen`.
///
/// # Errors
/// [`NotWatched`].
pub async fn open_events(
    ports: &AnalysisPorts,
    watcher: Watcher,
    run: RunId,
    seen: u64,
    transport: Option<Transport>,
) -> Result<Watched, NotWatched> {
    let pass = match watcher {
        Watcher::User(user) => Pass::Row(row_of(ports, user, run).await?),
        Watcher::Holder(ticket) => {
            let object = object_of(ports, run)?;
            let ticket = ticket.filter(|ticket| ticket.is_for(&object)).ok_or(NotWatched::TicketRefused)?;
            Pass::Ticket(ticket.hash())
        }
    };
    // Only now: nobody else learns whether there is such a run. A ticket is not used up by it.
    let transport = transport.ok_or(NotWatched::NoTransport)?;
    let question = WatchQuestion { run, seen, pass };
    match ports.progress.watch(&question, transport).await.map_err(NotWatched::BoardUnavailable)? {
        Watched::Refused(WatchRefusal::NotFound) => Err(NotWatched::RunNotFound),
        Watched::Refused(WatchRefusal::Ticket) => Err(NotWatched::TicketRefused),
        Watched::Refused(WatchRefusal::Full) => Err(NotWatched::Full),
        Watched::Refused(WatchRefusal::AccountFull) => Err(NotWatched::AccountFull),
        Watched::Refused(WatchRefusal::Overloaded) => Err(NotWatched::BoardUnavailable(
            "the isolate of the run's object has as many streams as it can".to_owned(),
        )),
        opened @ (Watched::Live(_) | Watched::Over) => Ok(opened),
    }
}

/// Makes a ticket with which this user, or a page of theirs, can open one connection.
///
/// # Errors
/// [`NotWatched`].
pub async fn issue_ticket(ports: &AnalysisPorts, user: UserId, run: RunId) -> Result<Ticket, NotWatched> {
    let row = row_of(ports, user, run).await?;
    let ticket = Ticket::new(&object_of(ports, run)?, ports.ids.secret());
    let kept = NewTicket { user, hash: ticket.hash() };
    match ports.progress.keep_ticket(run, &row, &kept).await.map_err(NotWatched::BoardUnavailable)? {
        true => Ok(ticket),
        false => Err(NotWatched::RunNotFound),
    }
}

async fn row_of(ports: &AnalysisPorts, user: UserId, run: RunId) -> Result<RunState, NotWatched> {
    ports.runs.visible_state(user, run).await?.ok_or(NotWatched::RunNotFound)
}

fn object_of(ports: &AnalysisPorts, run: RunId) -> Result<String, NotWatched> {
    ports.progress.object_of(run).map_err(NotWatched::BoardUnavailable)
}
