//! Apify's error object and the texts its API answers with.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::shared::headers;

/// An answer in Apify's error form.
#[derive(Debug)]
pub(super) struct ApifyError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApifyError {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "record-not-found", format!("{what} was not found"))
    }

    pub(super) fn invalid_input(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-input", format!("Input is not valid: {why}"))
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            "There was an internal error while processing the request. Please try again later.",
        )
    }
}

impl IntoResponse for ApifyError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": {"type": self.kind, "message": self.message}}))).into_response()
    }
}

/// The error for which Apify most often uses this status.
pub(super) fn error_of_status(status: u16) -> ApifyError {
    let status = headers::status(status);
    let (kind, message) = match status.as_u16() {
        400 => ("invalid-input", "Input is not valid"),
        401 => ("user-or-token-not-found", "User was not found or authentication token is not valid"),
        402 => (
            "not-enough-usage-to-run-paid-actor",
            "By launching this job you will exceed your remaining usage. Please upgrade your subscription.",
        ),
        403 => ("insufficient-permissions", "Insufficient permissions for the operation"),
        404 => ("record-not-found", "Actor run was not found"),
        408 => ("run-timeout-exceeded", "Actor run exceeded the timeout of 300 seconds for synchronous execution"),
        413 => ("request-too-large", "The request body is too large"),
        429 => ("rate-limit-exceeded", "You have exceeded the rate limit. Please try again later."),
        _ => {
            return ApifyError { status, ..ApifyError::internal() };
        }
    };
    ApifyError::new(status, kind, message)
}
