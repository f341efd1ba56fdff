//! The least that a client of Postgres has to be.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::messages::{one_query, password_message, startup};
use crate::stage::cluster_password;

/// Longer than anything a test waits for: a test that hangs says where.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    stream: TcpStream,
}

/// A row, its values as text.
pub type Row = Vec<String>;

#[derive(Debug, PartialEq, Eq)]
pub struct ServerError {
    pub severity: String,
    pub sqlstate: String,
    pub message: String,
}

impl Client {
    /// Connects and says nothing yet.
    pub async fn dial(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// Connects and is greeted, or hears why not.
    pub async fn connect(address: SocketAddr, parameters: &[(&str, &str)]) -> Result<Self, ServerError> {
        let mut client = Self::dial(address).await;
        client.send(&startup(parameters)).await;
        let mut greeting = Vec::new();
        loop {
            match client.receive().await.unwrap() {
                (b'Z', _) => break,
                (b'E', body) => return Err(error(&body)),
                // AuthenticationCleartextPassword.
                (b'R', body) if body == [0, 0, 0, 3] => client.send(&password_message(&cluster_password())).await,
                (tag, _) => greeting.push(tag),
            }
        }
        assert!(greeting.starts_with(b"RS") && greeting.ends_with(b"K"), "{}", greeting.escape_ascii());
        Ok(client)
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next message's tag and body; `None` once the connection is closed.
    pub async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let receiving = async {
            let tag = self.stream.read_u8().await.ok()?;
            let length = self.stream.read_u32().await.unwrap();
            let mut body = vec![0; length as usize - 4];
            self.stream.read_exact(&mut body).await.unwrap();
            Some((tag, body))
        };
        timeout(PATIENCE, receiving).await.unwrap()
    }

    /// One byte outside of any message.
    pub async fn receive_byte(&mut self) -> u8 {
        timeout(PATIENCE, self.stream.read_u8()).await.unwrap().unwrap()
    }

    /// The rows of a query in the one shape.
    pub async fn query(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<Row>, ServerError> {
        self.send(&one_query(sql, parameters)).await;
        self.answer().await
    }

    /// The only value of a query's only row.
    pub async fn value(&mut self, sql: &str) -> String {
        self.query(sql, &[]).await.unwrap().remove(0).remove(0)
    }

    /// What a query answers, up to ReadyForQuery or the end of the connection.
    pub async fn answer(&mut self) -> Result<Vec<Row>, ServerError> {
        let (mut rows, mut failed) = (Vec::new(), None);
        while let Some((tag, body)) = self.receive().await {
            match tag {
                b'D' => rows.push(row(&body)),
                b'E' => failed = Some(error(&body)),
                b'Z' => {
                    assert_eq!(body, b"I");
                    return failed.map_or(Ok(rows), Err);
                }
                _ => {}
            }
        }
        Err(failed.expect("the connection was closed without a word"))
    }

    pub async fn assert_closed(&mut self) {
        assert_eq!(self.receive().await, None);
    }
}

/// How a client with these parameters is turned away.
pub async fn start_error(address: SocketAddr, parameters: &[(&str, &str)]) -> ServerError {
    match Client::connect(address, parameters).await {
        Err(error) => error,
        Ok(_) => panic!("{parameters:?} were welcome"),
    }
}

fn row(mut body: &[u8]) -> Row {
    let mut take = |bytes: usize| {
        let (taken, rest) = body.split_at(bytes);
        body = rest;
        taken
    };
    let columns = u16::from_be_bytes(take(2).try_into().unwrap());
    (0..columns)
        .map(|_| match i32::from_be_bytes(take(4).try_into().unwrap()) {
            -1 => "null".to_owned(),
            bytes => String::from_utf8(take(bytes as usize).to_vec()).unwrap(),
        })
        .collect()
}

fn error(body: &[u8]) -> ServerError {
    let fields: Vec<_> = body.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let field = |tag: char| fields.iter().find_map(|field| field.strip_prefix(tag)).unwrap_or_default().to_owned();
    ServerError { severity: field('S'), sqlstate: field('C'), message: field('M') }
}
