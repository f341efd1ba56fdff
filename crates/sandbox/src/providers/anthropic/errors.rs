//! Anthropic's error object.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::shared::{
    clock::{iso, now_ms},
    faults::SpendCode,
    headers::{self, with_retry_after},
    random::Seeded,
};

/// The message for an account without prepaid credit, as clients have seen it with status 400.
const CREDIT_TOO_LOW: &str = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing \
                              to upgrade or purchase credits.";

/// An answer in Anthropic's error form.
#[derive(Debug)]
pub(super) struct AnthropicError {
    status: StatusCode,
    kind: &'static str,
    message: String,
    details: Option<Value>,
}

impl AnthropicError {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), details: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found_error", message)
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

/// What was read from a request, or Anthropic's refusal of it.
pub(super) type Checked<T> = Result<T, AnthropicError>;

/// A field that must be given.
pub(super) fn required(name: &str) -> AnthropicError {
    AnthropicError::invalid(format!("{name}: Field required"))
}

impl IntoResponse for AnthropicError {
    fn into_response(self) -> Response {
        let id = request_id();
        let mut error = json!({"type": self.kind, "message": self.message});
        if let (Some(fields), Some(details)) = (error.as_object_mut(), self.details) {
            fields.insert("details".into(), details);
        }
        let body = json!({"type": "error", "error": error, "request_id": id});
        let mut response = (self.status, Json(body)).into_response();
        mark(&mut response, &id);
        response
    }
}

/// A fresh `req_…`.
pub(super) fn request_id() -> String {
    format!("req_011{}", Seeded::fresh().alphanumeric(21))
}

/// Adds the headers that every answer of Anthropic has.
pub(super) fn mark(response: &mut Response, request_id: &str) {
    let headers = response.headers_mut();
    headers::set(headers, "request-id", request_id);
    headers::set(headers, "anthropic-organization-id", "sandbox");
}

/// The account may not spend more: by default 402, with status 400 the empty prepaid credit, with 429 the spend limit.
/// A code without a status gets the one that it was seen with. None of them has `retry-after`: trying again does not
/// help.
pub(super) fn insufficient_quota(status: Option<u16>, code: Option<SpendCode>) -> AnthropicError {
    use SpendCode::{
        ContractSpendLimitReached, EnforcedSpendLimitReached, LinkedOrganizationBillingUnavailable,
        LinkedOrganizationSpendLimitReached,
    };
    let code = match (status, code) {
        (_, Some(code)) => code,
        (Some(400), None) => return AnthropicError::invalid(CREDIT_TOO_LOW),
        (Some(429), None) => EnforcedSpendLimitReached,
        _ => return error_of_status(402),
    };
    let (usual, message) = match code {
        EnforcedSpendLimitReached => (429, "This request would exceed your organization's enforced spend limit."),
        ContractSpendLimitReached => (429, "Your organization has reached the spend limit of its contract."),
        LinkedOrganizationSpendLimitReached => (402, "The linked organization has reached its spend limit."),
        LinkedOrganizationBillingUnavailable => (402, "The linked organization can't be billed at present."),
    };
    let (status, kind) = match status.unwrap_or(usual) {
        402 => (StatusCode::PAYMENT_REQUIRED, "billing_error"),
        _ => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
    };
    let details = Some(json!({"error_code": code}));
    AnthropicError { details, ..AnthropicError::new(status, kind, message) }
}

/// Too many requests: always with `retry-after`.
pub(super) fn limit(retry_after_s: Option<u64>) -> Response {
    let retry_after_s = retry_after_s.unwrap_or(1);
    let mut response = with_retry_after(error_of_status(429).into_response(), Some(retry_after_s));
    let headers = response.headers_mut();
    headers::set(headers, "anthropic-ratelimit-requests-limit", "50");
    headers::set(headers, "anthropic-ratelimit-requests-remaining", "0");
    headers::set(headers, "anthropic-ratelimit-requests-reset", &iso(now_ms() + retry_after_s * 1_000));
    response
}

/// The error for which Anthropic uses this status.
pub(super) fn error_of_status(status: u16) -> AnthropicError {
    let code = headers::status(status);
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        402 => ("billing_error", CREDIT_TOO_LOW),
        403 => ("permission_error", "Your API key does not have permission to use the specified resource."),
        404 => ("not_found_error", "Not found"),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => {
            ("rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute.")
        }
        504 => ("timeout_error", "The request timed out while processing."),
        529 => ("overloaded_error", "Overloaded"),
        400..=499 => ("invalid_request_error", "Your request can't be processed."),
        _ => ("api_error", "Internal server error"),
    };
    AnthropicError::new(code, kind, message)
}
