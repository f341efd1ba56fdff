//! Reads a field of an item, whatever is in its place: what cannot be read is missing.

use serde_json::Value;

pub(super) const LABEL_CHARS_MAX: usize = 100;
pub(super) const URL_BYTES_MAX: usize = 2_048;

/// 2^53: up to here a JSON client that keeps numbers as floats is exact.
pub(super) const COUNT_MAX: u64 = 1 << 53;

pub(super) fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

pub(super) fn flag(item: &Value, name: &str) -> bool {
    item.get(name).is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
}

/// A count, which may come as a float. −1 (Instagram's "hidden"), fractions and anything else are `None`, never zero.
pub(super) fn count(item: &Value, name: &str) -> Option<u64> {
    let number = item.get(name)?;
    // `as` turns a float that is too large into `u64::MAX`, which `COUNT_MAX` then refuses.
    let whole = |float: f64| (float >= 0.0 && float.fract() == 0.0).then_some(float as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(whole)).filter(|count| *count <= COUNT_MAX)
}

pub(super) fn clipped(item: &Value, name: &str, chars_max: usize) -> String {
    clip(text(item, name).unwrap_or_default(), chars_max)
}

/// A short text; `None` if it is missing or blank.
pub(super) fn label(item: &Value, name: &str) -> Option<String> {
    Some(clipped(item, name, LABEL_CHARS_MAX)).filter(|text| !text.trim().is_empty())
}

/// The first `chars_max` characters without control characters: Postgres refuses NUL, and the others are useless in a
/// prompt or an export. Line breaks and tabs stay.
pub(super) fn clip(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(chars_max).collect()
}

/// An address that is safe to show as a link: `javascript:` and the like are refused.
pub(super) fn web_address(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let lower = text.chars().take("https://".len()).collect::<String>().to_ascii_lowercase();
    let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let host = text.get(scheme.len()..)?.split(['/', '?', '#']).next()?;
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    (plain && !host.is_empty() && text.len() <= URL_BYTES_MAX).then(|| text.to_owned())
}

pub(super) fn listed(item: &Value, name: &str, max: usize, read: fn(&str) -> Option<String>) -> Vec<String> {
    let list = item.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|entry| read(entry.as_str()?)).take(max).collect()
}
