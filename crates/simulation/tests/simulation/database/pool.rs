//! A connection pooler for these tests. The product opens a connection for each transaction, because its pooler makes
//! that cheap. A bare Postgres instead starts a process each time, which compiles every function anew: nine tenths of
//! the time of these tests. This pooler keeps the connection that a client closes, and hands it to the next client.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use oslira_app::shared::store::StoreError;
use oslira_postgres::Connect;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_postgres::{Client, Config, NoTls, config::Host};

/// The address of the test cluster; `cargo xtask test` sets it.
const CLUSTER_VARIABLE: &str = "OSLIRA_TEST_DATABASE_URL";
/// What a server sends to a client that it lets in: `AuthenticationOk`, then `ReadyForQuery` outside of a transaction.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
/// The message `Terminate`, with which a client closes its connection.
const TERMINATE: &[u8] = b"X\0\0\0\x04";

/// The connections of one login to one database.
pub struct Pool {
    config: Config,
    idle: Arc<Mutex<Vec<TcpStream>>>,
}

impl Pool {
    /// A pool for a login of a database in the cluster of the tests.
    pub fn new(database: &str, login: &str) -> Self {
        let url = std::env::var(CLUSTER_VARIABLE).unwrap();
        let mut config: Config = url.parse().unwrap();
        config.dbname(database).user(login);
        Self { config, idle: Arc::default() }
    }

    async fn open(&self) -> Result<Client, Box<dyn std::error::Error>> {
        let kept = self.idle.lock().unwrap().pop();
        let (stream, stage) = match kept {
            Some(stream) => (stream, Stage::Startup),
            None => (self.dial().await?, Stage::Through),
        };
        let stream = Pooled { stream: Some(stream), stage, idle: self.idle.clone() };
        let (client, connection) = self.config.connect_raw(stream, NoTls).await?;
        tokio::spawn(async move {
            // A lost connection shows in the client's next statement.
            let _ended = connection.await;
        });
        Ok(client)
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let stream = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => TcpStream::connect((host.as_str(), port)).await?,
            other => panic!("the tests reach their cluster by TCP, not by {other:?}"),
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[async_trait]
impl Connect for Pool {
    async fn connect(&self) -> Result<Client, StoreError> {
        self.open().await.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[derive(Clone, Copy)]
enum Stage {
    /// The server has let in an earlier client on this connection: this client's startup message is not sent on.
    Startup,
    /// So many bytes of [`WELCOME`] are sent to the client.
    Welcome(usize),
    /// Everything is passed on between client and server.
    Through,
}

/// A client's side of a connection. It goes back to the pool when the client closes it, of which the server is not
/// told. By then the client's transaction has ended, because [`Connect`]'s users wait for its last answer.
struct Pooled {
    stream: Option<TcpStream>,
    stage: Stage,
    idle: Arc<Mutex<Vec<TcpStream>>>,
}

impl Pooled {
    fn poll_stream<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>,
        without: T,
    ) -> Poll<io::Result<T>> {
        self.stream.as_mut().map_or(Poll::Ready(Ok(without)), |stream| poll(Pin::new(stream)))
    }
}

impl AsyncRead for Pooled {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let told = match self.stage {
            Stage::Through => return self.poll_stream(|stream| stream.poll_read(cx, buffer), ()),
            Stage::Startup => 0,
            Stage::Welcome(told) => told,
        };
        let more = &WELCOME[told..];
        let more = &more[..more.len().min(buffer.remaining())];
        buffer.put_slice(more);
        let told = told + more.len();
        self.stage = if told == WELCOME.len() { Stage::Through } else { Stage::Welcome(told) };
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pooled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Stage::Startup = self.stage {
            let length = bytes.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
            assert_eq!(length, Some(bytes.len()), "the startup message comes in one write");
            self.stage = Stage::Welcome(0);
            return Poll::Ready(Ok(bytes.len()));
        }
        // It comes alone in its write, because nothing else is pending when a client is dropped.
        if bytes == TERMINATE {
            let stream = self.stream.take();
            self.idle.lock().unwrap().extend(stream);
            return Poll::Ready(Ok(bytes.len()));
        }
        self.poll_stream(|stream| stream.poll_write(cx, bytes), 0)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_stream(|stream| stream.poll_flush(cx), ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_stream(|stream| stream.poll_shutdown(cx), ())
    }
}
