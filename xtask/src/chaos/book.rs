//! What customers saw: every request and its answer, with times since the beginning.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// One request and what came of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The number of the customer.
    pub customer: usize,
    /// As the contract names it: `POST /runs/{id}/cancel`.
    pub operation: &'static str,
    /// The id in the path, if there is one.
    pub about: Option<String>,
    pub key: Option<String>,
    pub body: Value,
    pub sent_at: Duration,
    pub ended_at: Duration,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Answer {
        status: u16,
        /// The whole envelope; `null` when it was not JSON.
        body: Value,
        /// After how many seconds to send it again, if the answer says so.
        retry_after_s: Option<u64>,
    },
    /// The connection was refused or broke off, or nothing came in time: what became of the request is unknown.
    Nothing(String),
}

impl Exchange {
    pub fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Answer { status, .. } => Some(*status),
            Outcome::Nothing(_) => None,
        }
    }

    /// The envelope.
    pub fn envelope(&self) -> &Value {
        match &self.outcome {
            Outcome::Answer { body, .. } => body,
            Outcome::Nothing(_) => &Value::Null,
        }
    }

    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        self.envelope().get("code").and_then(Value::as_str)
    }

    /// What a successful answer holds.
    pub fn data(&self) -> Option<&Value> {
        self.envelope().get("data").filter(|_| self.status().is_some_and(|status| status < 400))
    }

    /// A text in what a successful answer holds.
    pub fn datum(&self, field: &str) -> Option<&str> {
        self.data()?.get(field)?.as_str()
    }

    /// Whether the customer knows what became of it. A 503 may hide that it was done.
    pub fn is_settled(&self) -> bool {
        self.status().is_some_and(|status| status < 500)
    }

    /// For counting.
    pub fn kind(&self) -> String {
        let outcome = match (&self.outcome, self.code()) {
            (Outcome::Nothing(_), _) => "no answer".to_owned(),
            (Outcome::Answer { status, .. }, Some(code)) => format!("{status} {code}"),
            (Outcome::Answer { status, .. }, None) => status.to_string(),
        };
        format!("{}: {outcome}", self.operation)
    }

    /// Where to look.
    pub fn place(&self) -> String {
        let about = self.about.as_deref().map_or_else(String::new, |id| format!(" of {id}"));
        let key = self.key.as_deref().map_or_else(String::new, |key| format!(" with key {key}"));
        format!(
            "customer {} at {:.1} s: {}{about}{key}, requestId {}",
            self.customer,
            self.sent_at.as_secs_f64(),
            self.kind(),
            self.envelope().get("requestId").and_then(Value::as_str).unwrap_or("none")
        )
    }
}

/// Everything that was sent, shared by all customers.
pub struct Book {
    began: Instant,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Book {
    pub fn begin() -> Self {
        Self { began: Instant::now(), exchanges: Mutex::default() }
    }

    /// The time since the beginning.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Sleeps until so long after the beginning.
    pub fn wait_until(&self, at: Duration) {
        std::thread::sleep(at.saturating_sub(self.now()));
    }

    pub fn note(&self, exchange: Exchange) {
        self.lock().push(exchange);
    }

    pub fn all(&self) -> Vec<Exchange> {
        self.lock().clone()
    }

    /// A panic of another thread cannot leave the list half-written, so a poisoned lock is used all the same.
    fn lock(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
