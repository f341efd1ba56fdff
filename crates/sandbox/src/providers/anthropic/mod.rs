//! Anthropic's Messages, not streamed.
//!
//! A request is checked as Anthropic checks it, then answered by the judge: as text, as text in the shape of
//! `output_config.format`, or as the input of a tool. Only what a `cache_control` asks for is cached.

mod access;
mod answer;
mod content;
mod errors;
mod listing;
mod messages;
mod models;
mod request;
mod schema;
mod state;
mod thinking;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, any, get, post},
};

pub use access::ANTHROPIC_API_KEY;
pub(crate) use listing::announced;
pub(crate) use state::Anthropic;

use crate::shared::{faults::Target, tap::Tap};

/// The routes below `/anthropic`.
pub(crate) fn routes(anthropic: &Arc<Anthropic>, tap: &Tap) -> Router {
    let tapped = |target: Target, route: MethodRouter<Arc<Anthropic>>| tap.before(anthropic, target, route);
    let unknown = tapped(Target::AnthropicOther, any(messages::unknown));
    Router::new()
        .route("/v1/messages", tapped(Target::AnthropicMessages, post(messages::create)))
        .route("/v1/models", tapped(Target::AnthropicOther, get(listing::list_models)))
        .route("/v1/models/{id}", tapped(Target::AnthropicOther, get(listing::read_model)))
        .fallback_service(unknown.with_state(Arc::clone(anthropic)))
        .with_state(Arc::clone(anthropic))
}
