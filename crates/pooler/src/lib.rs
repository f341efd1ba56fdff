//! A transaction pooler for tests, as strict as any that production could put between the Worker and Postgres.
//!
//! What it promises to a test:
//! - A query that passes here needs nothing that transaction pooling may refuse: one query at a time, in one shape (see
//!   `shape`), whose transaction ends with it. Anything else ends the connection with FATAL 08P01 and a line
//!   `refused: …` on stderr.
//! - No state of a session reaches the next query: between two queries a backend is reset, or replaced (`fresh`).
//! - No query is ever sent twice, and none goes on running when its client has left.
//! - The server's own answers and errors arrive unchanged.
//!
//! It is no pooler for production: it has no TLS, no passwords, and cannot cancel for a client.

mod backend;
mod cache;
mod client;
mod end;
mod message;
mod options;
mod pool;
mod shape;
mod startup;
mod wire;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

pub use crate::options::{CONNECTIONS_DEFAULT, Options};
use crate::{client::Client, pool::Pools};

const CLIENTS_MAX: usize = 2_000;

/// Failures to accept come in a row while the process has no file descriptor left, and pass when clients leave.
const ACCEPT_FAILURES_MAX: u32 = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves clients until the future is dropped, which ends their connections too.
///
/// # Errors
/// When the listener accepts nobody for seconds.
pub async fn serve(listener: TcpListener, options: Options) -> io::Result<()> {
    let pools = Arc::new(Pools::new(options));
    let seats = Arc::new(Semaphore::new(CLIENTS_MAX));
    let mut clients = JoinSet::new();
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = clients.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                failures = 0;
                clients.spawn(attend(stream, pools.clone(), seats.clone()));
            }
            Err(error) if failures == ACCEPT_FAILURES_MAX => return Err(error),
            Err(_) => {
                failures += 1;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn attend(stream: TcpStream, pools: Arc<Pools>, seats: Arc<Semaphore>) {
    let client = Client::new(stream);
    match seats.try_acquire() {
        Ok(_seat) => client.attend(&pools).await,
        Err(_) => client.turn_away(CLIENTS_MAX).await,
    }
}
