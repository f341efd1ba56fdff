//! The events of the recent past, and why others were refused.

use std::collections::VecDeque;

use axum::{http::StatusCode, response::Response};
use parking_lot::Mutex;
use serde_json::Value;

use super::http::refused;
use crate::shared::{
    faults::{FaultSpec, Kind, Target},
    headers,
    tap::Tapped,
};

/// Beyond this number the oldest ones are forgotten.
const KEPT_MAX: usize = 2_000;
/// How long a planted limit lasts unless it says.
const LIMIT_S: u64 = 60;

#[derive(Default)]
pub(crate) struct Sentry(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Oldest first.
    events: VecDeque<Value>,
    refused: VecDeque<String>,
}

impl Sentry {
    pub(super) fn keep(&self, events: Vec<Value>) {
        let mut inner = self.0.lock();
        inner.events.extend(events);
        while inner.events.len() > KEPT_MAX {
            inner.events.pop_front();
        }
    }

    pub(super) fn refuse(&self, why: String) {
        let mut inner = self.0.lock();
        inner.refused.push_back(why);
        while inner.refused.len() > KEPT_MAX {
            inner.refused.pop_front();
        }
    }

    /// The events that contain this text, and why envelopes were refused.
    pub(crate) fn report(&self, needle: Option<&str>) -> (Vec<Value>, Vec<String>) {
        let inner = self.0.lock();
        let matches = |event: &&Value| needle.is_none_or(|needle| event.to_string().contains(needle));
        (inner.events.iter().filter(matches).cloned().collect(), inner.refused.iter().cloned().collect())
    }

    pub(crate) fn clear(&self) {
        *self.0.lock() = Inner::default();
    }
}

impl Tapped for Sentry {
    fn error(&self, _: Target, status: u16) -> Response {
        refused(headers::status(status), "a planted fault")
    }

    fn own_answer(&self, fault: &FaultSpec) -> Option<Response> {
        if fault.kind != Kind::RateLimit {
            return None;
        }
        let seconds = fault.retry_after_s.unwrap_or(LIMIT_S);
        let mut answer =
            refused(StatusCode::TOO_MANY_REQUESTS, "Sentry dropped data due to a quota or internal rate limit");
        headers::set(answer.headers_mut(), "retry-after", &seconds.to_string());
        headers::set(answer.headers_mut(), "x-sentry-rate-limits", &format!("{seconds}:error:organization"));
        Some(answer)
    }
}
