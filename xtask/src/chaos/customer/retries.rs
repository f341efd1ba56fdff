//! A client that does what customers are told (docs/errors.md): it sends again what was answered 429 or 503, after `Retry-After`, and what
//! was not answered at all, always with the same `Idempotency-Key`. Everything that it sends is safe to repeat.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::chaos::book::{Exchange, Outcome};

/// So often a request is sent at most.
const ATTEMPTS_MAX: u32 = 10;
/// Before a request is sent again whose answer did not come, or names no time.
const PAUSE: Duration = Duration::from_secs(1);
/// Nobody waits longer than that for an answer.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// What became of all requests of such clients.
#[derive(Default)]
pub struct Retries(Mutex<Vec<Request>>);

/// A request with all its attempts.
#[derive(Debug, Clone)]
pub struct Request {
    pub attempts: u32,
    /// From the first attempt to the last answer.
    pub took: Duration,
    pub end: Exchange,
}

impl Request {
    /// Whether the last attempt had no answer either, or none that tells what became of it.
    pub fn has_failed(&self) -> bool {
        self.end.status().is_none_or(|status| status == 429 || status >= 500)
    }
}

impl Retries {
    /// Sends until there is an answer to keep.
    pub fn until_answered(&self, send: impl Fn() -> Exchange) -> Exchange {
        let began = Instant::now();
        let mut attempts = 1;
        let end = loop {
            let sent = send();
            let Some(pause) = pause(&sent).filter(|_| attempts < ATTEMPTS_MAX) else { break sent };
            std::thread::sleep(pause);
            attempts += 1;
        };
        let request = Request { attempts, took: began.elapsed(), end: end.clone() };
        // A panic of another thread cannot leave the list half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        end
    }

    pub fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How long to wait before it is sent again; `None` if it is not.
fn pause(sent: &Exchange) -> Option<Duration> {
    match &sent.outcome {
        Outcome::Nothing(_) => Some(PAUSE),
        Outcome::Answer { status: 429 | 503, retry_after_s, .. } => {
            let pause = retry_after_s.map_or(PAUSE, Duration::from_secs);
            (pause <= PAUSE_MAX).then_some(pause)
        }
        Outcome::Answer { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::Value;

    use super::*;

    fn exchange(outcome: Outcome) -> Exchange {
        Exchange {
            customer: 0,
            operation: "GET /runs",
            about: None,
            key: None,
            body: Value::Null,
            sent_at: Duration::ZERO,
            ended_at: Duration::ZERO,
            outcome,
        }
    }

    fn answer(status: u16, retry_after_s: Option<u64>) -> Outcome {
        Outcome::Answer { status, body: Value::Null, retry_after_s }
    }

    #[test]
    fn a_request_is_sent_again_until_it_is_answered() {
        let retries = Retries::default();
        let outcomes = RefCell::new(vec![answer(202, None), answer(429, Some(0)), answer(503, Some(0))]);
        let end = retries.until_answered(|| exchange(outcomes.borrow_mut().pop().unwrap()));
        assert_eq!(end.status(), Some(202));
        let all = retries.all();
        assert_eq!(
            all.iter().map(|request| (request.attempts, request.has_failed())).collect::<Vec<_>>(),
            [(3, false)]
        );
    }

    #[test]
    fn what_stays_unanswered_has_failed_and_what_is_refused_has_not() {
        let failed = |outcome| {
            let retries = Retries::default();
            retries.until_answered(|| exchange(answer_of(&outcome)));
            retries.all().iter().all(Request::has_failed)
        };
        fn answer_of(outcome: &Outcome) -> Outcome {
            outcome.clone()
        }
        assert!(failed(answer(503, Some(0))), "ten times");
        assert!(failed(answer(429, Some(3_600))), "nobody waits for an hour");
        assert!(failed(answer(500, None)));
        for status in [200, 402, 404, 409, 422] {
            assert!(!failed(answer(status, None)), "{status}");
        }
    }

    #[test]
    fn the_wait_is_what_the_answer_names() {
        assert_eq!(pause(&exchange(answer(503, Some(7)))), Some(Duration::from_secs(7)));
        assert_eq!(pause(&exchange(answer(503, None))), Some(PAUSE));
        assert_eq!(pause(&exchange(Outcome::Nothing(String::new()))), Some(PAUSE));
        assert_eq!(pause(&exchange(answer(409, Some(7)))), None);
    }
}
