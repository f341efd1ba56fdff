//! `GET /health`, `GET /health/ready`.

use axum::{Router, http::StatusCode, routing::get};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::HealthPorts;
use crate::{
    features::judging::warnings,
    http::{ApiError, Ports, Reply},
};

/// The feature's routes.
pub fn routes() -> Router {
    Router::new().route("/health", get(health)).route("/health/ready", get(ready))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

/// Alive: the isolate answers. Says nothing of what stands behind it.
async fn health() -> Reply<Health> {
    Reply::ok(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    environment: String,
    /// What needs care though everything works: models that end soon.
    warnings: Vec<String>,
}

/// Ready: the database answers and no setting is missing or a sandbox's where it must not be.
async fn ready(Ports(ports): Ports<HealthPorts>) -> Result<Reply<Ready>, ApiError> {
    let mut faults = ports.readiness.config_faults();
    let found = ports.readiness.models_found().await;
    if found.is_none() {
        faults.push("the database does not answer".to_owned());
    }
    if faults.is_empty() {
        let today = ports.clock.now().to_zoned(TimeZone::UTC).date();
        let announced = ports.readiness.models_announced();
        return Ok(Reply::ok(Ready {
            status: "ready",
            environment: ports.readiness.environment().to_owned(),
            warnings: warnings(&ports.models, &found.unwrap_or_default(), &announced, today),
        }));
    }
    Err(ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_ready",
        "This deployment is not ready; details names what to mend.",
    )
    .with_details(serde_json::json!({ "faults": faults }))
    .with_retry_after(5))
}
