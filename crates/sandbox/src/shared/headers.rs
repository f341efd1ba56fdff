//! Headers that more than one provider reads or writes.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};

/// The token in a header of the form `Bearer …`.
pub(crate) fn bearer<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

/// Sets a header; does nothing if the name or the text is not allowed in a header.
pub(crate) fn set(headers: &mut HeaderMap, name: &str, text: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), text.parse()) {
        headers.insert(name, value);
    }
}

/// Adds `Retry-After` to an answer, if there is a time to wait.
pub(crate) fn with_retry_after(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A status by its number; 500 for a number that is not a status.
pub(crate) fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
