//! Supabase Auth's errors, in both of their forms: a client that names the version 2024-01-01 gets the newer one.

use axum::{
    Extension, Json,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::database::DatabaseDown;
use crate::shared::{faults::Target, headers};

/// Names the form of an error, in the request and in the answer.
pub(super) const API_VERSION: HeaderName = HeaderName::from_static("x-supabase-api-version");
const NEWER: &str = "2024-01-01";

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthError {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Why a password is weak.
    reasons: Vec<&'static str>,
}

impl AuthError {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), reasons: vec![] }
    }

    /// A request that can't be carried out as it is.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "validation_failed", message)
    }

    pub(super) fn weak(message: impl Into<String>, reasons: Vec<&'static str>) -> Self {
        Self { reasons, ..Self::new(422, "weak_password", message) }
    }

    fn body(&self, is_newer: bool) -> Value {
        let mut body = if is_newer {
            json!({"code": self.code, "message": self.message})
        } else {
            json!({"code": self.status, "error_code": self.code, "msg": self.message})
        };
        if let Some(fields) = body.as_object_mut().filter(|_| !self.reasons.is_empty()) {
            fields.insert("weak_password".to_owned(), json!({"reasons": self.reasons}));
        }
        body
    }
}

impl From<DatabaseDown> for AuthError {
    fn from(_: DatabaseDown) -> Self {
        Self::new(500, "unexpected_failure", "Database error querying schema")
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        (headers::status(self.status), Extension(self)).into_response()
    }
}

/// Carries a request out, whether or not its client waits for the answer, and writes an error in the form that it asks for.
pub(super) async fn speak(request: Request, next: Next) -> Response {
    let is_newer = asks_for_newer(request.headers());
    let answered = tokio::spawn(next.run(request)).await;
    let failed = || AuthError::new(500, "unexpected_failure", "Unexpected failure").into_response();
    let mut response = answered.unwrap_or_else(|_| failed());
    let Some(error) = response.extensions_mut().remove::<AuthError>() else { return response };
    let (mut parts, _) = response.into_parts();
    headers::set(&mut parts.headers, "x-sb-error-code", error.code);
    if is_newer {
        parts.headers.insert(API_VERSION, HeaderValue::from_static(NEWER));
    }
    let mut written = (parts.status, Json(error.body(is_newer))).into_response();
    // The length of the empty body that stood for the error.
    parts.headers.remove("content-length");
    written.headers_mut().extend(parts.headers);
    written
}

fn asks_for_newer(sent: &HeaderMap) -> bool {
    let version = sent.get(API_VERSION).and_then(|version| version.to_str().ok()).unwrap_or_default();
    version.parse::<jiff::civil::Date>().is_ok_and(|asked| NEWER.parse().is_ok_and(|newer| asked >= newer))
}

/// Reads the body of a request; fields that are not known are of no account.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AuthError> {
    serde_json::from_slice(body)
        .map_err(|error| AuthError::new(400, "bad_json", format!("Could not parse request body as JSON: {error}")))
}

/// The error for which Supabase Auth most often uses this status.
pub(super) fn error_of_fault(target: Target, status: u16) -> AuthError {
    let (code, message) = match status {
        401 => ("no_authorization", "This endpoint requires a valid Bearer token"),
        403 => ("bad_jwt", "invalid JWT"),
        429 if matches!(target, Target::AuthMail | Target::AuthSignup) => {
            ("over_email_send_rate_limit", "email rate limit exceeded")
        }
        429 => ("over_request_rate_limit", "Request rate limit reached"),
        504 => ("request_timeout", "Processing this request timed out, please retry after a moment."),
        400..=499 => ("validation_failed", "The request is refused."),
        _ => ("unexpected_failure", "Unexpected failure, please check server logs for more information"),
    };
    AuthError::new(status, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_form_of_the_version_that_it_names() {
        let asked = |version: Option<&'static str>| {
            let version = version.map(|version| (API_VERSION, HeaderValue::from_static(version)));
            asks_for_newer(&version.into_iter().collect())
        };
        assert!(asked(Some("2024-01-01")) && asked(Some("2026-02-03")));
        assert!(!asked(None) && !asked(Some("2023-12-31")) && !asked(Some("new")));
        let weak = AuthError::weak("Too short", vec!["length"]);
        let reasons = json!({"reasons": ["length"]});
        let newer = json!({"code": "weak_password", "message": "Too short", "weak_password": reasons});
        assert_eq!(weak.body(true), newer);
        let older = json!({"code": 422, "error_code": "weak_password", "msg": "Too short", "weak_password": reasons});
        assert_eq!(weak.body(false), older);
    }
}
