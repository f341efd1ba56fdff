//! How long a branch of the workflow waits for a provider that does not answer.

use jiff::Timestamp;

use crate::features::analysis::config::{SILENCE_MAX, UNANSWERED_REPEATS};

/// What a branch has not been told yet, and since when. Its times are those that steps remember, so a replay decides
/// the same.
#[derive(Default)]
pub(super) struct Silence {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Calls in a row that got no answer in time.
    timeouts: u32,
}

impl Silence {
    /// The provider said something that decides: a result, a refusal, an error.
    pub(super) fn broken(&mut self) {
        *self = Self::default();
    }

    /// The provider answered, but only that it is not ready.
    pub(super) fn goes_on(&mut self, asked_at: Timestamp, heard_at: Timestamp) {
        self.timeouts = 0;
        self.lasts(asked_at, heard_at);
    }

    /// A call got no answer in time.
    pub(super) fn timed_out(&mut self, asked_at: Timestamp, given_up_at: Timestamp) {
        self.timeouts += 1;
        self.lasts(asked_at, given_up_at);
    }

    /// A call was repeated without an answer, by somebody else.
    pub(super) fn was_repeated(&mut self) {
        self.timeouts = UNANSWERED_REPEATS + 1;
    }

    /// Nothing can be said yet: neither an answer of the provider nor the lack of one.
    pub(super) fn lasts(&mut self, asked_at: Timestamp, until: Timestamp) {
        self.since.get_or_insert(asked_at);
        self.until = Some(until);
    }

    /// The provider was not asked meanwhile.
    pub(super) fn stands_still(&mut self, from: Timestamp, until: Timestamp) {
        if let Some(since) = &mut self.since {
            *since = since.saturating_add(until.duration_since(from)).unwrap_or(until);
        }
    }

    /// Calls in a row that got no answer in time.
    pub(super) const fn timeouts(&self) -> u32 {
        self.timeouts
    }

    /// Whether the call that timed out has been repeated as often as it may be.
    pub(super) fn is_repeated(&self) -> bool {
        self.timeouts > UNANSWERED_REPEATS
    }

    /// Whether nothing more may be asked: the call was repeated, or another wait would be too long.
    pub(super) fn is_over(&self, next_wait: std::time::Duration) -> bool {
        let lasted = self.since.zip(self.until).map(|(since, until)| until.duration_since(since).unsigned_abs());
        self.is_repeated() || lasted.is_some_and(|lasted| lasted + next_wait > SILENCE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WAIT: Duration = Duration::from_secs(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_call_without_an_answer_is_repeated_once() {
        let mut silence = Silence::default();
        silence.timed_out(at(0), at(40));
        assert!(!silence.is_over(WAIT));
        silence.timed_out(at(45), at(85));
        assert!(silence.is_over(WAIT) && silence.is_repeated());
    }

    #[test]
    fn the_time_in_a_line_counts_for_nothing() {
        let mut silence = Silence::default();
        silence.timed_out(at(0), at(40));
        silence.stands_still(at(40), at(640));
        silence.lasts(at(640), at(670));
        assert!(!silence.is_over(WAIT));
        assert_eq!(silence.timeouts(), 1, "and makes nothing good");
        silence.timed_out(at(670), at(710));
        assert!(silence.is_over(WAIT));
    }

    #[test]
    fn what_was_repeated_elsewhere_is_not_repeated_here() {
        let mut silence = Silence::default();
        silence.was_repeated();
        assert!(silence.is_over(Duration::ZERO) && silence.is_repeated());
    }

    #[test]
    fn an_answer_between_begins_the_count_anew() {
        let mut silence = Silence::default();
        for minute in 0..10 {
            silence.timed_out(at(60 * minute), at(60 * minute + 40));
            silence.broken();
        }
        assert!(!silence.is_over(WAIT));
    }

    #[test]
    fn four_minutes_of_not_ready_are_over_before_they_have_passed() {
        let mut silence = Silence::default();
        silence.goes_on(at(0), at(210));
        assert!(!silence.is_over(WAIT));
        silence.goes_on(at(210), at(211));
        assert!(silence.is_over(WAIT));
    }
}
