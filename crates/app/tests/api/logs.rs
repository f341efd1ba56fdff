//! What a request logs can be found by its id.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum::{body::Body, http::Request};
use oslira_app::features::judging::ModelChoice;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use uuid::Uuid;

use super::{Double, send};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Logs in the Worker's format; the request meets a defect deep inside a handler.
#[tokio::test]
async fn every_line_that_a_request_logs_carries_its_id() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(lines.clone())
        .finish();
    // Whether a place in the code logs at all is decided when it is first met. While there is only one subscriber, `tracing`
    // asks the one of the thread that met it: a test beside this one has none and would switch the place off for all.
    // With two, all subscribers are asked.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _logging = tracing::subscriber::set_default(subscriber);
    // A test beside this one may have met a place before.
    tracing::callsite::rebuild_interest_cache();
    let request = Request::get(format!("/leads/{}", Uuid::nil()))
        .header("authorization", "Bearer token")
        .header("x-request-id", "find-me")
        .body(Body::empty())
        .unwrap();
    send(&Arc::new(Double::new()), ModelChoice::default(), request).await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let logged: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(logged.len() >= 2, "the defect and the request: {text}");
    for line in &logged {
        assert_eq!(line["span"]["request_id"], "find-me", "{line}");
    }
}
