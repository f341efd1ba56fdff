//! The outside of an event, which is all that is read before it is stored.

use oslira_app::features::billing::EventEnvelope;
use serde::Deserialize;

use super::call::is_id;

const KIND_CHARS_MAX: usize = 128;
const VERSION_CHARS_MAX: usize = 64;

#[derive(Deserialize)]
struct Outside {
    object: String,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    api_version: Option<String>,
    /// Required of an event, and used when its effect is read.
    #[serde(rename = "created")]
    _created: i64,
}

/// The envelope, or `None` for what is no event.
pub(super) fn read(body: &[u8]) -> Option<EventEnvelope> {
    // Serde would also take the fields from an array.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let outside: Outside = serde_json::from_slice(body).ok()?;
    let is_event = outside.object == "event" && outside.id.starts_with("evt_") && is_id(&outside.id);
    let is_plain = |text: &str, chars_max: usize| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=chars_max).contains(&text.len()) && text.bytes().all(plain)
    };
    let is_named = is_plain(&outside.kind, KIND_CHARS_MAX)
        && outside.api_version.as_ref().is_none_or(|version| is_plain(version, VERSION_CHARS_MAX));
    let envelope =
        EventEnvelope { id: outside.id, kind: outside.kind, api_version: outside.api_version, taken_at: None };
    (is_event && is_named).then_some(envelope)
}
