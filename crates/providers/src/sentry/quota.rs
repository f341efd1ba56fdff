//! How many reports may be sent: a few a minute, and none while Sentry says to wait.

use http::{HeaderMap, HeaderName, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Of one isolate. An outage logs the same line for every request; Sentry needs a few of them.
const REPORTS_A_MINUTE: u32 = 20;
const MINUTE: SignedDuration = SignedDuration::from_secs(60);
/// What Sentry's clients wait after a 429 that says no time.
const UNTOLD_S: i64 = 60;
/// Longer waits are not believed.
const WAIT_S_MAX: i64 = 24 * 60 * 60;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Quota {
    held_back_until: Option<Timestamp>,
    /// When the present minute began, and how many were sent in it.
    minute: Option<Timestamp>,
    sent: u32,
}

impl Quota {
    /// Whether one more may be sent now; if so, it is counted. An alarm is not: our own limit is for errors that repeat themselves.
    pub(super) fn take(&mut self, is_alarm: bool, now: Timestamp) -> bool {
        if self.held_back_until.is_some_and(|until| now < until) {
            return false;
        }
        if is_alarm {
            return true;
        }
        if self.minute.is_none_or(|began| now.duration_since(began) >= MINUTE) {
            (self.minute, self.sent) = (Some(now), 0);
        }
        self.sent = self.sent.saturating_add(1);
        self.sent <= REPORTS_A_MINUTE
    }

    /// What the answer says about the next ones.
    pub(super) fn answered(&mut self, status: StatusCode, headers: &HeaderMap, now: Timestamp) {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        // The longer header says more, and comes with any status; the other one counts where it is alone.
        let wait_s = match text(HeaderName::from_static("x-sentry-rate-limits")) {
            Some(limits) => seconds_for_errors(limits),
            None if status == StatusCode::TOO_MANY_REQUESTS => {
                Some(text(header::RETRY_AFTER).and_then(|value| value.trim().parse().ok()).unwrap_or(UNTOLD_S))
            }
            None => None,
        };
        if let Some(wait_s) = wait_s {
            self.hold_back(wait_s, now);
        }
    }

    /// It did not answer, and would hold the next ones up.
    pub(super) fn unanswered(&mut self, now: Timestamp) {
        self.hold_back(UNTOLD_S, now);
    }

    fn hold_back(&mut self, wait_s: i64, now: Timestamp) {
        let until = now + SignedDuration::from_secs(wait_s.clamp(0, WAIT_S_MAX));
        self.held_back_until = self.held_back_until.max(Some(until));
    }
}

/// Of `60:error;transaction:organization, 2700::key`, the longest time that is about errors. A limit without a category is about all.
fn seconds_for_errors(limits: &str) -> Option<i64> {
    let seconds = |limit: &str| {
        let mut parts = limit.trim().split(':');
        // A number that cannot be read is a minute, as in Sentry's own clients.
        let seconds = parts.next()?.trim().parse().unwrap_or(UNTOLD_S);
        let categories = parts.next().unwrap_or_default();
        let is_for_errors = categories.is_empty() || categories.split(';').any(|category| category.trim() == "error");
        is_for_errors.then_some(seconds)
    };
    limits.split(',').filter(|limit| !limit.trim().is_empty()).filter_map(seconds).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    /// From which second on, after an answer at second 0, a report may be sent again.
    fn waits_after(status: u16, pairs: &[(&'static str, &'static str)]) -> i64 {
        let mut quota = Quota::default();
        quota.answered(StatusCode::from_u16(status).unwrap(), &headers(pairs), at(0));
        (0..100_000).find(|second| quota.held_back_until.is_none_or(|until| at(*second) >= until)).unwrap()
    }

    #[test]
    fn sentrys_limits_are_kept() {
        const LIMITS: &str = "x-sentry-rate-limits";
        for (status, pairs, seconds) in [
            (200, vec![], 0),
            (500, vec![("retry-after", "9")], 0),
            (429, vec![], 60),
            (429, vec![("retry-after", "7")], 7),
            (429, vec![("retry-after", "Fri, 27 Nov 2026 15:00:00 GMT")], 60),
            (429, vec![("retry-after", "7"), (LIMITS, "30:error:organization")], 30),
            (429, vec![("retry-after", "7"), (LIMITS, "30:transaction:organization")], 0),
            (200, vec![(LIMITS, "30:transaction;error:key:reason, 45::organization")], 45),
            (200, vec![(LIMITS, "x:error:key")], 60),
            (200, vec![(LIMITS, "-5:error:key")], 0),
            (429, vec![(LIMITS, "99999999999:error:key")], 86_400),
            (200, vec![(LIMITS, " , ")], 0),
        ] {
            assert_eq!(waits_after(status, &pairs), seconds, "{status} {pairs:?}");
        }
    }

    #[test]
    fn a_shorter_limit_does_not_end_a_longer_one() {
        let mut quota = Quota::default();
        quota.answered(StatusCode::TOO_MANY_REQUESTS, &headers(&[("retry-after", "100")]), at(0));
        quota.unanswered(at(1));
        assert!(!quota.take(false, at(99)) && !quota.take(true, at(99)));
        assert!(quota.take(false, at(100)));
    }

    #[test]
    fn an_error_that_repeats_itself_is_sent_a_few_times_a_minute() {
        let mut quota = Quota::default();
        let sent = |quota: &mut Quota, second| (0..1_000).filter(|_| quota.take(false, at(second))).count();
        assert_eq!(sent(&mut quota, 0), 20);
        assert!(quota.take(true, at(0)), "an alarm goes out all the same");
        assert_eq!(sent(&mut quota, 59), 0);
        assert_eq!(sent(&mut quota, 60), 20);
    }
}
