//! The state of the gateway, and its answers under faults.

use axum::{Router, http::HeaderMap, response::Response};
use serde_json::Value;

use super::{cache::ResponseCache, errors::error_of_status, options::metadata};
use crate::shared::{faults::Target, judge, latency::Latency, tap::Tapped};

/// What the gateway's handlers need.
pub(crate) struct Gateway {
    pub(super) latency: Latency,
    /// The routes of the providers behind it, each below its name.
    pub(super) providers: Router,
    pub(super) cache: ResponseCache,
}

impl Gateway {
    pub(crate) fn new(latency: Latency, providers: Router) -> Self {
        Self { latency, providers, cache: ResponseCache::default() }
    }
}

impl Tapped for Gateway {
    fn error(&self, _: Target, status: u16) -> Response {
        error_of_status(status)
    }

    fn usernames(&self, _: Target, body: &str, _: Option<&str>) -> Vec<String> {
        judge::usernames(body)
    }

    fn metadata(&self, headers: &HeaderMap) -> Option<Value> {
        metadata(headers)
    }
}
