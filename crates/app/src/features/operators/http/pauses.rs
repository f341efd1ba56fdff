//! `GET` and `POST /operator/pauses`, `POST /operator/pauses/resume`.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    features::{
        auth::Operator,
        operators::{OperatorCommandPorts, PausedService, ServicePause},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, Reply},
};

const INVALID_PAUSE_END: ErrorCode =
    ErrorCode::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_pause_end", "`ends_at` lies ahead, or is left out");

/// What is paused now.
#[derive(Serialize, JsonSchema)]
pub struct Pauses {
    items: Vec<ServicePause>,
}

fn answer(items: Vec<ServicePause>) -> Reply<Pauses> {
    Reply::new(Pauses { items })
}

fn example() -> Value {
    json!({ "items": [{ "service": "apify", "paused_at": "2026-11-27T09:30:00Z", "ends_at": null }] })
}

pub struct ListPauses;

impl Endpoint for ListPauses {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/operator/pauses";
    const SUMMARY: &'static str = "Which services operators have paused.";

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Pauses>;

    fn example() -> Example {
        Example { data: Some(example()), ..Example::default() }
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Pauses>, ApiError> {
        Ok(answer(ports.desk.pauses(&operator).await?))
    }
}

/// What to pause, and until when.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// A provider, or `all` analyses.
    service: PausedService,
    /// Left out or `null` until it is resumed.
    #[serde(default)]
    ends_at: Option<Timestamp>,
}

pub struct PauseService;

impl Endpoint for PauseService {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/pauses";
    const SUMMARY: &'static str = "Has no analysis sold that needs this provider, or none at all: they answer `provider_unavailable`. What was sold goes on.";
    const ERRORS: &'static [ErrorCode] = &[INVALID_PAUSE_END];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = JsonBody<PauseBody>;
    type Answer = Reply<Pauses>;

    fn example() -> Example {
        Example { body: Some(json!({ "service": "apify", "ends_at": null })), data: Some(example()) }
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        _: NoParameters,
        JsonBody(PauseBody { service, ends_at }): JsonBody<PauseBody>,
    ) -> Result<Reply<Pauses>, ApiError> {
        if ends_at.is_some_and(|at| at <= ports.clock.now()) {
            return Err(ApiError::new(
                INVALID_PAUSE_END,
                "ends_at lies ahead. Leave it out to pause until you resume.",
            ));
        }
        Ok(answer(ports.desk.pause(&operator, service, ends_at).await?))
    }
}

/// What to resume.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeBody {
    /// As it was paused: `all` ends only the pause of all.
    service: PausedService,
}

pub struct ResumeService;

impl Endpoint for ResumeService {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/pauses/resume";
    const SUMMARY: &'static str = "Ends a pause; nothing changes where there is none.";

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = JsonBody<ResumeBody>;
    type Answer = Reply<Pauses>;

    fn example() -> Example {
        Example { body: Some(json!({ "service": "apify" })), data: Some(json!({ "items": [] })) }
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        _: NoParameters,
        JsonBody(ResumeBody { service }): JsonBody<ResumeBody>,
    ) -> Result<Reply<Pauses>, ApiError> {
        Ok(answer(ports.desk.resume(&operator, service).await?))
    }
}
