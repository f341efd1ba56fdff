//! AWS's error object of JSON 1.1.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shared::headers;

const JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AwsError {
    status: u16,
    pub(super) kind: &'static str,
    message: String,
}

impl AwsError {
    /// Nearly all refusals are a 400; the kind says which one it is.
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, kind, message: message.into() }
    }

    /// The error for which AWS most often uses this status.
    pub(super) fn of_status(status: u16) -> Self {
        let (kind, message) = match status {
            413 => ("RequestEntityTooLargeException", "The request is too large."),
            429 => return Self::throttled(),
            503 => ("ServiceUnavailableException", "The request has failed due to a temporary failure of the server."),
            500.. => ("InternalServiceError", "An error occurred on the server side."),
            _ => ("InvalidRequestException", "The request is not valid now."),
        };
        Self { status, kind, message: message.to_owned() }
    }

    pub(super) fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }
}

impl IntoResponse for AwsError {
    fn into_response(self) -> Response {
        let body = json!({ "__type": self.kind, "Message": self.message });
        let mut response = answer(headers::status(self.status), body);
        headers::set(response.headers_mut(), "x-amzn-errortype", self.kind);
        response
    }
}

pub(super) fn answer(status: StatusCode, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, JSON_1_1);
    headers::set(response.headers_mut(), "x-amzn-requestid", &Uuid::new_v4().to_string());
    response
}
