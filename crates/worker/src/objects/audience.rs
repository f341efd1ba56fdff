//! Those who are connected to a run's object. A stream reads on in the list of events when its client has room, so what
//! is not read costs nothing; a WebSocket is told at once, and sleeps with the object.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
};

use axum::body::{Body, Bytes};
use futures_util::{
    future::{Either, select},
    stream,
};
use jiff::Timestamp;
use oslira_app::{
    features::analysis::{Cursor, EventLog, HEARTBEAT, HEARTBEAT_EVERY, StreamReader, StreamStep, Told, Watchers},
    shared::{clock::Clock as _, ids::AccountId, in_flight::Permit},
};
use worker::{
    Delay, Result, State, WebSocket,
    send::{SendFuture, SendWrapper},
};

use crate::adapters::PlatformClock;

/// The close codes of RFC 6455 for a connection that has done its work, and for one that has to be opened again.
const DONE: u16 = 1000;
const GOING_AWAY: u16 = 1001;

/// The streams of one object, and what they are told.
#[derive(Default)]
pub struct Audience {
    /// What there is to tell; `None` when nothing is stored any more.
    events: RefCell<Option<EventLog>>,
    watchers: RefCell<Watchers>,
    /// The places that sockets take among the connections of their account. A sleeping object loses them: then its sockets cost nothing.
    sockets: RefCell<Vec<Permit<AccountId>>>,
    news: Bell,
}

impl Audience {
    /// Tells streams and sockets what they have not been told yet.
    pub fn tell(&self, sockets: &State, events: Option<&EventLog>) -> Result<()> {
        self.events.replace(events.cloned());
        self.news.ring();
        for socket in sockets.as_raw().get_websockets()? {
            // One that is closing cannot be told, which is nobody else's concern.
            if let Err(error) = tell(&socket.into(), events, PlatformClock.now()) {
                tracing::debug!(%error, "a watcher was not told");
            }
        }
        Ok(())
    }

    /// Whether another connection has room.
    pub fn has_room(&self, sockets: &State, now: Timestamp) -> Result<bool> {
        let sockets = sockets.as_raw().get_websockets()?.len();
        // Some may have ended without a word.
        self.sockets.borrow_mut().truncate(sockets);
        Ok(self.watchers.borrow_mut().have_room(sockets, now))
    }

    /// Keeps the place of a socket that was opened.
    pub fn keep_socket(&self, place: Option<Permit<AccountId>>) {
        self.sockets.borrow_mut().extend(place);
    }

    /// Gives the place of a socket back that has ended: any, because they are all of one account.
    pub fn forget_socket(&self) {
        self.sockets.borrow_mut().pop();
    }

    /// Tells one socket what it has not been told yet.
    pub fn tell_one(&self, socket: &WebSocket) -> Result<()> {
        tell(socket, self.events.borrow().as_ref(), PlatformClock.now())
    }

    /// Whether somebody who saw the event `seen` last has seen the run's end.
    pub fn is_over_for(&self, seen: u64) -> bool {
        self.events.borrow().as_ref().is_some_and(|events| events.is_over_for(seen))
    }

    /// A stream of what follows this place.
    pub fn stream(self: &Rc<Self>, cursor: Cursor, place: Option<Permit<AccountId>>, now: Timestamp) -> Body {
        let number = self.watchers.borrow_mut().enter(now);
        let stream = OpenStream { audience: self.clone(), number, reader: StreamReader::new(cursor), _place: place };
        Body::from_stream(stream::unfold(SendWrapper::new(stream), |mut stream| {
            SendFuture::new(async move {
                let piece = stream.0.next().await?;
                Some((Ok::<_, Infallible>(piece), stream))
            })
        }))
    }
}

struct OpenStream {
    audience: Rc<Audience>,
    number: u64,
    reader: StreamReader,
    /// Among the connections of its account; given back with the stream.
    _place: Option<Permit<AccountId>>,
}

impl OpenStream {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let mut silence = pin!(Delay::from(HEARTBEAT_EVERY));
        loop {
            let now = PlatformClock.now();
            if !self.audience.watchers.borrow_mut().asked(self.number, now) {
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
    fn drop(&mut self) {
        self.audience.watchers.borrow_mut().leave(self.number);
    }
}

/// Tells one socket. Its place in the list is stored with it, because it outlives the object's sleep.
fn tell(socket: &WebSocket, events: Option<&EventLog>, now: Timestamp) -> Result<()> {
    let Some(events) = events else {
        return socket.close(Some(GOING_AWAY), Some("the run is gone"));
    };
    let Some(mut cursor) = socket.deserialize_attachment::<Cursor>()? else {
        return Ok(());
    };
    let told = cursor.advance(events, now);
    if let Told::Open(events) | Told::Ended(events) = &told {
        for event in events {
            socket.send_with_str(event.json())?;
        }
        socket.serialize_attachment(&cursor)?;
    }
    match told {
        Told::Open(_) => Ok(()),
        Told::Ended(_) => socket.close(Some(DONE), Some("the run has ended")),
        Told::Lapsed => socket.close(Some(GOING_AWAY), Some("connect again with after=SEQ")),
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
