//! Whether this deployment can work, and what it needs soon.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::{DatabaseState, HealthPorts};
use crate::features::judging::warnings;

/// The deployment is ready.
#[derive(Serialize, JsonSchema)]
pub struct Ready {
    /// Always `ready`.
    status: &'static str,
    /// `local`, `staging` or `production`.
    environment: String,
    /// The version that answers: `oslira@` and its revision.
    release: String,
    /// What needs attention soon although everything works: models that will be retired.
    warnings: Vec<String>,
}

/// Checks the settings and asks the database.
///
/// # Errors
/// The faults, one sentence each.
pub async fn ready(ports: &HealthPorts) -> Result<Ready, Vec<String>> {
    let mut faults = ports.readiness.config_faults();
    let found = match ports.readiness.database().await {
        DatabaseState::Answers { models } => models,
        DatabaseState::Silent => {
            faults.push("the database does not answer".to_owned());
            vec![]
        }
        DatabaseState::Cached => {
            faults
                .push("Hyperdrive caches answers: `wrangler hyperdrive update ID --caching-disabled true`".to_owned());
            vec![]
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let today = ports.clock.now().to_zoned(TimeZone::UTC).date();
    let announced = ports.readiness.models_announced();
    Ok(Ready {
        status: "ready",
        environment: ports.readiness.environment().to_owned(),
        release: ports.readiness.release().to_owned(),
        warnings: warnings(&ports.models, &found, &announced, today),
    })
}
