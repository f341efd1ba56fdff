//! The header `Idempotency-Key`.

use axum::{
    extract::OptionalFromRequestParts,
    http::{StatusCode, request::Parts},
};

use super::ApiError;
use crate::shared::idempotency::IdempotencyKey;

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(None);
        };
        IdempotencyKey::parse(value.to_str().unwrap_or_default()).map(Some).ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                "Idempotency-Key takes 1 to 255 visible ASCII characters; a UUID is a good choice.",
            )
        })
    }
}
