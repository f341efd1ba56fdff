//! `GET /health`, `GET /health/ready`.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    HealthPorts,
    ready::{Ready, ready},
};
use crate::http::{Anyone, ApiError, Endpoint, ErrorCode, Example, NoBody, NoParameters, Registry, Reply};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<GetHealth>();
    registry.add::<GetReadiness>();
}

/// The configuration does not allow charging for work.
/// The refusal of what would cost money on a deployment with these faults.
pub fn not_ready(faults: &[String]) -> ApiError {
    ApiError::new(
        NOT_READY,
        "This deployment is not configured yet. Nothing was charged. details.faults says what has to be fixed.",
    )
    .with_details(json!({ "faults": faults }))
}

pub const NOT_READY: ErrorCode =
    ErrorCode::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the deployment is not configured; `details.faults`");

/// The service is alive.
#[derive(Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The version that answers.
    version: &'static str,
}

pub struct GetHealth;

impl Endpoint for GetHealth {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/health";
    const SUMMARY: &'static str = "Alive: the service answers. It says nothing about the services that it needs.";

    type Ports = HealthPorts;
    type Caller = Anyone;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Health>;

    fn example() -> Example {
        Example { data: Some(json!({ "status": "ok", "version": "0.1.0" })), ..Example::default() }
    }

    async fn handle(_: HealthPorts, _: Anyone, _: NoParameters, _: NoBody) -> Result<Reply<Health>, ApiError> {
        Ok(Reply::new(Health { status: "ok", version: env!("CARGO_PKG_VERSION") }))
    }
}

pub struct GetReadiness;

impl Endpoint for GetReadiness {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/health/ready";
    const SUMMARY: &'static str = "Ready: the database answers, and all settings are valid.";
    const ERRORS: &'static [ErrorCode] = &[NOT_READY];

    type Ports = HealthPorts;
    type Caller = Anyone;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Ready>;

    fn example() -> Example {
        let data =
            json!({ "status": "ready", "environment": "production", "release": "oslira@1a2b3c4", "warnings": [] });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(ports: HealthPorts, _: Anyone, _: NoParameters, _: NoBody) -> Result<Reply<Ready>, ApiError> {
        ready(&ports).await.map(Reply::new).map_err(|faults| {
            ApiError::new(NOT_READY, "This deployment is not ready. details.faults says what has to be fixed.")
                .with_details(json!({ "faults": faults }))
                .with_retry_after(5)
        })
    }
}
