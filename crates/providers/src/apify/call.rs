//! One call to Apify, and what its failure means for a scrape.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode};
use oslira_app::features::profiles::ScrapeFault;
use serde::Deserialize;

use crate::send::{SendError, error_word};

const ID_BYTES_MAX: usize = 64;

/// Refusals because of our account: every scrape would meet them.
const OUR_ACCOUNT: [StatusCode; 3] = [StatusCode::UNAUTHORIZED, StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN];

/// Refusals because the plan allows no more runs at once: they end when other runs end. Apify lists them under status
/// 402, like an empty account, so only the error type tells them apart.
const AT_CAPACITY: [&str; 2] = ["actor-memory-limit-exceeded", "concurrent-runs-limit-exceeded"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Start,
    List,
    Poll,
    Items,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::List => "list",
            Self::Poll => "poll",
            Self::Items => "items",
        })
    }
}

pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
    pub(super) body_bytes_max: usize,
}

impl<'a> Call<'a> {
    pub(super) fn get(operation: Operation, path: &'a str, timeout: Duration, body_bytes_max: usize) -> Self {
        Self { operation, method: Method::GET, path, body: Bytes::new(), timeout, body_bytes_max }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("apify {operation}: {failure}")]
pub(super) struct CallError {
    pub(super) operation: Operation,
    pub(super) failure: CallFailure,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CallFailure {
    #[error("{0}")]
    NotSent(SendError),
    #[error("{0}")]
    NoAnswer(SendError),
    #[error("{} {kind}", status.as_u16())]
    Refused { status: StatusCode, kind: String },
}

impl From<CallError> for ScrapeFault {
    fn from(error: CallError) -> Self {
        let (operation, message) = (error.operation, error.to_string());
        match error.failure {
            // The request could not be built, so no run is waiting for an answer.
            CallFailure::NotSent(_) => Self::Retryable(message),
            CallFailure::NoAnswer(SendError::Timeout) => Self::TimedOut(message),
            // A start may have been made all the same.
            CallFailure::NoAnswer(_) => Self::Unanswered(message),
            CallFailure::Refused { status, kind } => refused(operation, status, &kind, message),
        }
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(rename = "type")]
    kind: Option<String>,
}

pub(super) fn refusal_kind(body: &[u8]) -> String {
    let refusal = serde_json::from_slice::<Refusal>(body).ok();
    error_word(refusal.as_ref().and_then(|refusal| refusal.error.kind.as_deref())).to_owned()
}

/// Whether a refusal is final. Polling a run that was just started may answer 404 until all of Apify knows it, so a 404
/// is final for a start only.
fn refused(operation: Operation, status: StatusCode, kind: &str, message: String) -> ScrapeFault {
    let is_at_capacity = AT_CAPACITY.contains(&kind);
    let passes = match status {
        _ if is_at_capacity => true,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_FOUND => operation != Operation::Start,
        _ => !status.is_client_error(),
    };
    match passes {
        true if operation == Operation::Start && (is_at_capacity || status == StatusCode::TOO_MANY_REQUESTS) => {
            ScrapeFault::AtCapacity(message)
        }
        // A server that fails may have done what it was asked.
        true => ScrapeFault::Unanswered(message),
        false if OUR_ACCOUNT.contains(&status) => ScrapeFault::Exhausted(message),
        false => ScrapeFault::Terminal(message),
    }
}

/// Ids come from Apify and go into the paths of requests that carry our token: only letters and digits may pass.
pub(super) fn checked_id(operation: Operation, id: &str) -> Result<&str, ScrapeFault> {
    let valid = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let why = || format!("apify {operation}: not an id");
    match operation {
        _ if valid => Ok(id),
        // There is a run, and nobody can name it.
        Operation::Start => Err(ScrapeFault::Unanswered(why())),
        Operation::List | Operation::Poll | Operation::Items => Err(ScrapeFault::Retryable(why())),
    }
}
