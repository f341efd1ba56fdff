//! One client, from its first packet to its end.

use std::{convert::Infallible, io::Write, time::Duration};

use bytes::BytesMut;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    end::{End, INVALID_PASSWORD, Refusal, TOO_MANY_CONNECTIONS},
    message::{FrontMessage, Query, name_of},
    pool::{Pool, Pools},
    shape::{Progress, Shape},
    startup::{Opening, Startup},
    wire::Wire,
};

/// AuthenticationCleartextPassword.
const PASSWORD_REQUEST: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const PASSWORD_MESSAGE_TAG: u8 = b'p';

/// Generous: on a busy machine a Worker has been seen to open connections and to send their first message more than 5 s later.
const STARTUP_MAX: Duration = Duration::from_secs(15);

pub(crate) struct Client {
    wire: Wire,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { wire: Wire::new(stream) }
    }

    /// Serves it to its end.
    pub(crate) async fn attend(mut self, pools: &Pools) {
        let Err(end) = self.converse(pools).await;
        if let End::Refused(refusal) = &end {
            // A log that cannot be written is no reason to stop.
            let _ = writeln!(std::io::stderr(), "refused: {refusal}");
        }
        self.wire.close(&end.last_words()).await;
    }

    /// Ends it without having listened to it.
    pub(crate) async fn turn_away(self, clients_max: usize) {
        let message = format!("the strict pooler has {clients_max} clients already");
        self.wire.close(&End::failed(TOO_MANY_CONNECTIONS, message).last_words()).await;
    }

    async fn converse(&mut self, pools: &Pools) -> Result<Infallible, End> {
        let Ok(startup) = timeout(STARTUP_MAX, self.startup()).await else {
            return Err(Refusal(format!("no startup message within {} s", STARTUP_MAX.as_secs())).into());
        };
        let startup = startup?;
        if let Some(password) = pools.password() {
            self.authenticate(password).await?;
        }
        let pool = pools.pool(startup)?;
        let greeting = pool.greeting().await?;
        self.wire.write(&greeting).await.map_err(End::of_client)?;
        loop {
            let query = self.query().await?;
            self.answer(&query, &pool).await?;
        }
    }

    async fn startup(&mut self) -> Result<Startup, End> {
        loop {
            let packet = self.wire.packet().await.map_err(End::of_client)?;
            match Opening::parse(&packet)? {
                Opening::Encryption => self.wire.write(b"N").await.map_err(End::of_client)?,
                // Not passed on: the backend that the client's key names may run another client's query by now.
                Opening::Cancel => return Err(End::Left),
                Opening::Startup(startup) => return Ok(startup),
            }
        }
    }

    /// Asks for the password in clear text, which does not leave this machine.
    async fn authenticate(&mut self, password: &str) -> Result<(), End> {
        self.wire.write(PASSWORD_REQUEST).await.map_err(End::of_client)?;
        let Ok(frame) = timeout(STARTUP_MAX, self.wire.frame()).await else {
            return Err(Refusal(format!("no password within {} s", STARTUP_MAX.as_secs())).into());
        };
        let frame = frame.map_err(End::of_client)?;
        let sent = frame.body().strip_suffix(b"\0");
        if frame.tag != PASSWORD_MESSAGE_TAG || sent != Some(password.as_bytes()) {
            return Err(End::failed(INVALID_PASSWORD, "the password is wrong".to_owned()));
        }
        Ok(())
    }

    /// Waits until the next query is complete.
    async fn query(&mut self) -> Result<Query, End> {
        let (mut shape, mut messages, mut text) = (Shape::default(), BytesMut::new(), None);
        loop {
            let frame = self.wire.frame().await.map_err(End::of_client)?;
            let message = FrontMessage::parse(frame.tag, frame.body())
                .ok_or_else(|| Refusal(format!("malformed {}", name_of(frame.tag))))?;
            let progress = shape.accept(&message)?;
            messages.unsplit(frame.bytes);
            if let FrontMessage::Parse { sql, .. } = message {
                text = Some(sql);
            }
            match progress {
                Progress::More => {}
                Progress::Complete => return Ok(Query { messages, sql: text.unwrap_or_default() }),
                Progress::Left => return Err(End::Left),
            }
        }
    }

    async fn answer(&mut self, query: &Query, pool: &Pool) -> Result<(), End> {
        if let Some(answer) = pool.cache.as_ref().and_then(|cache| cache.get(query)) {
            return self.wire.write(&answer).await.map_err(End::of_client);
        }
        let mut lease = tokio::select! {
            biased;
            tag = self.wire.next_tag() => return Err(End::of_impatient_client(tag)),
            lease = pool.borrow() => lease?,
        };
        match lease.backend.run(query, &mut self.wire).await {
            Ok(answer) => {
                if let Some(cache) = &pool.cache {
                    cache.put(query, answer);
                }
                pool.give_back(lease).await;
                Ok(())
            }
            Err(end) => {
                pool.throw_away(lease).await;
                Err(end)
            }
        }
    }
}
