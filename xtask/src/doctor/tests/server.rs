//! A server of this process that answers GETs from a table.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::Value;

/// What is answered: a status, headers, and a body.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Page {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }
}

/// A request: its path with the query, and its headers by lower-case names.
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

/// Serves until the process ends; returns the address, without a slash at its end.
pub fn serve(answer: impl Fn(&Request) -> Page + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                // A client that goes away is no failure of the server's.
                let _ = connection(stream, answer.as_ref());
            });
        }
    });
    url
}

/// One request a connection.
fn connection(mut stream: TcpStream, answer: &(impl Fn(&Request) -> Page + ?Sized)) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let Page { status, headers, body } = answer(&Request { path, headers });
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    )?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "connection: close\r\n\r\n{body}")
}
