//! An envelope: a line about it, then for each item a line about it and its payload.

use serde::Deserialize;
use serde_json::Value;

/// The limits of Sentry's documentation.
const ENVELOPE_BYTES_MAX: usize = 200 * 1024;
const EVENT_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Head {
    event_id: String,
    sent_at: jiff::Timestamp,
}

#[derive(Deserialize)]
struct ItemHead {
    #[serde(rename = "type")]
    kind: String,
    length: usize,
}

/// The envelope's id and its events; or what is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<(String, Vec<Value>), String> {
    if body.len() > ENVELOPE_BYTES_MAX {
        return Err("the envelope is too large".to_owned());
    }
    let (head, mut rest) = line(body)?;
    let head: Head = serde_json::from_slice(head).map_err(|error| format!("the envelope's head: {error}"))?;
    if !is_id(&head.event_id) || head.sent_at.as_second() <= 0 {
        return Err("the envelope's head: event_id has 32 hexadecimal digits".to_owned());
    }
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (item, payload) = line(rest)?;
        let item: ItemHead = serde_json::from_slice(item).map_err(|error| format!("an item's head: {error}"))?;
        if item.kind != "event" || item.length > EVENT_BYTES_MAX {
            return Err(format!("an item of {} bytes is a {}", item.length, item.kind));
        }
        let (event, after) = payload.split_at_checked(item.length).ok_or("an item is shorter than it says")?;
        rest = match after.split_first() {
            None => &[],
            Some((b'\n', after)) => after,
            Some(_) => return Err("an item is longer than it says".to_owned()),
        };
        let event: Value = serde_json::from_slice(event).map_err(|error| format!("an event: {error}"))?;
        check(&event, &head.event_id)?;
        events.push(event);
    }
    if events.is_empty() { Err("there is no event in it".to_owned()) } else { Ok((head.event_id, events)) }
}

/// What comes before the next line break, and what comes after it.
fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("a line has no end")?;
    let (line, rest) = bytes.split_at(end);
    Ok((line, rest.get(1..).unwrap_or_default()))
}

/// What an event must have for Sentry to show it as an error of a release.
fn check(event: &Value, id: &str) -> Result<(), String> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let wrong = |what: &str| Err(format!("an event's {what} cannot be used"));
    if text("/event_id") != id {
        return wrong("event_id");
    }
    if text("/timestamp").parse::<jiff::Timestamp>().is_err() {
        return wrong("timestamp");
    }
    if !["fatal", "error", "warning", "info", "debug"].contains(&text("/level")) {
        return wrong("level");
    }
    for field in ["/platform", "/environment", "/release", "/exception/values/0/type", "/exception/values/0/value"] {
        if text(field).is_empty() {
            return wrong(field);
        }
    }
    let tags = event.get("tags").and_then(Value::as_object).ok_or("an event's tags are no object")?;
    // Sentry cuts names at 32 characters and values at 200.
    let fits = |(name, value): (&String, &Value)| {
        name.len() <= 32 && value.as_str().is_some_and(|value| !value.is_empty() && value.len() <= 200)
    };
    if tags.iter().all(fits) { Ok(()) } else { wrong("tags") }
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff";

    fn event() -> Value {
        json!({
            "event_id": ID, "timestamp": "2026-11-27T12:00:00Z", "platform": "other", "level": "error",
            "environment": "local", "release": "oslira@0.1.0", "tags": {"run_id": "r-1"},
            "exception": {"values": [{"type": "oslira_app", "value": "internal error"}]},
        })
    }

    fn envelope(event: &Value, length: usize) -> String {
        let head = json!({"event_id": ID, "sent_at": "2026-11-27T12:00:01Z"});
        format!("{head}\n{}\n{event}\n", json!({"type": "event", "length": length}))
    }

    fn sound() -> String {
        envelope(&event(), event().to_string().len())
    }

    #[test]
    fn a_sound_envelope_gives_its_events() {
        assert_eq!(read(sound().as_bytes()), Ok((ID.to_owned(), vec![event()])));
        assert_eq!(read(sound().trim_end().as_bytes()).map(|(_, events)| events.len()), Ok(1));
    }

    #[test]
    fn an_envelope_that_is_not_what_it_says_is_refused() {
        let length = event().to_string().len();
        let without = |field: &str| {
            let mut event = event();
            event.as_object_mut().unwrap().remove(field);
            envelope(&event, event.to_string().len())
        };
        for text in [
            String::new(),
            "{}\n".to_owned(),
            sound().replace(ID, "not-an-id"),
            sound().replace("\"event\"", "\"transaction\""),
            envelope(&event(), length + 1_000),
            envelope(&event(), length - 1),
            sound().lines().next().unwrap().to_owned() + "\n",
            without("release"),
            without("tags"),
            without("exception"),
            sound().replace("\"r-1\"", "123.5"),
            sound().replace("\"error\"", "\"noisy\""),
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
