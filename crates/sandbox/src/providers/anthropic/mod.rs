//! Anthropic's Messages, not streamed.
//!
//! A request is checked as Anthropic checks it, then answered by the judge: as text, as text in the shape of
//! `output_config.format`, or as the input of a tool. Only what a `cache_control` asks for is cached.

mod answer;
mod content;
mod errors;
mod listing;
mod messages;
mod models;
mod request;
mod schema;
mod thinking;

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    middleware,
    routing::{get, post},
};

pub(crate) use errors::{error_of_status, insufficient_quota, limit};
pub(crate) use listing::announced;

use crate::Shared;
use crate::shared::{
    faults::Target,
    tap::{Tap, tap, tapped},
};

/// The routes below `/anthropic`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let other = Tap::new(shared, Target::AnthropicOther);
    Router::new()
        .route("/v1/messages", tapped(shared, Target::AnthropicMessages, post(messages::create)))
        .route("/v1/models", tapped(shared, Target::AnthropicOther, get(listing::list_models)))
        .route("/v1/models/{id}", tapped(shared, Target::AnthropicOther, get(listing::read_model)))
        .fallback(messages::unknown.layer(middleware::from_fn_with_state(other, tap)))
        .with_state(Arc::clone(shared))
}
