//! Workers Analytics Engine: the SQL API over the points of this stack's Worker.
//!
//! A real Worker writes points through a binding, which the local runtime accepts and forgets. So `POST /cloudflare/points`, which is
//! no address of Cloudflare's, takes the same points. One that the platform would drop is dropped, and listed at `/control/telemetry`.

mod http;
mod point;
mod sql;
mod state;

use std::sync::Arc;

use axum::{Router, routing::post};

pub(crate) use state::Analytics;

/// The only token of Cloudflare's API that the sandbox accepts.
pub const ANALYTICS_TOKEN: &str = "sandbox-analytics-token";

/// The routes below `/cloudflare`.
pub(crate) fn routes(analytics: &Arc<Analytics>) -> Router {
    Router::new()
        .route("/points", post(http::keep))
        .route("/client/v4/accounts/{account}/analytics_engine/sql", post(http::ask))
        .with_state(Arc::clone(analytics))
}
