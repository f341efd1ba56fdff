//! Stripe's error object.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::shared::headers;

/// Why a request is refused, as Stripe says it.
#[derive(Debug)]
pub(super) struct StripeError {
    pub(super) status: StatusCode,
    error: Map<String, Value>,
}

impl StripeError {
    pub(super) fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        let error = Map::from_iter([
            ("message".to_owned(), Value::from(message.into())),
            ("type".to_owned(), Value::from(kind)),
        ]);
        Self { status: headers::status(status), error }
    }

    /// A request that can't be carried out as it is.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(super) fn missing(kind: &str, id: &str) -> Self {
        let message = format!("No such {kind}: '{id}'");
        Self::new(404, "invalid_request_error", message).code("resource_missing").param("id")
    }

    /// What the bank says when it refuses a card.
    pub(super) fn declined(payment_intent: &Value) -> Self {
        Self::new(402, "card_error", "Your card was declined.")
            .code("card_declined")
            .with("decline_code", "generic_decline")
            .with("payment_intent", payment_intent.clone())
    }

    pub(super) fn code(self, code: &str) -> Self {
        let documentation = format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"));
        self.with("code", code).with("doc_url", documentation)
    }

    pub(super) fn param(self, param: &str) -> Self {
        self.with("param", param)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.error.insert(name.to_owned(), value.into());
        self
    }

    /// Why, for the sandbox's own control.
    pub(super) fn message(&self) -> String {
        self.error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn body(&self) -> Value {
        json!({"error": self.error})
    }
}

/// The error for which Stripe most often uses this status.
pub(super) fn error_of_status(status: u16) -> StripeError {
    match status {
        401 => StripeError::new(401, "invalid_request_error", "Invalid API Key provided: sandbox-************"),
        402 => StripeError::declined(&Value::Null),
        409 => in_use(),
        429 => StripeError::new(429, "invalid_request_error", "Request rate limit exceeded.").code("rate_limit"),
        400..=499 => StripeError::new(status, "invalid_request_error", "The request is refused."),
        _ => StripeError::new(status, "api_error", "An unknown error occurred."),
    }
}

/// The refusal of a request whose idempotency key is that of one that goes on.
pub(super) fn in_use() -> StripeError {
    let message = "There is currently another in-progress request using this Idempotency-Key (that probably means you \
                   submitted twice, and the other request is still going through). Please try again later.";
    StripeError::new(409, "invalid_request_error", message).code("idempotency_key_in_use")
}
