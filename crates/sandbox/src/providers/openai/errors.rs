//! OpenAI's error object.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use crate::shared::headers;

/// An answer in OpenAI's error form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenAiError {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
}

impl OpenAiError {
    pub(super) fn new(
        status: StatusCode,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self { status, message: message.into(), kind, param: None, code }
    }

    pub(super) fn invalid(param: Option<&str>, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message);
        Self { param: param.map(str::to_owned), ..error }
    }

    /// A model that was shut down, by the name under which it was asked for.
    pub(super) fn shut_down(name: &str) -> Self {
        let message = format!(
            "The model `{name}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations"
        );
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("model_not_found"), message)
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> Option<&'static str> {
        self.code
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let error = json!({"message": self.message, "type": self.kind, "param": self.param, "code": self.code});
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        mark(&mut response);
        response
    }
}

/// Adds the headers that every answer of OpenAI has.
pub(super) fn mark(response: &mut Response) {
    let headers = response.headers_mut();
    headers::set(headers, "x-request-id", &format!("req_{}", Uuid::new_v4().simple()));
    headers::set(headers, "openai-version", "2020-10-01");
    headers::set(headers, "openai-organization", "sandbox");
}

/// What was read from a request, or OpenAI's refusal of it.
pub(super) type Checked<T> = Result<T, OpenAiError>;

/// A field that must be given.
pub(super) fn missing(param: &str) -> OpenAiError {
    let message = format!("Missing required parameter: '{param}'.");
    OpenAiError::invalid(Some(param), Some("missing_required_parameter"), message)
}

/// A field whose value is not of the expected type.
pub(super) fn not_a(expected: &str, param: &str) -> OpenAiError {
    let message = format!("Invalid type for '{param}': expected {expected}, but got something else instead.");
    OpenAiError::invalid(Some(param), Some("invalid_type"), message)
}

/// A field that exists, but not for this model or not in the sandbox.
pub(super) fn unsupported(param: &str, message: &str) -> OpenAiError {
    OpenAiError::invalid(Some(param), Some("unsupported_parameter"), message)
}

/// `'a', 'b', and 'c'`, as OpenAI lists what it supports.
pub(super) fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}, and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// A field that does not exist.
pub(super) fn unknown_parameter(param: &str) -> OpenAiError {
    OpenAiError::invalid(Some(param), Some("unknown_parameter"), format!("Unknown parameter: '{param}'."))
}

/// The traffic grew too fast, although it is within its limits. The client should try again later and send less.
pub(super) fn slow_down() -> OpenAiError {
    OpenAiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limit_error",
        Some("slow_down"),
        "Your request rate increased too quickly. Reduce your request rate, keep it steady, and then increase it \
         gradually.",
    )
}

/// The account has no credit: a 429 that must not be retried.
pub(super) fn insufficient_quota() -> OpenAiError {
    OpenAiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "insufficient_quota",
        Some("insufficient_quota"),
        "You exceeded your current quota, please check your plan and billing details. For more information on this \
         error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    )
}

/// The error for which OpenAI most often uses this status.
pub(super) fn error_of_status(status: u16) -> OpenAiError {
    let code = headers::status(status);
    let request = "invalid_request_error";
    match status {
        401 => OpenAiError::new(
            code,
            request,
            Some("invalid_api_key"),
            "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        ),
        403 => OpenAiError::new(
            code,
            request,
            Some("unsupported_country_region_territory"),
            "Country, region, or territory not supported",
        ),
        404 => OpenAiError::new(
            code,
            request,
            Some("model_not_found"),
            "The model does not exist or you do not have access to it.",
        ),
        429 => OpenAiError::new(
            code,
            "requests",
            Some("rate_limit_exceeded"),
            "Rate limit reached in organization sandbox on requests per min (RPM): Limit 500, Used 500, Requested 1. \
             Please try again in 120ms. Visit https://platform.openai.com/account/rate-limits to learn more.",
        ),
        503 => OpenAiError::new(
            code,
            "service_unavailable_error",
            Some("server_is_overloaded"),
            "Our servers are currently overloaded. Please try again later.",
        ),
        400..=499 => OpenAiError::new(code, request, None, "Your request can't be processed."),
        _ => OpenAiError::new(
            code,
            "server_error",
            None,
            "The server had an error while processing your request. Sorry about that!",
        ),
    }
}
