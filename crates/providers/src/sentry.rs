//! Sentry: errors of ours as envelopes.
//!
//! What it promises:
//! - **Nothing of a customer's or a profile's leaves.** A report holds constants, ids and places in the code (`ErrorReport`).
//! - **Sentry's limits are kept**, and one of our own, so that an error that repeats itself costs little. Our own lets every alarm
//!   through. A trap of the module forgets neither.
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
use jiff::{SignedDuration, Timestamp};
use oslira_app::shared::{clock::Clock, ids::Ids, telemetry::ErrorReport};

pub use self::dsn::SentryDsn;
use self::{envelope::envelope, quota::Quota};
use crate::send::{HttpSend, SendError};

/// Nobody waits for the answer, but the platform ends what goes on for long behind an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long reports are sent one after the other; the last one may take [`TIMEOUT`] more.
const REPORTING: SignedDuration = SignedDuration::from_secs(5);
/// An answer is one id.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Our name, as Sentry and its firewall see it.
const CLIENT: &str = concat!("oslira/", env!("CARGO_PKG_VERSION"));

/// Where it is kept how much was sent and until when nothing may be. It MUST outlive a trap of the module: each one reports itself,
/// and without a memory a module that traps again and again would send without a limit.
pub trait QuotaMemory: Send + Sync {
    fn read(&self) -> Option<String>;
    fn write(&self, text: &str);
}

/// For a process that does not lose its memory.
impl QuotaMemory for Mutex<Option<String>> {
    fn read(&self) -> Option<String> {
        self.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, text: &str) {
        *self.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
    }
}

/// One project of Sentry's, and what may be sent there.
pub struct Sentry {
    send: Arc<dyn HttpSend>,
    dsn: SentryDsn,
    environment: String,
    release: String,
    memory: Arc<dyn QuotaMemory>,
}

impl Sentry {
    #[must_use]
    pub fn new(
        send: Arc<dyn HttpSend>,
        dsn: SentryDsn,
        environment: String,
        release: String,
        memory: Arc<dyn QuotaMemory>,
    ) -> Self {
        Self { send, dsn, environment, release, memory }
    }

    /// Sends reports one after the other, alarms first: after a silence of Sentry's the rest is dropped at once, and after a few
    /// seconds in any case, because an invocation waits for it. Answers how many Sentry did not take, or there was no time for.
    pub async fn report_all(&self, reports: &[(Timestamp, ErrorReport)], ids: &dyn Ids, clock: &dyn Clock) -> usize {
        let began = clock.now();
        let (alarms, others): (Vec<_>, Vec<_>) = reports.iter().partition(|(_, report)| report.is_alarm());
        let mut lost = 0;
        for (at, report) in alarms.into_iter().chain(others) {
            let now = clock.now();
            let is_late = now.duration_since(began) >= REPORTING;
            let id = ids.request_id().replace('-', "");
            if is_late || self.report(report, &id, *at, now).await == Delivery::Refused {
                lost += 1;
            }
        }
        lost
    }

    /// Sends a report of what happened `at` that time, unless there have been too many. `id` is 32 hexadecimal digits, new for each.
    /// What cannot be sent is dropped: its line is in the log.
    pub async fn report(&self, report: &ErrorReport, id: &str, at: Timestamp, now: Timestamp) -> Delivery {
        if !self.with_quota(|quota| quota.take(report.is_alarm(), now)) {
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
        // What cannot be read was written by another version: then the count begins anew.
        let mut quota: Quota = self.memory.read().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let answer = ask(&mut quota);
        if let Ok(text) = serde_json::to_string(&quota) {
            self.memory.write(&text);
        }
        answer
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
