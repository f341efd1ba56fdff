//! Servers that a real Postgres does not play on demand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use oslira_pooler::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::client::{Client, start_error};
use crate::messages::{one_query, packet};
use crate::stage::serve;

const ANN: [(&str, &str); 1] = [("user", "ann")];

const ASKS_FOR_PASSWORD: &[u8] = b"R\0\0\0\x08\0\0\0\x03";

/// AuthenticationOk, one ParameterStatus, the key (1, 2), ReadyForQuery.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x08a\0b\0K\0\0\0\x0c\0\0\0\x01\0\0\0\x02Z\0\0\0\x05I";
const KEY: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 2];

/// A server that greets every backend alike and answers no query.
struct Server {
    address: String,
    greeting: &'static [u8],
    /// Closes the connection at the first query, instead of keeping silent.
    drops_queries: bool,
    queries: AtomicUsize,
    /// A permit for each cancel request.
    cancels: Semaphore,
}

impl Server {
    async fn start(greeting: &'static [u8], drops_queries: bool) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (queries, cancels) = (AtomicUsize::new(0), Semaphore::new(0));
        let server = Arc::new(Self { address, greeting, drops_queries, queries, cancels });
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().attend(stream));
            }
        });
        server
    }

    async fn attend(self: Arc<Self>, mut stream: TcpStream) {
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).await.unwrap();
        if bytes[..read] == packet(80_877_102, &KEY) {
            return self.cancels.add_permits(1);
        }
        stream.write_all(self.greeting).await.unwrap();
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            self.queries.fetch_add(bytes[..read].starts_with(b"P").into(), Ordering::SeqCst);
            if self.drops_queries {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_password_is_not_for_a_pooler_without_one() {
    let server = Server::start(ASKS_FOR_PASSWORD, false).await;
    let (address, _pooler) = serve(Options::new(&server.address)).await;
    let error = start_error(address, &ANN).await;
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "28000"));
    let expected =
        format!("the server at {} asks for a password, and the strict pooler has none that it takes", server.address);
    assert_eq!(error.message, expected);
}

#[tokio::test]
async fn a_query_is_never_sent_twice() {
    let server = Server::start(WELCOME, true).await;
    let (address, _pooler) = serve(Options::new(&server.address)).await;
    let mut client = Client::connect(address, &ANN).await.unwrap();
    let error = client.query("select 1", &[]).await.unwrap_err();
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "08006"));
    assert!(error.message.starts_with("the connection to the server was lost during the query: "), "{error:?}");
    client.assert_closed().await;
    assert_eq!(server.queries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_cancel_request_that_had_no_effect_is_sent_again() {
    let server = Server::start(WELCOME, false).await;
    let (address, _pooler) = serve(Options::new(&server.address)).await;
    let mut client = Client::connect(address, &ANN).await.unwrap();
    client.send(&one_query("select 1", &[])).await;
    while server.queries.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    let cancels = tokio::time::timeout(Duration::from_secs(5), server.cancels.acquire_many(3)).await;
    assert!(cancels.is_ok_and(|permits| permits.is_ok()));
}
