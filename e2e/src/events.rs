//! Readers of a run's events: of server-sent events, and of a WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use crate::{Answer, Stack, User};

/// A stream of server-sent events.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    text: String,
}

/// A block of lines between two empty ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    Event(Value),
    /// Begins with a colon.
    Comment,
    Retry,
}

impl User {
    /// A request for the stream of a run, with the user's token.
    pub fn watch(&self, run: &str, query: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("/runs/{run}/events{query}")).header("accept", "text/event-stream")
    }

    /// Asserts that the account has as many connections as it may have, at a run that has room itself; answers the refusal. An account that
    /// is silent for a moment keeps nobody out, so a busy machine may let somebody in, who does not count.
    pub async fn finds_too_many_streams(&self, run: &str) -> Answer {
        for _ in 0..5 {
            let response = self.watch(run, "").send().await.unwrap();
            if response.status() != 200 {
                let answer = Answer::read(response).await;
                assert_eq!(answer.refused(429, "too_many_streams"), &json!({ "limit": 128 }));
                return answer;
            }
        }
        panic!("the account has room for more connections");
    }

    /// A ticket to watch a run with.
    pub async fn ticket(&self, run: &str) -> String {
        let answer = self.post(&format!("/runs/{run}/events/ticket")).await;
        answer.data(201)["ticket"].as_str().unwrap().to_owned()
    }
}

impl Stack {
    /// A request for the stream of a run with nothing but what is in the address, as a browser asks.
    pub fn watch(&self, run: &str, ticket: &str) -> RequestBuilder {
        let url = format!("{}/runs/{run}/events?ticket={ticket}", self.api_url);
        self.http().get(url).header("accept", "text/event-stream")
    }
}

impl EventStream {
    /// Opens a stream, which must be accepted.
    pub async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { response, text: String::new() }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The next block; `None` when the server has ended the stream.
    pub async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (read(block), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let Some(piece) = self.response.chunk().await.unwrap() else {
                assert_eq!(self.text, "", "the stream broke off within an event");
                return None;
            };
            self.text += std::str::from_utf8(&piece).unwrap();
        }
    }

    /// The next event; `None` when the server has ended the stream.
    pub async fn event(&mut self) -> Option<Value> {
        loop {
            if let Block::Event(event) = self.block().await? {
                return Some(event);
            }
        }
    }

    /// Events up to the first of this phase.
    pub async fn until(&mut self, phase: &str) -> Vec<Value> {
        let mut events = vec![];
        while events.last().is_none_or(|event: &Value| event["phase"] != phase) {
            let event = self.event().await;
            events.push(event.unwrap_or_else(|| panic!("the stream ended after {events:?}")));
        }
        events
    }

    /// Events until the stream ends or breaks off, as it does when the object behind it is gone; half an event is none.
    pub async fn until_it_breaks(mut self) -> Vec<Value> {
        while let Ok(Some(piece)) = self.response.chunk().await {
            self.text += std::str::from_utf8(&piece).unwrap();
        }
        let (whole, _) = self.text.rsplit_once("\n\n").unwrap_or_default();
        let blocks = whole.split("\n\n").filter(|block| !block.is_empty()).map(read);
        blocks.filter_map(|block| if let Block::Event(event) = block { Some(event) } else { None }).collect()
    }

    /// Events up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut events = vec![];
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }
}

fn read(block: &str) -> Block {
    if block.starts_with(':') {
        return Block::Comment;
    }
    if block.starts_with("retry: ") {
        return Block::Retry;
    }
    let lines: Vec<&str> = block.lines().collect();
    let [id, "event: progress", data] = lines[..] else { panic!("not an event: {block:?}") };
    let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(id, format!("id: {}", event["seq"]), "{block}");
    Block::Event(event)
}

/// A WebSocket of the same events.
#[derive(Debug)]
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What came over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    /// With this code.
    Closed(u16),
}

impl Socket {
    /// Connects with what is in the address, and with the token if there is one; `Err` is the status of a refusal.
    pub async fn connect(stack: &Stack, path: &str, token: Option<&str>) -> Result<Self, u16> {
        let url = format!("{}{path}", stack.api_url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, response)) => {
                assert!(response.headers().contains_key("x-request-id"), "{response:?}");
                Ok(Self(socket))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        self.0.close(None).await.unwrap();
    }

    /// What comes next.
    pub async fn hear(&mut self) -> Heard {
        loop {
            match self.0.next().await.unwrap_or_else(|| panic!("it ended without a close")).unwrap() {
                Message::Text(text) => return Heard::Text(text.to_string()),
                Message::Close(frame) => return Heard::Closed(frame.map_or(1005, |frame| frame.code.into())),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Events up to the first of this phase.
    pub async fn until(&mut self, phase: &str) -> Vec<Value> {
        let mut events = vec![];
        while events.last().is_none_or(|event: &Value| event["phase"] != phase) {
            let Heard::Text(text) = self.hear().await else { panic!("closed after {events:?}") };
            events.push(serde_json::from_str(&text).unwrap());
        }
        events
    }

    /// Events up to the close, and its code.
    pub async fn rest(&mut self) -> (Vec<Value>, u16) {
        let mut events = vec![];
        loop {
            match self.hear().await {
                Heard::Text(text) => events.push(serde_json::from_str(&text).unwrap()),
                Heard::Closed(code) => return (events, code),
            }
        }
    }
}
