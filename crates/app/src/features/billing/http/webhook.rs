//! `POST /webhooks/stripe`.

use axum::{
    extract::FromRequestParts,
    http::{Method, StatusCode, request::Parts},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    features::billing::{
        WebhookPorts, WebhookRefusal,
        receive::{ReceiveError, receive_delivery},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, Parameter, Parameters, Place, Provider, RawBody, Reply},
};

/// Stripe's largest events have some hundred kilobytes.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

const INVALID_SIGNATURE: ErrorCode = ErrorCode::new(
    StatusCode::BAD_REQUEST,
    "invalid_signature",
    "`Stripe-Signature` is missing, wrong, or older than five minutes: only Stripe sends here",
);

const MALFORMED_EVENT: ErrorCode =
    ErrorCode::new(StatusCode::BAD_REQUEST, "malformed_event", "the body is not an event of Stripe's");

const EVENT_NOT_STORED: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "event_not_stored",
    "queue, database and bucket all refused the event; Stripe delivers it again",
);

const SECRETS_UNAVAILABLE: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "secrets_unavailable",
    "the signature cannot be checked just now; Stripe delivers the event again",
);

/// The event is kept; its effect follows.
#[derive(Serialize, JsonSchema)]
pub struct Received {
    /// Always true.
    received: bool,
}

pub struct StripeWebhook;

impl Endpoint for StripeWebhook {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/webhooks/stripe";
    const SUMMARY: &'static str = "Takes an event of Stripe's, and answers once it cannot be lost any more.";
    const ERRORS: &'static [ErrorCode] = &[INVALID_SIGNATURE, MALFORMED_EVENT, EVENT_NOT_STORED, SECRETS_UNAVAILABLE];

    type Ports = WebhookPorts;
    type Caller = Provider;
    type Parameters = StripeSignature;
    type Body = RawBody<EVENT_BYTES_MAX>;
    type Answer = Reply<Received>;

    fn example() -> Example {
        let event = json!({
            "id": "evt_1SXa2bLkdIwHu7ixM3Zc4dQe", "object": "event", "api_version": "2026-10-28.endive",
            "created": 1_795_599_000, "type": "invoice.paid", "data": { "object": { "id": "in_1SXa2bLkdIwHu7ix", "object": "invoice" } },
        });
        Example { body: Some(event), data: Some(json!({ "received": true })) }
    }

    async fn handle(
        ports: WebhookPorts,
        _: Provider,
        StripeSignature(signature): StripeSignature,
        RawBody(body): RawBody<EVENT_BYTES_MAX>,
    ) -> Result<Reply<Received>, ApiError> {
        match receive_delivery(&ports, signature.as_deref(), &body).await {
            Ok(_) => Ok(Reply::new(Received { received: true })),
            Err(ReceiveError::Refused(WebhookRefusal::Signature)) => {
                Err(ApiError::new(INVALID_SIGNATURE, "The signature is missing, wrong, or older than five minutes."))
            }
            Err(ReceiveError::Refused(WebhookRefusal::SecretsUnavailable)) => Err(ApiError::new(
                SECRETS_UNAVAILABLE,
                "The signature cannot be checked just now. Send the event again.",
            )
            .with_retry_after(60)),
            Err(ReceiveError::Refused(WebhookRefusal::Malformed)) => {
                Err(ApiError::new(MALFORMED_EVENT, "The body is not an event of Stripe's."))
            }
            Err(ReceiveError::NowhereToPut) => {
                Err(ApiError::new(EVENT_NOT_STORED, "The event could not be stored. Send it again.")
                    .with_retry_after(60))
            }
        }
    }
}

/// The header that holds the time and the signatures; `None` if it is missing or no text.
pub struct StripeSignature(Option<String>);

impl FromRequestParts<()> for StripeSignature {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.headers.get("stripe-signature").and_then(|value| value.to_str().ok()).map(str::to_owned)))
    }
}

impl Parameters for StripeSignature {
    fn errors() -> Vec<ErrorCode> {
        Vec::new()
    }

    fn describe() -> Vec<Parameter> {
        vec![Parameter {
            name: "Stripe-Signature",
            place: Place::Header,
            is_required: true,
            description: "Time and signatures: `t=…,v1=…`.",
            schema: json!({ "type": "string" }),
        }]
    }
}
