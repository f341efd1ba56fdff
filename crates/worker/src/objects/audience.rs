//! Those who are connected to a run's object. A stream reads on in the list of events when its client has room, so what
//! is not read costs nothing; a WebSocket is told at once, and sleeps with the object.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::{
    future::{Either, select},
    stream,
};
use jiff::Timestamp;
use oslira_app::{
    features::analysis::{
        Connection, Cursor, EventLog, HEARTBEAT, HEARTBEAT_EVERY, StreamReader, StreamStep, Told, Watchers,
    },
    shared::{clock::Clock as _, in_flight::Permit},
};
use serde::{Deserialize, Serialize};
use wasm_bindgen_futures::spawn_local;
use worker::{
    Delay, Result, State, WebSocket,
    send::{SendFuture, SendWrapper},
};

use super::run_connections::RunConnections;
use crate::adapters::PlatformClock;

/// The close codes of RFC 6455 for a connection that has done its work, and for one that has to be opened again.
const DONE: u16 = 1000;
const GOING_AWAY: u16 = 1001;
/// How often it is looked for streams that nobody reads, and for ends of which the account has to hear.
const LOOKED_AFTER_EVERY: Duration = Duration::from_secs(5);

/// The connections of one object, and what they are told.
pub struct Audience {
    /// What there is to tell; `None` when nothing is stored any more.
    events: RefCell<Option<EventLog>>,
    watchers: RefCell<Watchers>,
    connections: RunConnections,
    is_looked_after: Cell<bool>,
    has_looked_back: Cell<bool>,
    news: Bell,
}

/// What is stored with a socket: it outlives the object's sleep.
#[derive(Debug, Serialize, Deserialize)]
struct Attached {
    /// Its place in the list of events.
    cursor: Cursor,
    connection: Connection,
}

impl Audience {
    pub fn new(connections: RunConnections) -> Self {
        Self {
            events: RefCell::default(),
            watchers: RefCell::default(),
            connections,
            is_looked_after: Cell::default(),
            has_looked_back: Cell::default(),
            news: Bell::default(),
        }
    }

    /// Tells streams and sockets what they have not been told yet.
    pub fn tell(self: &Rc<Self>, sockets: &State, events: Option<&EventLog>) -> Result<()> {
        self.events.replace(events.cloned());
        self.news.ring();
        for socket in sockets.as_raw().get_websockets()? {
            // One that is closing cannot be told, which is nobody else's concern.
            if let Err(error) = self.tell_socket(&socket.into(), PlatformClock.now()) {
                tracing::debug!(%error, "a watcher was not told");
            }
        }
        self.tell_of_ends();
        Ok(())
    }

    /// Whether the run has room for another connection.
    pub fn has_room(&self, sockets: &State, now: Timestamp) -> Result<bool> {
        self.end_stalled(now);
        let sockets = sockets.as_raw().get_websockets()?.len();
        Ok(self.watchers.borrow().have_room(sockets))
    }

    /// Whether the account has room for this connection too.
    pub async fn account_has_room(&self, connection: Connection) -> bool {
        self.connections.ask_for_room(connection).await
    }

    /// Writes down that a connection is open, before it is.
    pub async fn note_opened(&self, connection: Connection) -> Result<()> {
        self.connections.note_opened(connection).await
    }

    /// A connection was not opened after all, or has ended.
    pub fn forget(self: &Rc<Self>, connection: Connection) {
        self.connections.note_ended([connection]);
        self.tell_of_ends();
    }

    /// The same of a socket.
    pub fn forget_socket(self: &Rc<Self>, socket: &WebSocket) {
        if let Some(attached) = attached(socket) {
            self.forget(attached.connection);
        }
    }

    /// Once in the life of the object: has the account told which connections ended with its last life. Streams did, and so did sockets
    /// of which the runtime does not know any more.
    pub async fn look_back(self: &Rc<Self>, sockets: &State) {
        if self.has_looked_back.replace(true) {
            return;
        }
        match self.lost(sockets).await {
            Ok(lost) => {
                self.connections.note_ended(lost);
                self.tell_of_ends();
            }
            Err(error) => {
                self.has_looked_back.set(false);
                tracing::warn!(%error, "it is not known which connections ended with the last life of an object");
            }
        }
    }

    async fn lost(&self, sockets: &State) -> Result<Vec<Connection>> {
        let mut open = self.connections.written_down().await?;
        let sockets = sockets.as_raw().get_websockets()?;
        let asleep: Vec<Connection> = sockets
            .into_iter()
            .filter_map(|socket| attached(&socket.into()))
            .map(|attached| attached.connection)
            .collect();
        let watchers = self.watchers.borrow();
        open.retain(|connection| !asleep.contains(connection) && !watchers.have(connection.id));
        Ok(open)
    }

    /// Keeps a socket's place in the list with it, and tells it what it has not been told yet.
    pub fn begin_socket(self: &Rc<Self>, socket: &WebSocket, cursor: Cursor, connection: Connection) -> Result<()> {
        socket.serialize_attachment(&Attached { cursor, connection })?;
        self.tell_socket(socket, PlatformClock.now())?;
        self.tell_of_ends();
        Ok(())
    }

