//! An endpoint for events: it keeps what it gets, and answers what it is told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};

/// Long enough for any delivery on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct Letter {
    pub body: String,
    pub signature: String,
}

impl Letter {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

struct Inner {
    letters: Mutex<Vec<Letter>>,
    status: AtomicU16,
}

pub struct Receiver {
    pub url: String,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let inner = Arc::new(Inner { letters: Mutex::default(), status: AtomicU16::new(200) });
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inner, server }
    }

    /// What it answers from now on.
    pub fn answers(&self, status: u16) {
        self.inner.status.store(status, Ordering::SeqCst);
    }

    pub async fn letters(&self) -> Vec<Letter> {
        self.inner.letters.lock().await.clone()
    }

    pub async fn types(&self) -> Vec<String> {
        self.letters().await.iter().map(|letter| letter.event()["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until it has got so many of this type, and returns them.
    pub async fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        let look = async {
            loop {
                let events: Vec<Value> = self.letters().await.iter().map(Letter::event).collect();
                let wanted: Vec<Value> = events.into_iter().filter(|event| event["type"] == kind).collect();
                if wanted.len() >= count {
                    return wanted;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(events) => events,
            Err(_) => unreachable!("{count} of {kind} did not come, but {:?}", self.types().await),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
    inner.letters.lock().await.push(Letter { body: String::from_utf8(body.to_vec()).unwrap(), signature });
    StatusCode::from_u16(inner.status.load(Ordering::SeqCst)).unwrap()
}
