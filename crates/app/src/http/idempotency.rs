//! `Idempotency-Key`: the caller's own name for a request, so that a repeated click or a lost answer charges once.

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{StatusCode, request::Parts},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::ApiError;

const KEY_CHARS_MAX: usize = 255;

/// A key of 1 to 255 visible ASCII characters; valid for 24 hours within one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default();
        let valid = !text.is_empty() && text.len() <= KEY_CHARS_MAX && text.chars().all(|c| c.is_ascii_graphic());
        if valid {
            Ok(Some(Self(text.to_owned())))
        } else {
            Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                "Idempotency-Key takes 1 to 255 visible ASCII characters; a UUID is a good choice.",
            ))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?.ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_required",
                "Send an Idempotency-Key header with this request.",
            )
        })
    }
}

/// SHA-256 over the meaning of a request (its parsed form, not its bytes), in hex: white space and key order of the
/// JSON do not make it another request.
pub fn body_hash(request: &impl Serialize) -> String {
    let canonical = serde_json::to_vec(request).unwrap_or_default();
    let digest = Sha256::digest(canonical);
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
