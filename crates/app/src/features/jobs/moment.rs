//! Which moment a job takes for now.

use jiff::{SignedDuration, Timestamp};

/// How late a job may start, or how far ahead the scheduler's clock may be, for its scheduled time to be believed.
const DELAY_MAX: SignedDuration = SignedDuration::from_hours(1);

/// The time for which a job was scheduled, so that a job that starts late does the same; the clock's time when that is far
/// from it: else whoever can start a job could have it remove what is still needed. A local stack believes every time, so that
/// a developer sees what a job will do one day.
#[must_use]
pub fn moment(scheduled_for: Option<Timestamp>, now: Timestamp, is_local: bool) -> Timestamp {
    scheduled_for.filter(|time| is_local || now.duration_since(*time).abs() <= DELAY_MAX).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_far_from_now_is_believed_on_a_local_stack_only() {
        let now = time("2026-11-26T02:00:07Z");
        for (scheduled, is_near) in [
            ("2026-11-26T02:00:00Z", true),
            ("2026-11-26T01:00:07Z", true),
            ("2026-11-26T01:00:06Z", false),
            ("2026-11-26T03:00:07Z", true),
            ("2026-11-26T03:00:08Z", false),
            ("2027-11-26T02:00:00Z", false),
            ("0001-01-01T00:00:00Z", false),
        ] {
            let scheduled = time(scheduled);
            assert_eq!(moment(Some(scheduled), now, true), scheduled);
            assert_eq!(moment(Some(scheduled), now, false), if is_near { scheduled } else { now }, "{scheduled}");
        }
        assert_eq!(moment(None, now, true), now);
    }
}