    /// Whether somebody who saw the event `seen` last has seen the run's end.
    pub fn is_over_for(&self, seen: u64) -> bool {
        self.events.borrow().as_ref().is_some_and(|events| events.is_over_for(seen))
    }

    /// A stream of what follows this place.
    pub fn stream(
        self: &Rc<Self>,
        cursor: Cursor,
        connection: Connection,
        permit: Option<Permit<()>>,
        now: Timestamp,
    ) -> Body {
        self.watchers.borrow_mut().enter(connection, now);
        self.look_after();
        let reader = StreamReader::new(cursor);
        let stream = OpenStream { audience: self.clone(), connection, reader, _permit: permit };
        Body::from_stream(stream::unfold(SendWrapper::new(stream), |mut stream| {
            SendFuture::new(async move {
                let piece = stream.0.next().await?;
                Some((Ok::<_, Infallible>(piece), stream))
            })
        }))
    }

    /// Has accounts told what has ended, behind whatever goes on now.
    fn tell_of_ends(self: &Rc<Self>) {
        if self.connections.has_ended() {
            self.look_after();
        }
    }

    /// Looks after the connections from now on, as long as there is a stream or an end to tell. Called while the object handles an event,
    /// because what goes on behind it can send requests and set timers only there.
    fn look_after(self: &Rc<Self>) {
        if self.is_looked_after.replace(true) {
            return;
        }
        // The platform drops its timers with an object; what waits for one must not keep the rest.
        let audience = Rc::downgrade(self);
        spawn_local(async move {
            while let Some(audience) = audience.upgrade() {
                if !audience.look().await {
                    return;
                }
                drop(audience);
                Delay::from(LOOKED_AFTER_EVERY).await;
            }
        });
    }

    /// Looks once; answers whether there is something to look after.
    async fn look(&self) -> bool {
        self.end_stalled(PlatformClock.now());
        self.connections.tell_ended().await;
        let goes_on = !self.watchers.borrow().are_none() || self.connections.has_ended();
        self.is_looked_after.set(goes_on);
        goes_on
    }

    fn end_stalled(&self, now: Timestamp) {
        let stalled = self.watchers.borrow_mut().end_stalled(now);
        self.connections.note_ended(stalled);
    }

    fn tell_socket(&self, socket: &WebSocket, now: Timestamp) -> Result<()> {
        let attached = socket.deserialize_attachment::<Attached>()?;
        let events = self.events.borrow();
        let Some(events) = events.as_ref() else {
            self.connections.note_ended(attached.map(|attached| attached.connection));
            return socket.close(Some(GOING_AWAY), Some("the run is gone"));
        };
        let Some(mut attached) = attached else {
            return Ok(());
        };
        let told = attached.cursor.advance(events, now);
        if let Told::Open(events) | Told::Ended(events) = &told {
            for event in events {
                socket.send_with_str(event.json())?;
            }
            socket.serialize_attachment(&attached)?;
        }
        let (code, reason) = match told {
            Told::Open(_) => return Ok(()),
            Told::Ended(_) => (DONE, "the run has ended"),
            Told::Lapsed => (GOING_AWAY, "connect again with after=SEQ"),
        };
        // Its client may never answer the close.
        self.connections.note_ended([attached.connection]);
        socket.close(Some(code), Some(reason))
    }
}

/// What is stored with a socket; `None` if it cannot be read.
fn attached(socket: &WebSocket) -> Option<Attached> {
    socket.deserialize_attachment().unwrap_or_else(|error| {
        tracing::warn!(%error, "what is stored with a socket cannot be read");
        None
    })
}

struct OpenStream {
    audience: Rc<Audience>,
    connection: Connection,
    reader: StreamReader,
    /// Among the streams of the isolate; given back with the stream.
    _permit: Option<Permit<()>>,
}

impl OpenStream {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let mut silence = pin!(Delay::from(HEARTBEAT_EVERY));
        loop {
            let now = PlatformClock.now();
            if !self.audience.watchers.borrow_mut().asked(self.connection.id, now) {
                return None;
            }
            let heard = self.audience.news.rung();
            match self.reader.step(self.audience.events.borrow().as_ref(), now) {
                StreamStep::Send(text) => return Some(text.into()),
                StreamStep::Wait => {}
                StreamStep::End => return None,
            }
            let news = pin!(self.audience.news.after(heard));
            if let Either::Right(_) = select(news, silence.as_mut()).await {
                return Some(Bytes::from_static(HEARTBEAT.as_bytes()));
            }
        }
    }
}

impl Drop for OpenStream {
    /// Sends nothing: the garbage collector may drop it outside of any event.
    fn drop(&mut self) {
        // One that had stalled was noted then.
        if self.audience.watchers.borrow_mut().leave(self.connection.id) {
            self.audience.connections.note_ended([self.connection]);
        }
    }
}

/// Wakes those who wait for it to ring.
#[derive(Default)]
struct Bell {
    rung: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Bell {
    /// How often it has rung.
    fn rung(&self) -> u64 {
        self.rung.get()
    }

    fn ring(&self) {
        self.rung.set(self.rung.get().wrapping_add(1));
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until it has rung more often than `heard`.
    async fn after(&self, heard: u64) {
        poll_fn(|context| {
            if self.rung.get() != heard {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
