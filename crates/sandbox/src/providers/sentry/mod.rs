//! Sentry: takes envelopes and is strict about them, where the real service takes nearly everything and shows it oddly.

mod envelope;
mod http;
mod state;

use std::sync::Arc;

use axum::{Router, routing::post};

pub(crate) use state::Sentry;

use crate::shared::{faults::Target, tap::Tap};

/// The public key of the sandbox's project, as it stands in its address.
pub const SENTRY_PUBLIC_KEY: &str = "5a9db0c0ffee45a9db0c0ffee45a9db0";

/// The routes below `/sentry`.
pub(crate) fn routes(sentry: &Arc<Sentry>, tap: &Tap) -> Router {
    Router::new()
        .route("/api/{project}/envelope/", tap.before(sentry, Target::SentryEnvelope, post(http::take)))
        .with_state(Arc::clone(sentry))
}
