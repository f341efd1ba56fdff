//! The gateway's own errors. Their `error` is a list, unlike a provider's; an outage (5xx) is a page of HTML.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::shared::headers;

/// An answer of the gateway itself.
#[derive(Debug)]
pub(super) struct GatewayError {
    status: StatusCode,
    code: u16,
    message: String,
}

impl GatewayError {
    fn new(status: StatusCode, code: u16, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 2009, "Unauthorized")
    }

    pub(super) fn invalid_provider() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 2008, "Invalid provider")
    }

    /// The provider did not answer at all, or not in time. The gateway sends 400 for this, although the request is
    /// right.
    pub(super) fn no_response() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 2005, "Failed to get response from provider")
    }

    /// A header with an impossible value. The real gateway ignores it; the sandbox refuses it, so that a mistake shows.
    pub(super) fn bad_header(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 2000, format!("The sandbox does not take this header: {why}"))
    }
}

impl IntoResponse for GatewayError {
    fn into_response(self) -> Response {
        let error = json!([{"code": self.code, "message": self.message}]);
        let body = json!({"success": false, "result": [], "messages": [], "error": error});
        (self.status, Json(body)).into_response()
    }
}

/// The error for which the gateway uses this status.
pub(super) fn error_of_status(status: u16) -> Response {
    let code = headers::status(status);
    match status {
        401 | 403 => GatewayError { status: code, ..GatewayError::unauthorized() }.into_response(),
        413 => GatewayError::new(code, 2000, "Request too large").into_response(),
        429 => GatewayError::new(code, 2003, "Rate limited").into_response(),
        400..=499 => GatewayError { status: code, ..GatewayError::no_response() }.into_response(),
        _ => {
            let page = format!(
                "<!DOCTYPE html><html><head><title>gateway.ai.cloudflare.com | {status}</title></head><body><h1>Error \
                 {status}</h1><p>cloudflare</p></body></html>"
            );
            (code, [(header::CONTENT_TYPE, "text/html; charset=UTF-8")], page).into_response()
        }
    }
}
