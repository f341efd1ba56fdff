//! The state of Anthropic, and its answers under faults.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};

use super::errors::{error_of_status, insufficient_quota, limit};
use crate::shared::{
    faults::{FaultSpec, Kind, Target},
    headers::with_retry_after,
    judge::{self, Lexicon},
    latency::Latency,
    lifecycle::Lifecycles,
    prompt_cache::ExplicitCache,
    tap::Tapped,
};

/// What Anthropic's handlers need.
pub(crate) struct Anthropic {
    pub(super) latency: Latency,
    pub(super) lexicon: Arc<Lexicon>,
    pub(super) lifecycles: Arc<Lifecycles>,
    pub(super) cache: ExplicitCache,
}

impl Anthropic {
    pub(crate) fn new(latency: Latency, lexicon: Arc<Lexicon>, lifecycles: Arc<Lifecycles>) -> Self {
        Self { latency, lexicon, lifecycles, cache: ExplicitCache::default() }
    }
}

impl Tapped for Anthropic {
    fn error(&self, _: Target, status: u16) -> Response {
        error_of_status(status).into_response()
    }

    fn own_answer(&self, fault: &FaultSpec) -> Option<Response> {
        // For its other calls the tap's common answers will do.
        if !fault.target.asks_a_model() {
            return None;
        }
        match fault.kind {
            Kind::RateLimit => Some(limit(fault.retry_after_s)),
            Kind::InsufficientQuota => Some(insufficient_quota(fault.status, fault.code).into_response()),
            Kind::Overloaded => Some(with_retry_after(error_of_status(529).into_response(), fault.retry_after_s)),
            _ => None,
        }
    }

    fn usernames(&self, target: Target, body: &str, _: Option<&str>) -> Vec<String> {
        if target.asks_a_model() { judge::usernames(body) } else { vec![] }
    }
}
