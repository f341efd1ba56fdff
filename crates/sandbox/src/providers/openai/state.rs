//! The state of OpenAI, and its answers under faults.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};

use super::errors::{error_of_status, insufficient_quota, slow_down};
use crate::shared::{
    faults::{FaultSpec, Kind, Target},
    headers::{self, with_retry_after},
    judge::{self, Lexicon},
    latency::Latency,
    lifecycle::Lifecycles,
    prompt_cache::{AutomaticCache, ExplicitCache},
    tap::Tapped,
};

/// What OpenAI's handlers need.
pub(crate) struct OpenAi {
    pub(super) latency: Latency,
    pub(super) lexicon: Arc<Lexicon>,
    pub(super) lifecycles: Arc<Lifecycles>,
    pub(super) automatic_cache: AutomaticCache,
    pub(super) explicit_cache: ExplicitCache,
}

impl OpenAi {
    pub(crate) fn new(latency: Latency, lexicon: Arc<Lexicon>, lifecycles: Arc<Lifecycles>) -> Self {
        let (automatic_cache, explicit_cache) = (AutomaticCache::default(), ExplicitCache::default());
        Self { latency, lexicon, lifecycles, automatic_cache, explicit_cache }
    }
}

impl Tapped for OpenAi {
    fn error(&self, target: Target, status: u16) -> Response {
        let mut response = error_of_status(status).into_response();
        if status == 429 && target == Target::OpenAiChat {
            let response_headers = response.headers_mut();
            headers::set(response_headers, "x-ratelimit-remaining-requests", "0");
            headers::set(response_headers, "x-ratelimit-reset-requests", "120ms");
        }
        response
    }

    fn own_answer(&self, fault: &FaultSpec) -> Option<Response> {
        match (fault.kind, fault.target) {
            (Kind::SlowDown, _) => Some(with_retry_after(slow_down().into_response(), fault.retry_after_s)),
            (Kind::InsufficientQuota, Target::OpenAiChat) => Some(insufficient_quota().into_response()),
            _ => None,
        }
    }

    fn usernames(&self, target: Target, body: &str, _: Option<&str>) -> Vec<String> {
        if target.asks_a_model() { judge::usernames(body) } else { vec![] }
    }
}
