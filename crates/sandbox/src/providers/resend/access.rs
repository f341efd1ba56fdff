//! The key that every request must carry, and the name that its program must give itself.

use axum::http::{HeaderMap, header};

use super::errors::ResendError;
use crate::shared::headers;

/// The only key of Resend that the sandbox accepts.
pub const RESEND_API_KEY: &str = "sandbox-resend-key";

/// The refusal of a wrong key depends on the endpoint: where mail is sent it is a 401, elsewhere a 400.
pub(super) fn check(sent: &HeaderMap, status_of_wrong_key: u16) -> Result<(), ResendError> {
    if !sent.contains_key(header::USER_AGENT) {
        return Err(ResendError::Nameless);
    }
    match headers::bearer(sent, "authorization") {
        Some(RESEND_API_KEY) => Ok(()),
        None | Some("") => Err(ResendError::new(401, "missing_api_key", "Missing API Key")),
        Some(_) => Err(ResendError::new(status_of_wrong_key, "validation_error", "API key is invalid")),
    }
}
