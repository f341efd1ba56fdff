//! Cloudflare's AI Gateway in front of OpenAI and Anthropic: their native paths below one address.
//!
//! A call goes on to the sandbox's own provider with the caller's API key, and both calls are recorded with the
//! caller's metadata. A cached answer is the very same body, and no provider is asked. The gateway's own errors have a
//! form of their own; the providers' errors pass through unchanged.

mod cache;
mod errors;
mod options;
mod relay;
mod state;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, any},
};

pub use relay::GATEWAY_TOKEN;
pub(crate) use state::Gateway;

use crate::shared::{faults::Target, tap::Tap};

/// The routes below `/gateway`.
pub(crate) fn routes(gateway: &Arc<Gateway>, tap: &Tap) -> Router {
    let tapped = |route: MethodRouter<Arc<Gateway>>| tap.before(gateway, Target::Gateway, route);
    Router::new()
        .route("/v1/{account}/{gateway}/{provider}/{*endpoint}", tapped(any(relay::relay)))
        .fallback_service(tapped(any(relay::unknown)).with_state(Arc::clone(gateway)))
        .with_state(Arc::clone(gateway))
}
