//! OpenAI's Chat Completions, not streamed.
//!
//! A request is checked as strictly as OpenAI checks it, then answered by the judge in the shape of the sent schema.

mod answer;
mod caching;
mod chat;
mod content;
mod errors;
mod listing;
mod models;
mod request;
mod schema;

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    middleware,
    routing::{get, post},
};

pub(crate) use errors::{error_of_status, insufficient_quota, slow_down};
pub(crate) use listing::announced;

use crate::Shared;
use crate::shared::{
    faults::Target,
    tap::{Tap, tap, tapped},
};

/// The routes below `/openai`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let other = Tap::new(shared, Target::OpenAiOther);
    Router::new()
        .route("/v1/chat/completions", tapped(shared, Target::OpenAiChat, post(chat::complete)))
        .route("/v1/models", tapped(shared, Target::OpenAiOther, get(listing::list_models)))
        .route("/v1/models/{id}", tapped(shared, Target::OpenAiOther, get(listing::read_model)))
        .fallback(chat::unknown.layer(middleware::from_fn_with_state(other, tap)))
        .with_state(Arc::clone(shared))
}
