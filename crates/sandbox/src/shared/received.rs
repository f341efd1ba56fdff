//! The record of received calls, for tests and benchmarks to look at.
//!
//! Headers are never recorded, nor is a `token` in a query, so no credential can be read here.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::shared::{clock::now_ms, faults::Target};

/// Beyond this number the oldest calls are forgotten.
const CALLS_MAX: usize = 40_000;
/// Beyond this size of all bodies together the oldest calls are forgotten. The end-to-end tests check all their
/// calls at their end.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One call, as it is reported.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) target: Target,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) body: String,
    pub(crate) usernames: Vec<String>,
    /// The `cf-aig-metadata` that the caller of the gateway sent.
    pub(crate) metadata: Option<Value>,
    /// The answer's status; `None` while the call is under way, and when it was never answered.
    pub(crate) status: Option<u16>,
    pub(crate) started_at_ms: u64,
    /// `None` while the call is under way.
    pub(crate) duration_ms: Option<u64>,
}

impl Call {
    fn to_json(&self) -> Value {
        let body = match self.body.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        };
        json!({
            "target": self.target, "method": self.method, "path": self.path, "query": self.query, "body": body,
            "status": self.status, "started_at_ms": self.started_at_ms, "duration_ms": self.duration_ms,
            "usernames": self.usernames, "metadata": self.metadata,
        })
    }

    /// Whether the text occurs in what the call was about.
    fn matches(&self, needle: &str) -> bool {
        self.body.contains(needle)
            || self.path.contains(needle)
            || self.usernames.iter().any(|name| name.contains(needle))
            || self.metadata_text().contains(needle)
    }

    /// The metadata as compact JSON; empty where there is none.
    pub(crate) fn metadata_text(&self) -> String {
        self.metadata.as_ref().map(Value::to_string).unwrap_or_default()
    }
}

/// The calls of the recent past, oldest first.
#[derive(Default)]
pub(crate) struct Received(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    calls: VecDeque<Call>,
    body_bytes: usize,
    /// The number of the oldest call kept; a call's number never changes.
    first: u64,
    /// How many calls were dropped to make room since the last `clear`.
    forgotten: u64,
}

impl Received {
    /// Notes a call that has begun. The guard notes its end when it is dropped, which also happens when the client goes
    /// away and the handler is cancelled.
    pub(crate) fn begin(self: &Arc<Self>, call: Call) -> CallGuard {
        let mut ring = self.0.lock();
        ring.body_bytes += call.body.len();
        ring.calls.push_back(call);
        while ring.calls.len() > CALLS_MAX || ring.body_bytes > BODY_BYTES_MAX {
            let Some(forgotten) = ring.calls.pop_front() else {
                break;
            };
            ring.body_bytes -= forgotten.body.len();
            ring.first += 1;
            ring.forgotten += 1;
        }
        let number = ring.first + ring.calls.len() as u64 - 1;
        CallGuard { received: Arc::clone(self), number, begun: Instant::now(), status: None }
    }

    pub(crate) fn clear(&self) {
        let mut ring = self.0.lock();
        // Numbers go on, so that the end of a call from before is not noted on a later one.
        ring.first += ring.calls.len() as u64;
        ring.calls.clear();
        ring.body_bytes = 0;
        ring.forgotten = 0;
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.0.lock().forgotten
    }

    /// The calls with this target that contain this text; `None` selects any.
    pub(crate) fn select(&self, target: Option<Target>, needle: Option<&str>) -> Vec<Call> {
        let wanted = |call: &&Call| {
            target.is_none_or(|target| target == call.target) && needle.is_none_or(|needle| call.matches(needle))
        };
        self.0.lock().calls.iter().filter(wanted).cloned().collect()
    }
}

pub(crate) struct CallGuard {
    received: Arc<Received>,
    number: u64,
    begun: Instant,
    status: Option<u16>,
}

impl CallGuard {
    /// The call is about to be answered with this status.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let mut ring = self.received.0.lock();
        let place = self.number.checked_sub(ring.first).and_then(|place| usize::try_from(place).ok());
        if let Some(call) = place.and_then(|place| ring.calls.get_mut(place)) {
            call.duration_ms = Some(self.begun.elapsed().as_millis() as u64);
            call.status = self.status;
        }
    }
}

pub(crate) fn report(calls: &[Call], forgotten: u64) -> Value {
    json!({
        "count": calls.len(),
        "forgotten": forgotten,
        "peak_concurrency": peak_concurrency(calls),
        "calls": calls.iter().map(Call::to_json).collect::<Vec<_>>(),
    })
}

/// The most calls that were under way at one moment.
fn peak_concurrency(calls: &[Call]) -> usize {
    let now = now_ms();
    let mut changes: Vec<(u64, bool)> = Vec::with_capacity(calls.len() * 2);
    for call in calls {
        changes.push((call.started_at_ms, true));
        // A call under way is still open at this moment.
        changes.push((call.duration_ms.map_or(now + 1, |duration| call.started_at_ms + duration), false));
    }
    // A call that ends in the millisecond in which another begins does not overlap it: `false` sorts first.
    changes.sort_unstable();
    let (mut open, mut peak) = (0_usize, 0_usize);
    for (_, begins) in changes {
        open = if begins { open + 1 } else { open.saturating_sub(1) };
        peak = peak.max(open);
    }
    peak
}

/// A query without the token in it.
pub(crate) fn without_token(query: &str) -> String {
    // The server decodes the name before it compares, so an encoded name must be hidden too.
    let is_token = |name: &str| percent_decode_str(name).decode_utf8_lossy().eq_ignore_ascii_case("token");
    let hide = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_token(name) => format!("{name}=hidden"),
        _ => pair.to_owned(),
    };
    query.split('&').map(hide).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(started_at_ms: u64, duration_ms: Option<u64>) -> Call {
        Call {
            target: Target::OpenAiChat,
            method: "POST".into(),
            path: "/".into(),
            query: None,
            body: "{}".into(),
            usernames: vec![],
            metadata: None,
            status: None,
            started_at_ms,
            duration_ms,
        }
    }

    #[test]
    fn the_peak_counts_what_was_open_at_one_moment() {
        let back_to_back = [call(0, Some(10)), call(10, Some(10)), call(20, Some(5))];
        assert_eq!(peak_concurrency(&back_to_back), 1);
        let overlapping = [call(0, Some(10)), call(5, Some(10)), call(9, None), call(30, None)];
        assert_eq!(peak_concurrency(&overlapping), 3);
        assert_eq!(peak_concurrency(&[]), 0);
    }

    #[test]
    fn the_ring_forgets_the_oldest_and_ends_find_their_call() {
        let received = Arc::new(Received::default());
        let mut first = received.begin(call(0, None));
        for number in 1..=CALLS_MAX as u64 {
            received.begin(call(number, None)).answered(200);
        }
        first.answered(418);
        drop(first);
        let calls = received.select(None, None);
        assert_eq!(calls.len(), CALLS_MAX);
        assert_eq!(calls[0].started_at_ms, 1);
        assert!(calls.iter().all(|call| call.status == Some(200)));
        assert_eq!(received.forgotten(), 1);
        received.clear();
        assert_eq!(received.forgotten(), 0);
    }

    #[test]
    fn a_token_in_a_query_is_never_kept() {
        assert_eq!(without_token("waitForFinish=60&token=secret&x=1"), "waitForFinish=60&token=hidden&x=1");
        assert_eq!(without_token("TOKEN=secret"), "TOKEN=hidden");
        assert_eq!(without_token("%74oken=secret&a%3Dtoken=1"), "%74oken=hidden&a%3Dtoken=1");
    }
}
