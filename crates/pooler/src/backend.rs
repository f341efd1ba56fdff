//! One connection to the server: opened with a client's startup parameters, then one query after the other.

use std::{fmt::Display, time::Duration};

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::message::{
    backend::{
        AUTHENTICATION_TAG, BACKEND_KEY_DATA_TAG, COPY_IN_RESPONSE_TAG, ERROR_RESPONSE_TAG, Message,
        READY_FOR_QUERY_TAG,
    },
    frontend,
};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    Options,
    end::{CONNECTION_FAILURE, End, INVALID_AUTHORIZATION, Refusal},
    message::Query,
    startup::Startup,
    wire::{Frame, Wire, WireError},
};

const CONNECT_MAX: Duration = Duration::from_secs(5);
const RESET_MAX: Duration = Duration::from_secs(5);
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// A cancel request that arrives before the server has begun the query has no effect, and the server answers none: so
/// it is sent again until the query has ended.
const CANCELS_MAX: u32 = 5;
const CANCEL_PATIENCE: Duration = Duration::from_millis(200);

/// ReadyForQuery's status outside any transaction.
const IDLE: &[u8] = b"I";

/// Replication's answer, in which both sides send data. `postgres-protocol` does not know it.
const COPY_BOTH_RESPONSE_TAG: u8 = b'W';

pub(crate) struct Backend {
    wire: Wire,
    server: String,
    /// Everything the server said from AuthenticationOk to its first ReadyForQuery.
    greeting: BytesMut,
    process_id: i32,
    secret_key: i32,
    /// A query was sent, and its end has not been seen.
    running: bool,
}

impl Backend {
    /// Opens one. The error is what its client has to hear: the server's own, if it said something.
    pub(crate) async fn connect(options: &Options, startup: &Startup) -> Result<Self, End> {
        let server = options.server.as_str();
        let opening = async {
            let stream = TcpStream::connect(server).await.map_err(|error| unreachable(server, error))?;
            let backend = Self {
                wire: Wire::new(stream),
                server: server.to_owned(),
                greeting: BytesMut::new(),
                process_id: 0,
                secret_key: 0,
                running: false,
            };
            backend.started(startup, options.password.as_deref()).await
        };
        let late = |_| Err(unreachable(server, format!("no answer within {} s", CONNECT_MAX.as_secs())));
        timeout(CONNECT_MAX, opening).await.unwrap_or_else(late)
    }

    /// Sends the startup message and reads the server's greeting, or its refusal.
    async fn started(mut self, startup: &Startup, password: Option<&str>) -> Result<Self, End> {
        let server = self.server.clone();
        let failed = |error: WireError| unreachable(&server, error);
        let message = startup.to_message().map_err(|error| failed(error.into()))?;
        self.wire.write(&message).await.map_err(failed)?;
        loop {
            let frame = self.wire.frame().await.map_err(failed)?;
            if let Some(answer) = answer_to(&frame, startup, password) {
                self.wire.write(&answer).await.map_err(failed)?;
                continue;
            }
            self.greeting.extend_from_slice(&frame.bytes);
            match frame.tag {
                ERROR_RESPONSE_TAG => return Err(End::Passed(frame.bytes)),
                READY_FOR_QUERY_TAG => return Ok(self),
                AUTHENTICATION_TAG | BACKEND_KEY_DATA_TAG => {
                    match Message::parse(&mut { frame.bytes }).map_err(|error| failed(error.into()))? {
                        Some(Message::AuthenticationOk) => {}
                        Some(Message::BackendKeyData(key)) => {
                            (self.process_id, self.secret_key) = (key.process_id(), key.secret_key());
                        }
                        _ => return Err(self.distrusted()),
                    }
                }
                _ => {}
            }
        }
    }

    fn distrusted(&self) -> End {
        let message =
            format!("the server at {} asks for a password, and the strict pooler has none that it takes", self.server);
        End::failed(INVALID_AUTHORIZATION, message)
    }

    pub(crate) fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// False when the server closed the connection. Also when it only said something on its own, as after a reload of
    /// its settings: the greeting is then out of date.
    pub(crate) fn is_usable(&self) -> bool {
        self.wire.is_quiet()
    }

