//! OpenAI's Chat Completions, not streamed.
//!
//! A request is checked as strictly as OpenAI checks it, then answered by the judge in the shape of the sent schema.

mod access;
mod answer;
mod breakpoints;
mod caching;
mod chat;
mod content;
mod errors;
mod listing;
mod models;
mod request;
mod schema;
mod state;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, any, get, post},
};

pub use access::OPENAI_API_KEY;
pub(crate) use listing::announced;
pub(crate) use state::OpenAi;

use crate::shared::{faults::Target, tap::Tap};

/// The routes below `/openai`.
pub(crate) fn routes(openai: &Arc<OpenAi>, tap: &Tap) -> Router {
    let tapped = |target: Target, route: MethodRouter<Arc<OpenAi>>| tap.before(openai, target, route);
    let unknown = tapped(Target::OpenAiOther, any(chat::unknown));
    Router::new()
        .route("/v1/chat/completions", tapped(Target::OpenAiChat, post(chat::complete)))
        .route("/v1/models", tapped(Target::OpenAiOther, get(listing::list_models)))
        .route("/v1/models/{id}", tapped(Target::OpenAiOther, get(listing::read_model)))
        .fallback_service(unknown.with_state(Arc::clone(openai)))
        .with_state(Arc::clone(openai))
}
