//! The Durable Object of one run's progress: the shell round [`ProgressObject`].
//!
//! Its class is written out instead of being made by `durable_object`, because a stream of events leaves as a
//! [`BodyStream`]: pulled through `entry.js`, it breaks off when the module traps, where any other would hang.

use std::{cell::RefCell, rc::Rc};

use oslira_app::{
    features::analysis::{
        Connection, Cursor, NewTicket, ProgressAlarm, ProgressCommand, ProgressEffect, ProgressObject, ProgressProofs,
        ProgressQuestion, ProgressRecord, RECONCILE_EVERY, Room, RunState, SystemRuns as _, WatchAnswer, WatchQuestion,
        WatchRefusal,
    },
    shared::{clock::Clock as _, ids::RunId},
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::{
    Env, Request, Response, Result, State, WebSocket, WebSocketPair, WebSocketRequestResponsePair, web_sys,
    worker_sys::DurableObjectState,
};

use super::{audience::Audience, run_connections::RunConnections};
use crate::{
    adapters::{PlatformClock, QUESTION, new_connection_id},
    boundary::BodyStream,
    compose,
    isolate::Isolate,
};

const KEY: &str = "record";
/// The status of a refusal, whose reason is in the body.
pub const REFUSED: u16 = 409;
/// The close code of RFC 6455 for a client that does what it may not.
const POLICY: u16 = 1008;
const DONE: u16 = 1000;

#[wasm_bindgen]
pub struct RunProgress {
    state: State,
    env: Env,
    proofs: RefCell<ProgressProofs>,
    audience: Rc<Audience>,
}

/// What becomes of somebody who wants to watch.
enum Opened {
    Live(JsValue),
    /// They have seen the run's end.
    Over,
    Refused(WatchRefusal),
}

#[wasm_bindgen]
impl RunProgress {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        // Starts logging: an object may be the first thing that runs in its isolate.
        Isolate::of(&env);
        let state = State::from(state);
        let audience = Rc::new(Audience::new(RunConnections::new(&env, state.storage())));
        Self { state, env, proofs: RefCell::default(), audience }
    }

    /// Answers with a `Response`, or with a [`BodyStream`] for the body of one.
    pub async fn fetch(&self, request: web_sys::Request) -> std::result::Result<JsValue, JsValue> {
        self.answer(request.into()).await.map_err(JsValue::from)
    }

    /// Catches failures and sets the alarm again: the platform drops an alarm that has thrown in six retries.
    pub async fn alarm(&self) -> std::result::Result<(), JsValue> {
        if let Err(error) = self.reconcile().await {
            tracing::warn!(%error, "progress not reconciled; trying again");
            self.state.storage().set_alarm(RECONCILE_EVERY).await?;
        }
        Ok(())
    }

    /// Nothing is read from a watcher; `ping` is answered by the runtime, without waking the object.
    #[wasm_bindgen(js_name = webSocketMessage)]
    pub fn message(&self, socket: web_sys::WebSocket, _message: JsValue) {
        let socket = WebSocket::from(socket);
        self.audience.forget_socket(&socket);
        close(&socket, POLICY, "nothing but ping is taken here");
    }

    /// The client has closed: the answer ends the connection.
    #[wasm_bindgen(js_name = webSocketClose)]
    pub fn closed(&self, socket: web_sys::WebSocket) {
        let socket = WebSocket::from(socket);
        self.audience.forget_socket(&socket);
        close(&socket, DONE, "");
    }

    #[wasm_bindgen(js_name = webSocketError)]
    pub fn failed(&self, socket: web_sys::WebSocket) {
        self.audience.forget_socket(&socket.into());
    }
}

/// Closes a socket; one that is closed already needs no more.
fn close(socket: &WebSocket, code: u16, reason: &str) {
    if let Err(error) = socket.close(Some(code), Some(reason)) {
        tracing::debug!(%error, "a watcher was gone already");
    }
}

fn respond(response: Response) -> JsValue {
    web_sys::Response::from(response).into()
}

fn refuse(why: WatchRefusal) -> Result<JsValue> {
    Response::from_json(&why).map(|response| respond(response.with_status(REFUSED)))
}

impl RunProgress {
    async fn answer(&self, mut request: Request) -> Result<JsValue> {
        match request.path().as_str() {
            "/command" => {
                let command: ProgressCommand = request.json().await?;
                let effects = self.read().await?.apply(command, PlatformClock.now());
                self.carry_out(effects).await?;
                Response::from_json(&true).map(respond)
            }
            "/look" => {
                let question: ProgressQuestion = request.json().await?;
                let mut object = self.read().await?;
                let (answer, effects) = object.look(&question, &mut self.proofs.borrow_mut(), PlatformClock.now());
                self.carry_out(effects).await?;
                Response::from_json(&answer).map(respond)
            }
            "/ticket" => {
                let (run, row, ticket): (RunId, RunState, NewTicket) = request.json().await?;
                let (is_kept, effects) = self.read().await?.keep_ticket(run, &row, ticket, PlatformClock.now());
                self.carry_out(effects).await?;
                Response::from_json(&is_kept).map(respond)
            }
            "/watch" => self.watch(&request).await,
            _ => Response::error("no such operation", 404).map(respond),
        }
    }

