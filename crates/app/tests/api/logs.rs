//! What a request logs can be found by its id.

use std::{
    io::{self, Write},
    path::Path,
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

/// A line's sentence is its field `message`: another field of that name would replace it for whoever reads the line.
#[test]
fn no_field_of_a_line_has_the_name_of_its_sentence() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> =
        ["app", "postgres", "providers", "worker", "workflows"].map(|name| crates.join(name).join("src")).into();
    let mut lines = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for call in text.split("tracing::").skip(1) {
                    let Some((level, rest)) = call.split_once("!(") else { continue };
                    let fields = rest.split(");").next().unwrap_or_default();
                    if ["error", "warn", "info"].contains(&level) {
                        lines += 1;
                        let is_taken = ["message =", "%message,", "?message,"].iter().any(|name| fields.contains(name));
                        assert!(!is_taken, "{}: {fields}", path.display());
                    }
                }
            }
        }
    }
    assert!(lines > 50, "{lines} lines found");
}
