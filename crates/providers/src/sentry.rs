//! Sentry: errors of ours as envelopes.
//!
//! What it promises:
//! - **Nothing of a customer's or a profile's leaves.** A report holds constants, ids and places in the code (`ErrorReport`).
//! - **Sentry's limits are kept**, and one of our own, so that an error that repeats itself costs little.
//! - **A silent Sentry holds nothing up**: after a call that failed, it is left alone for a minute.

mod dsn;
mod envelope;
mod quota;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use jiff::Timestamp;
use oslira_app::shared::telemetry::ErrorReport;

pub use self::dsn::SentryDsn;
use self::{envelope::envelope, quota::Quota};
use crate::send::{HttpSend, SendError};

/// Nobody waits for the answer, but the platform ends what goes on for long behind an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// An answer is one id.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Our name, as Sentry and its firewall see it.
const CLIENT: &str = concat!("oslira/", env!("CARGO_PKG_VERSION"));

/// One project of Sentry's, and what may be sent there.
pub struct Sentry {
    send: Arc<dyn HttpSend>,
    dsn: SentryDsn,
    environment: String,
    release: String,
    quota: Mutex<Quota>,
}

impl Sentry {
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, dsn: SentryDsn, environment: String, release: String) -> Self {
        Self { send, dsn, environment, release, quota: Mutex::default() }
    }

    /// Sends a report of what happened `at` that time, unless there have been too many. `id` is 32 hexadecimal digits, new for each.
    /// What cannot be sent is dropped: its line is in the log.
    pub async fn report(&self, report: &ErrorReport, id: &str, at: Timestamp, now: Timestamp) -> Delivery {
        if !self.with_quota(|quota| quota.take(now)) {
            return Delivery::HeldBack;
        }
        let answer = match self.request(report, id, at, now) {
            Ok(request) => self.send.send(request, TIMEOUT, ANSWER_BYTES_MAX).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => {
                self.with_quota(|quota| quota.answered(answer.status(), answer.headers(), now));
                if answer.status().is_success() { Delivery::Delivered } else { Delivery::Refused }
            }
            Err(_) => {
                self.with_quota(|quota| quota.unanswered(now));
                Delivery::Refused
            }
        }
    }

    fn request(
        &self,
        report: &ErrorReport,
        id: &str,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Request<Bytes>, SendError> {
        let auth = format!("Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={}", self.dsn.public_key());
        let auth = HeaderValue::try_from(auth)
            .map_err(|_| SendError::Broken("the key does not fit into a header".to_owned()))?;
        Request::builder()
            .method(Method::POST)
            .uri(self.dsn.envelope_url())
            .header(header::CONTENT_TYPE, "application/x-sentry-envelope")
            .header(header::USER_AGENT, CLIENT)
            .header(HeaderName::from_static("x-sentry-auth"), auth)
            .body(envelope(report, id, at, now, &self.environment, &self.release).into())
            .map_err(|why| SendError::Broken(why.to_string()))
    }

    fn with_quota<T>(&self, ask: impl FnOnce(&mut Quota) -> T) -> T {
        // What a panic left behind is a count that is too high or too low.
        ask(&mut self.quota.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Delivered,
    /// There were too many, or Sentry asked to wait.
    HeldBack,
    /// Sentry refused it or did not answer.
    Refused,
}
