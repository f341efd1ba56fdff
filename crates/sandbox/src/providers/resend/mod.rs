//! Resend: one mail a request, and reading a mail that was sent. All of it lands in the outbox.

mod access;
mod emails;
mod errors;
mod request;
mod state;

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get, post},
};

pub use access::RESEND_API_KEY;
pub(crate) use state::Resend;

use crate::shared::{faults::Target, tap::Tap};

/// The routes below `/resend`.
pub(crate) fn routes(resend: &Arc<Resend>, tap: &Tap) -> Router {
    let send = post(emails::send).fallback(emails::not_allowed);
    let retrieve = get(emails::retrieve).fallback(emails::not_allowed);
    let unknown = tap.before(resend, Target::ResendOther, any(emails::unknown));
    Router::new()
        .route("/emails", tap.before(resend, Target::ResendEmails, send))
        .route("/emails/{id}", tap.before(resend, Target::ResendOther, retrieve))
        .fallback_service(unknown.with_state(Arc::clone(resend)))
        .with_state(Arc::clone(resend))
}
