//! Resend's error object.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::shared::headers;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResendError {
    /// Resend's own refusal.
    Own { status: u16, name: &'static str, message: String },
    /// The refusal by the firewall before Resend: the request has no `User-Agent`. A Worker's `fetch` sends none by itself.
    Nameless,
}

impl ResendError {
    pub(super) fn new(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self::Own { status, name, message: message.into() }
    }

    /// A field whose value cannot be used.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(422, "validation_error", message)
    }

    pub(super) fn missing(fields: &str) -> Self {
        Self::new(422, "missing_required_field", format!("Missing {fields} field."))
    }
}

impl IntoResponse for ResendError {
    fn into_response(self) -> Response {
        match self {
            Self::Nameless => (StatusCode::FORBIDDEN, "error code: 1010\n").into_response(),
            Self::Own { status, name, message } => {
                let body = Json(json!({"statusCode": status, "message": message, "name": name}));
                let mut response = (headers::status(status), body).into_response();
                if status == 429 {
                    for (header, value) in [("ratelimit-limit", "5"), ("ratelimit-reset", "1"), ("retry-after", "1")] {
                        headers::set(response.headers_mut(), header, value);
                    }
                }
                response
            }
        }
    }
}

/// The error for which Resend most often uses this status.
pub(super) fn error_of_status(status: u16) -> ResendError {
    let (name, message) = match status {
        401 => ("validation_error", "API key is invalid"),
        403 => ("invalid_api_key", "API key is invalid"),
        404 => ("not_found", "The requested endpoint does not exist"),
        405 => ("method_not_allowed", "Method is not allowed for the requested path"),
        409 => {
            ("concurrent_idempotent_requests", "Same idempotency key used while original request is still in progress")
        }
        429 => ("rate_limit_exceeded", "Too many requests. You can only make 5 requests per second."),
        400..=499 => ("validation_error", "We found an error with one or more fields in the request."),
        500 => ("application_error", "An unexpected error occurred."),
        _ => ("internal_server_error", "An unexpected error occurred."),
    };
    ResendError::new(status, name, message)
}
