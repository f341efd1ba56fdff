//! `POST /operator/webhook-events/replay` and `…/drop`.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    features::{
        auth::Operator,
        operators::{EventId, EventOutcome, EventView, OperatorCommandPorts},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoParameters, Reply},
};

const INVALID_EVENT_ID: ErrorCode =
    ErrorCode::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_event_id", "`event_id` is Stripe's: `evt_…`");

const EVENT_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "event_not_found", "no event of this id has come");

const EVENT_DONE: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "event_done",
    "the event was applied or, if it is to be dropped, given up before; `details.outcome`",
);

const EVENT_FORGOTTEN: ErrorCode = ErrorCode::new(
    StatusCode::GONE,
    "event_forgotten",
    "what the event told was removed 90 days after it was given up, and Stripe sends nothing that old again: correct the account's credits",
);

/// Which event.
// In the body, because it is no UUID.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBody {
    /// Stripe's id of it.
    #[schemars(length(min = 5, max = 255))]
    event_id: String,
}

impl EventBody {
    fn id(&self) -> Result<EventId, ApiError> {
        EventId::parse(&self.event_id).ok_or_else(|| {
            ApiError::new(INVALID_EVENT_ID, "event_id takes the id that Stripe gave the event, which begins with evt_.")
        })
    }
}

fn done(outcome: EventOutcome) -> Result<Reply<EventView>, ApiError> {
    match outcome {
        EventOutcome::Changed { event } => Ok(Reply::new(event)),
        EventOutcome::Done { event } => {
            Err(ApiError::new(EVENT_DONE, "The event is done with. details.outcome says what became of it.")
                .with_details(json!({ "outcome": event.outcome })))
        }
        EventOutcome::Forgotten => Err(ApiError::new(
            EVENT_FORGOTTEN,
            "What the event told was removed, and Stripe sends nothing again that is older than 30 days. Correct the account's credits instead.",
        )),
        EventOutcome::NotFound => Err(ApiError::new(EVENT_NOT_FOUND, "No event of this id has come.")),
    }
}

fn example(outcome: &str, note: &str, processed_at: Value) -> Example {
    Example {
        body: Some(json!({ "event_id": "evt_1QabcD2eZvKYlo2C" })),
        data: Some(json!({
            "id": "evt_1QabcD2eZvKYlo2C", "type": "invoice.paid", "outcome": outcome, "note": note, "account_id": null,
            "attempts": 0, "received_at": "2026-11-25T09:30:00Z", "processed_at": processed_at,
        })),
    }
}

pub struct ReplayEvent;

impl Endpoint for ReplayEvent {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/webhook-events/replay";
    const SUMMARY: &'static str = "Has an event of Stripe's applied that waits, cannot be read, was ignored or given up: in seconds, or by the hourly job.";
    const STATUS: StatusCode = StatusCode::ACCEPTED;
    const ERRORS: &'static [ErrorCode] = &[INVALID_EVENT_ID, EVENT_NOT_FOUND, EVENT_DONE, EVENT_FORGOTTEN];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = JsonBody<EventBody>;
    type Answer = Reply<EventView>;

    fn example() -> Example {
        example("received", "put back by an operator", Value::Null)
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        _: NoParameters,
        JsonBody(body): JsonBody<EventBody>,
    ) -> Result<Reply<EventView>, ApiError> {
        let event = done(ports.desk.replay_event(&operator, &body.id()?).await?)?;
        if let Err(cause) = ports.events.ask().await {
            tracing::error!(cause, "an event that was put back is not in the queue; the hourly job applies it");
        }
        Ok(event)
    }
}

pub struct DropEvent;

impl Endpoint for DropEvent {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/webhook-events/drop";
    const SUMMARY: &'static str = "Gives an event of Stripe's up that was not applied: nobody tries it again.";
    const ERRORS: &'static [ErrorCode] = &[INVALID_EVENT_ID, EVENT_NOT_FOUND, EVENT_DONE];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = JsonBody<EventBody>;
    type Answer = Reply<EventView>;

    fn example() -> Example {
        example("ignored", "dropped by an operator", json!("2026-11-27T09:30:00Z"))
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        _: NoParameters,
        JsonBody(body): JsonBody<EventBody>,
    ) -> Result<Reply<EventView>, ApiError> {
        done(ports.desk.drop_event(&operator, &body.id()?).await?)
    }
}
