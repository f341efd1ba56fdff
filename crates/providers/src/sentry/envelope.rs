//! An envelope with one event: a line of JSON about the envelope, one about the item, and the event.

use jiff::Timestamp;
use oslira_app::shared::telemetry::{ErrorReport, Frame};
use serde_json::{Map, Value, json};

pub(super) fn envelope(
    report: &ErrorReport,
    id: &str,
    at: Timestamp,
    now: Timestamp,
    environment: &str,
    release: &str,
) -> Vec<u8> {
    let event = event(report, id, at, environment, release).to_string();
    let head = json!({ "event_id": id, "sent_at": now });
    let item = json!({ "type": "event", "length": event.len(), "content_type": "application/json" });
    format!("{head}\n{item}\n{event}\n").into_bytes()
}

fn event(report: &ErrorReport, id: &str, at: Timestamp, environment: &str, release: &str) -> Value {
    let tags: Map<String, Value> =
        report.tags.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    // Sentry has the innermost call at the end.
    let frames: Vec<Value> = report.stack.iter().rev().map(frame).collect();
    json!({
        "event_id": id,
        "timestamp": at,
        "platform": "other",
        "level": "error",
        "logger": report.place,
        "environment": environment,
        "release": release,
        "tags": tags,
        // The place and the sentence are what an error is; its stack names addresses, which every build moves.
        "fingerprint": [report.place, report.message],
        "exception": { "values": [{
            "type": report.place,
            "value": report.message,
            "stacktrace": { "frames": frames },
        }] },
    })
}

fn frame(frame: &Frame) -> Value {
    let mut fields = Map::new();
    let filled =
        [("function", &frame.function), ("filename", &frame.file)].into_iter().filter(|(_, text)| !text.is_empty());
    fields.extend(filled.map(|(name, text)| (name.to_owned(), text.as_str().into())));
    fields.extend(frame.line.map(|line| ("lineno".to_owned(), line.into())));
    fields.into()
}
