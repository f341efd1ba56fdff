//! OpenAI's Chat Completions, not streamed.
//!
//! A request is checked as strictly as OpenAI checks it, then answered by a judge that knows the business and the
//! profile in the prompt, in whatever shape the sent schema asks for. The prompt contract: the system message carries
//! `<business>…</business>`, the user message `<profile>{…}</profile>`.

mod answer;
mod cache;
mod chat;
mod errors;
mod followers;
mod judge;
mod models;
mod profile;
mod prompt;
mod prose;
mod request;
mod schema;
mod themes;
mod walker;

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    middleware,
    routing::{get, post},
};

pub(crate) use cache::PromptCache;
pub(crate) use errors::{error_of_status, insufficient_quota};
pub(crate) use prompt::usernames;
pub(crate) use themes::Lexicon;

use crate::{
    Shared,
    faults::Target,
    tap::{Tap, tap, tapped},
};

/// The routes below `/openai`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let other = Tap::new(shared, Target::OpenAiOther);
    Router::new()
        .route("/v1/chat/completions", tapped(shared, Target::OpenAiChat, post(chat::complete)))
        .route("/v1/models", tapped(shared, Target::OpenAiOther, get(chat::list_models)))
        .route("/v1/models/{id}", tapped(shared, Target::OpenAiOther, get(chat::read_model)))
        .fallback(chat::unknown.layer(middleware::from_fn_with_state(other, tap)))
        .with_state(Arc::clone(shared))
}
