//! Errors as the caller sees them: a status, a stable code, a sentence that says what to do next.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    ErrorCode, Exceeded, Repeatable,
    code::{ACCOUNT_BLOCKED, DATABASE_UNAVAILABLE, INTERNAL_ERROR, OPERATOR_REQUIRED, PERMISSION_MISSING},
    envelope::Payload,
};
use crate::shared::store::StoreError;

/// An error answer. Feature errors become one by an exhaustive `match`; the cause is logged here, once.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    /// Boxed: few errors have them, and every handler's result would have room for them.
    details: Option<Box<Value>>,
    retry_after_s: Option<u32>,
    /// The quota that has too little left.
    exceeded: Option<Box<Exceeded>>,
    /// For whom the answer may be repeated.
    repeatable: Option<Box<Repeatable>>,
}

impl ApiError {
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, retry_after_s: None, exceeded: None, repeatable: None }
    }

    /// A defect of ours: the caller learns nothing but the request id, the log gets the cause.
    #[must_use]
    pub fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        Self::defect()
    }

    /// The same for a request whose handling ended in a trap of the platform.
    #[must_use]
    pub fn trapped(cause: &str, stack: &str) -> Self {
        tracing::error!(cause, stack, "a request ended in a trap");
        Self::defect()
    }

    fn defect() -> Self {
        Self::new(INTERNAL_ERROR, "Something went wrong on our side. Try again; if it persists, send us the requestId.")
    }

    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub const fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Says in headers which quota has too little left, and when to come back.
    #[must_use]
    pub fn with_exceeded(self, exceeded: Exceeded) -> Self {
        Self { exceeded: Some(Box::new(exceeded)), ..self }.with_retry_after(exceeded.reset_s)
    }

    /// Says that the same request needs no other answer for a while.
    #[must_use]
    pub fn with_repeatable(self, repeatable: Repeatable) -> Self {
        Self { repeatable: Some(Box::new(repeatable)), ..self }
    }

    /// The quota that has too little left, if that is why.
    #[must_use]
    pub fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded.as_deref().copied()
    }

    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    #[must_use]
    pub fn details(&self) -> Option<&Value> {
        self.details.as_deref()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                tracing::error!(cause, "store unavailable");
                Self::new(
                    DATABASE_UNAVAILABLE,
                    "The database cannot be reached just now. Try again in a few seconds; the same Idempotency-Key is never charged twice.",
                )
                .with_retry_after(5)
            }
            StoreError::Defect(cause) => Self::internal(&cause),
            StoreError::PermissionMissing => Self::new(
                PERMISSION_MISSING,
                "Your role in this account, or the scopes of your API key, do not allow this. GET /auth/verify says what they do; an owner or admin can change them.",
            ),
            StoreError::OperatorRequired => {
                Self::new(OPERATOR_REQUIRED, "You are no operator. Only the database's owner makes operators, by hand.")
            }
            StoreError::AccountBlocked => Self::new(
                ACCOUNT_BLOCKED,
                "We have blocked this account, so nothing can be bought for it. What it has can be read and exported; ask our support.",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status.into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(exceeded) = self.exceeded.as_deref() {
            exceeded.declare(response.headers_mut());
        }
        if let Some(repeatable) = self.repeatable {
            response.extensions_mut().insert(*repeatable);
        }
        // RFC 9110 §15.5.2 demands the header with every 401.
        if self.code.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Payload::Failure {
            code: self.code.code,
            error: self.message,
            details: self.details.map(|details| *details),
        });
        response
    }
}
