//! An envelope with one event: a line of JSON about the envelope, one about the item, and the event.

use jiff::Timestamp;
use oslira_app::shared::telemetry::{ErrorReport, Frame};
use serde_json::{Map, Value, json};

/// Fields of which each value is an error of its own. An alarm that begins anew is one too, so that somebody hears of it again.
const APART: [&str; 4] = ["alarm", "subject", "service", "alarm_id"];

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
        "fingerprint": fingerprint(report),
        "exception": { "values": [{
            "type": report.place,
            "value": report.message,
            "stacktrace": { "frames": frames },
        }] },
    })
}

/// By what Sentry tells errors apart: the place and the sentence, which alarm or service it is about, and of a trap where it happened.
/// Not by the stack, which has addresses that every build moves.
fn fingerprint(report: &ErrorReport) -> Vec<String> {
    let tags = APART.into_iter().map(|name| (name, report.tag(name))).filter(|(_, value)| !value.is_empty());
    let tags = tags.map(|(name, value)| format!("{name}={value}"));
    let culprit = report.culprit().map(str::to_owned);
    [report.place.clone(), report.message.clone()].into_iter().chain(tags).chain(culprit).collect()
}

fn frame(frame: &Frame) -> Value {
    let mut fields = Map::new();
    let filled =
        [("function", &frame.function), ("filename", &frame.file)].into_iter().filter(|(_, text)| !text.is_empty());
    fields.extend(filled.map(|(name, text)| (name.to_owned(), text.as_str().into())));
    fields.extend(frame.line.map(|line| ("lineno".to_owned(), line.into())));
    fields.into()
}
