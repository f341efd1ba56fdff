//! Reads the parts of a request that control its prompt cache: breakpoints, and their objects and words.

use serde_json::Value;

use super::{
    errors::{Checked, OpenAiError, missing, not_a, quoted, unknown_parameter, unsupported},
    models::Model,
};
use crate::shared::{
    json::{Fields, given},
    prompt_cache::Ttl,
};

/// Reads the breakpoint of one content part.
pub(super) fn breakpoint(at: &str, part: &Fields, model: Model) -> Checked<Option<Ttl>> {
    let Some(breakpoint) = given(part, "prompt_cache_breakpoint") else { return Ok(None) };
    let at = format!("{at}.prompt_cache_breakpoint");
    let fields = checked(&at, breakpoint, model)?;
    if word(&at, fields, "mode", &["explicit"])?.is_none() {
        return Err(missing(&format!("{at}.mode")));
    }
    word(&at, fields, "ttl", &["30m"])?;
    Ok(Some(Ttl::ThirtyMinutes))
}

/// Checks an object of cache options, which only models with breakpoints take.
pub(super) fn checked<'a>(at: &str, value: &'a Value, model: Model) -> Checked<&'a Fields> {
    if !model.has_breakpoints {
        return Err(unsupported(at, &format!("Unsupported parameter: '{at}' is not supported with this model.")));
    }
    let fields = value.as_object().ok_or_else(|| not_a("an object", at))?;
    match fields.keys().find(|name| *name != "mode" && *name != "ttl") {
        Some(unknown) => Err(unknown_parameter(&format!("{at}.{unknown}"))),
        None => Ok(fields),
    }
}

/// Reads a field that must be one of the known words. `at` is empty for a field of the request itself.
pub(super) fn word(at: &str, fields: &Fields, name: &str, known: &[&'static str]) -> Checked<Option<&'static str>> {
    let Some(value) = given(fields, name) else { return Ok(None) };
    known.iter().find(|known| value.as_str() == Some(known)).copied().map(Some).ok_or_else(|| {
        let message = format!("Invalid value: {value}. Supported values are: {}.", quoted(known));
        let param = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        OpenAiError::invalid(Some(&param), Some("invalid_value"), message)
    })
}