    /// Runs one query, passes its answer on as it comes, and returns the last part of it: all of a short one. After an
    /// error the query may still be running.
    pub(crate) async fn run(&mut self, query: &Query, client: &mut Wire) -> Result<BytesMut, End> {
        self.running = true;
        self.wire.write(&query.messages).await.map_err(lost)?;
        let mut answer = BytesMut::new();
        let mut last_tag = 0;
        loop {
            while let Some(frame) = self.wire.buffered_frame().map_err(lost)? {
                last_tag = frame.tag;
                self.check(&frame, query)?;
                answer.unsplit(frame.bytes);
            }
            client.write(&answer).await.map_err(End::of_client)?;
            if !self.running {
                return Ok(answer);
            }
            answer.clear();
            // Biased, so that a message that is already there is noticed even when the answer is, too.
            let filled = tokio::select! {
                biased;
                tag = client.next_tag() => return Err(End::of_impatient_client(tag)),
                filled = self.wire.fill() => filled,
            };
            match filled {
                Ok(()) => {}
                // A server that ends a backend says why first, and that was passed on.
                Err(_) if last_tag == ERROR_RESPONSE_TAG => return Err(End::Passed(BytesMut::new())),
                Err(error) => return Err(lost(error)),
            }
        }
    }

    /// Notices the end of the query, and what a transaction pooler cannot have.
    fn check(&mut self, frame: &Frame, query: &Query) -> Result<(), Refusal> {
        let complaint = match frame.tag {
            READY_FOR_QUERY_TAG if frame.body() == IDLE => None,
            READY_FOR_QUERY_TAG => Some("left a transaction open"),
            // None will come, and a server that waits for it does not react to cancel requests.
            COPY_IN_RESPONSE_TAG | COPY_BOTH_RESPONSE_TAG => Some("waits for data from its client"),
            _ => return Ok(()),
        };
        self.running = false;
        complaint.map_or(Ok(()), |what| Err(Refusal(format!("the query {what}: {}", query.sql))))
    }

    /// Removes whatever the last query left in the session; false when that failed.
    pub(crate) async fn reset(&mut self) -> bool {
        let resetting = async {
            let mut discard = BytesMut::new();
            frontend::query("discard all", &mut discard)?;
            self.wire.write(&discard).await?;
            loop {
                let frame = self.wire.frame().await?;
                match frame.tag {
                    ERROR_RESPONSE_TAG => return Ok(false),
                    READY_FOR_QUERY_TAG => return Ok(frame.body() == IDLE),
                    _ => {}
                }
            }
        };
        let outcome: Result<Result<bool, WireError>, _> = timeout(RESET_MAX, resetting).await;
        matches!(outcome, Ok(Ok(true)))
    }

    /// Closes it and waits for the server's process to end: until then it counts as one of the server's connections.
    pub(crate) async fn close(mut self) {
        self.stop().await;
        let closing = async {
            let mut terminate = BytesMut::new();
            frontend::terminate(&mut terminate);
            self.wire.write(&terminate).await?;
            loop {
                self.wire.frame().await?;
            }
        };
        let _gone: Result<Result<(), WireError>, _> = timeout(FAREWELL_MAX, closing).await;
    }

    /// Cancels the query that is still running, if there is one.
    async fn stop(&mut self) {
        for _ in 0..CANCELS_MAX {
            if !self.running {
                return;
            }
            let cancelling = async {
                let _unheard = self.cancel().await;
                while self.wire.frame().await?.tag != READY_FOR_QUERY_TAG {}
                Ok(())
            };
            let outcome: Result<Result<(), WireError>, _> = timeout(CANCEL_PATIENCE, cancelling).await;
            // Without a timeout either the query has ended or the connection is lost: nothing is left to cancel.
            self.running = outcome.is_err();
        }
    }

    async fn cancel(&self) -> Result<(), WireError> {
        let mut wire = Wire::new(TcpStream::connect(&self.server).await?);
        let mut request = BytesMut::new();
        frontend::cancel_request(self.process_id, self.secret_key, &mut request);
        wire.write(&request).await
    }
}

/// The password, if that is what the server asks for and there is one.
fn answer_to(frame: &Frame, startup: &Startup, password: Option<&str>) -> Option<BytesMut> {
    if frame.tag != AUTHENTICATION_TAG {
        return None;
    }
    let password = password?;
    let mut answer = BytesMut::new();
    match Message::parse(&mut frame.bytes.clone()) {
        Ok(Some(Message::AuthenticationCleartextPassword)) => {
            frontend::password_message(password.as_bytes(), &mut answer).ok()?;
        }
        Ok(Some(Message::AuthenticationMd5Password(body))) => {
            let hash = md5_hash(startup.user().as_bytes(), password.as_bytes(), body.salt());
            frontend::password_message(hash.as_bytes(), &mut answer).ok()?;
        }
        _ => return None,
    }
    Some(answer)
}

fn unreachable(server: &str, why: impl Display) -> End {
    End::failed(CONNECTION_FAILURE, format!("the server at {server} cannot be reached: {why}"))
}

fn lost(error: WireError) -> End {
    End::failed(CONNECTION_FAILURE, format!("the connection to the server was lost during the query: {error}"))
}
