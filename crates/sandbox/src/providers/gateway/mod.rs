//! Cloudflare's AI Gateway in front of OpenAI and Anthropic: their native paths below one address.
//!
//! A call passes on to the sandbox's own provider with the provider's key as it came, and both calls are recorded with
//! the caller's metadata. A cached answer is the very same body and asks no provider at all. The gateway's own errors
//! have a form of their own; the providers' pass through unchanged.

mod cache;
mod errors;
mod options;
mod relay;

use std::sync::Arc;

use axum::{Router, handler::Handler, middleware, routing::any};

pub(crate) use cache::ResponseCache;
pub(crate) use errors::error_of_status;
pub(crate) use options::metadata;

use crate::Shared;
use crate::shared::{
    faults::Target,
    tap::{Tap, tap, tapped},
};

/// The routes below `/gateway`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let other = Tap::new(shared, Target::Gateway);
    Router::new()
        .route("/v1/{account}/{gateway}/{provider}/{*endpoint}", tapped(shared, Target::Gateway, any(relay::relay)))
        .fallback(relay::unknown.layer(middleware::from_fn_with_state(other, tap)))
        .with_state(Arc::clone(shared))
}
