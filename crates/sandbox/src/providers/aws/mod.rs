//! AWS Secrets Manager: `GetSecretValue` of one secret, in JSON 1.1, to whoever signs with Signature Version 4.

mod control;
mod errors;
mod http;
mod signature;
mod state;

use std::sync::Arc;

use axum::{Router, routing::post};

pub(crate) use control::routes as control_routes;
pub(crate) use state::SecretsManager;

use crate::shared::{faults::Target, tap::Tap};

/// The region of the secret, and so of every signature.
pub const AWS_REGION: &str = "eu-central-1";
/// The name of the one secret.
pub const AWS_SECRET_ID: &str = "oslira/local";
/// The first credentials.
pub const AWS_ACCESS_KEY_ID: &str = "AKIASANDBOX000000001";
pub const AWS_SECRET_ACCESS_KEY: &str = "sandbox-aws-secret-access-key";

/// The routes at `/aws`. The service has one address only; its clients send a slash at the end.
pub(crate) fn routes(manager: &Arc<SecretsManager>, tap: &Tap) -> Router {
    let get = tap.before(manager, Target::SecretsGet, post(http::get_secret_value));
    Router::new().route("/aws", get.clone()).route("/aws/", get).with_state(Arc::clone(manager))
}
