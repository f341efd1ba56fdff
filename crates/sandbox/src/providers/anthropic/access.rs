//! The API key that every request must carry, and the version of the protocol.

use axum::http::{HeaderMap, StatusCode};

use super::errors::AnthropicError;
use crate::shared::headers;

/// The only Anthropic key that the sandbox accepts.
pub const ANTHROPIC_API_KEY: &str = "sandbox-anthropic-key";

/// A version of the protocol. V2026 has no sampling parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V2023,
    V2026,
}

/// The key comes by its own header or, as the official client sends it since 1.0, as a bearer; the version decides
/// which parameters there are.
pub(super) fn authorise(headers: &HeaderMap) -> Result<Version, AnthropicError> {
    let refused = |message: &str| AnthropicError::new(StatusCode::UNAUTHORIZED, "authentication_error", message);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    match header("x-api-key").or_else(|| headers::bearer(headers, "authorization")) {
        Some(ANTHROPIC_API_KEY) => {}
        None | Some("") => return Err(refused("x-api-key header is required")),
        Some(_) => return Err(refused("invalid x-api-key")),
    }
    match header("anthropic-version") {
        Some("2023-06-01") => Ok(Version::V2023),
        Some("2026-10-21") => Ok(Version::V2026),
        None => Err(AnthropicError::invalid("anthropic-version: header is required")),
        Some(other) => Err(AnthropicError::invalid(format!("anthropic-version: \"{other}\" is not a valid version"))),
    }
}
