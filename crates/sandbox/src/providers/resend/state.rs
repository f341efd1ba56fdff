//! What Resend's handlers need.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};

use super::errors::error_of_status;
use crate::shared::{claims::Claims, faults::Target, latency::Latency, outbox::Outbox, tap::Tapped};

pub(crate) struct Resend {
    pub(super) latency: Latency,
    pub(super) outbox: Arc<Outbox>,
    pub(super) keys_in_use: Claims,
}

impl Resend {
    /// A Resend whose mails go to this outbox.
    pub(crate) fn new(latency: Latency, outbox: Arc<Outbox>) -> Self {
        Self { latency, outbox, keys_in_use: Claims::default() }
    }
}

impl Tapped for Resend {
    fn error(&self, _: Target, status: u16) -> Response {
        error_of_status(status).into_response()
    }
}