    async fn watch(&self, request: &Request) -> Result<JsValue> {
        let url = request.url()?;
        let question = url.query_pairs().find(|(name, _)| name == QUESTION).map(|(_, value)| value.into_owned());
        let question: WatchQuestion = serde_json::from_str(&question.unwrap_or_default())?;
        let is_socket = request.headers().has("upgrade")?;
        let account_id = match self.read().await?.account_for(&question, PlatformClock.now()) {
            Ok(account_id) => account_id,
            Err(why) => return refuse(why),
        };
        let connection = Connection { id: new_connection_id(), account_id };
        let room = self.room_for(connection).await?;
        let opened = self.open(&question, connection, room, is_socket).await;
        if room == Room::Free && !matches!(opened, Ok(Opened::Live(_))) {
            self.audience.forget(connection);
        }
        match opened? {
            Opened::Live(answer) => Ok(answer),
            Opened::Over => Response::empty().map(|response| respond(response.with_status(204))),
            Opened::Refused(why) => refuse(why),
        }
    }

    /// Whether there is room for this connection. If so, it counts in its account from now on.
    async fn room_for(&self, connection: Connection) -> Result<Room> {
        if !self.audience.has_room(&self.state, PlatformClock.now())? {
            return Ok(Room::RunFull);
        }
        // Whoever comes back after the object has lost its connections finds the room that they had.
        self.audience.look_back(&self.state).await;
        Ok(if self.audience.account_has_room(connection).await { Room::Free } else { Room::AccountFull })
    }

    async fn open(
        &self,
        question: &WatchQuestion,
        connection: Connection,
        room: Room,
        is_socket: bool,
    ) -> Result<Opened> {
        // Other events were let in while the account was asked, so the object is read, and room looked for, again.
        let mut object = self.read().await?;
        // An object that has just woken up does not know yet what there is to tell.
        self.audience.tell(&self.state, object.events())?;
        let now = PlatformClock.now();
        let permit = Isolate::of(&self.env).streams.enter((), now).ok();
        let room = match room {
            Room::Free if !self.audience.has_room(&self.state, now)? => Room::RunFull,
            Room::Free if permit.is_none() => Room::Overloaded,
            room => room,
        };
        let (answer, effects) = object.watch(question, room, now);
        self.carry_out(effects).await?;
        let cursor = match answer {
            WatchAnswer::Refused(why) => return Ok(Opened::Refused(why)),
            WatchAnswer::Open(cursor) => cursor,
        };
        if !is_socket && self.audience.is_over_for(question.seen) {
            return Ok(Opened::Over);
        }
        self.audience.note_opened(connection).await?;
        if is_socket {
            return self.open_socket(cursor, connection).map(|response| Opened::Live(respond(response)));
        }
        let stream = BodyStream::from(self.audience.stream(cursor, connection, permit, now));
        Ok(Opened::Live(stream.into()))
    }

    /// Accepts a socket for which the runtime keeps the connection while the object sleeps.
    fn open_socket(&self, cursor: Cursor, connection: Connection) -> Result<Response> {
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        let state = self.state.as_raw();
        state.set_websocket_auto_response(&WebSocketRequestResponsePair::new("ping", "pong")?)?;
        state.accept_websocket(server.as_ref())?;
        self.audience.begin_socket(&server, cursor, connection)?;
        Response::from_websocket(client)
    }

    /// Reads the record for each event; the runtime has it in memory, and holds other events back until it is read.
    async fn read(&self) -> Result<ProgressObject> {
        self.state.storage().get::<ProgressRecord>(KEY).await.map(ProgressObject::new)
    }

    async fn carry_out(&self, effects: Vec<ProgressEffect>) -> Result<()> {
        let storage = self.state.storage();
        for effect in effects {
            match effect {
                ProgressEffect::Store(record) => {
                    storage.put(KEY, &record).await?;
                    self.audience.tell(&self.state, Some(record.events()))?;
                }
                ProgressEffect::SetAlarm(after) => storage.set_alarm(after).await?,
                ProgressEffect::Delete => {
                    storage.delete_all().await?;
                    self.audience.tell(&self.state, None)?;
                }
            }
        }
        Ok(())
    }

    async fn reconcile(&self) -> Result<()> {
        self.audience.look_back(&self.state).await;
        let effects = match self.read().await?.alarm(PlatformClock.now()) {
            ProgressAlarm::Do(effects) => effects,
            ProgressAlarm::ReadRow(run) => {
                let row = compose::admin(&self.env).state(run).await;
                let row = row.map_err(|error| worker::Error::RustError(error.to_string()))?;
                // Other events were let in while the database was asked, so the object is read again.
                self.read().await?.reconcile(row.as_ref(), PlatformClock.now())
            }
        };
        self.carry_out(effects).await?;
        // Sockets that have lasted long enough are closed, and one that missed something is told.
        self.audience.tell(&self.state, self.read().await?.events())
    }
}
