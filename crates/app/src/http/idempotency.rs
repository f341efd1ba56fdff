//! The header `Idempotency-Key`.

use axum::{extract::FromRequestParts, http::request::Parts};

use serde_json::json;

use super::{ApiError, ErrorCode, Parameter, Parameters, Place, code::INVALID_IDEMPOTENCY_KEY};
use crate::shared::idempotency::{IdempotencyKey, KEY_CHARS_MAX};

/// The caller's key, if one is sent.
pub struct MaybeIdempotencyKey(pub Option<IdempotencyKey>);

impl FromRequestParts<()> for MaybeIdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        // A value that is not ASCII becomes an empty text, which is refused as well.
        let key = IdempotencyKey::parse(value.to_str().unwrap_or_default());
        key.map(|key| Self(Some(key))).ok_or_else(|| {
            ApiError::new(
                INVALID_IDEMPOTENCY_KEY,
                "Idempotency-Key takes 1 to 255 visible ASCII characters; a UUID is a good choice.",
            )
        })
    }
}

impl Parameters for MaybeIdempotencyKey {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_IDEMPOTENCY_KEY]
    }

    fn describe() -> Vec<Parameter> {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX, "pattern": "^[!-~]+$" });
        let description = "Your own name for this request: a repeat with the same key within 24 hours is answered like the \
                           first time and charged once.";
        vec![Parameter { name: "Idempotency-Key", place: Place::Header, is_required: false, description, schema }]
    }
}
