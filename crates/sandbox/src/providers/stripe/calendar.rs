//! Billing periods, by the calendar of UTC.

use jiff::{Span, Timestamp, tz::TimeZone};

/// A time some intervals later (`second` … `year`). A day that a month does not have is its last; `None` for what no
/// calendar has.
pub(super) fn later(at: i64, interval: &str, count: i64) -> Option<i64> {
    let span = Span::new();
    let span = match interval {
        "second" => span.try_seconds(count),
        "minute" => span.try_minutes(count),
        "hour" => span.try_hours(count),
        "day" => span.try_days(count),
        "week" => span.try_weeks(count),
        "month" => span.try_months(count),
        "year" => span.try_years(count),
        _ => return None,
    };
    let at = Timestamp::from_second(at).ok()?.to_zoned(TimeZone::UTC);
    Some(at.checked_add(span.ok()?).ok()?.timestamp().as_second())
}

/// The end of the period that holds `at`, of those that follow each other from the anchor on. Each is counted from the
/// anchor, so that the 31st returns after a shorter month.
pub(super) fn period_end(anchor: i64, interval: &str, at: i64) -> i64 {
    let ends = (1..).map_while(|count| later(anchor, interval, count));
    ends.into_iter().find(|end| *end > at).unwrap_or(i64::MAX)
}

/// A date as Stripe writes it on invoices.
pub(super) fn date(at: i64) -> String {
    let at = Timestamp::from_second(at).unwrap_or_default().to_zoned(TimeZone::UTC);
    at.strftime("%-d %b %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn the_31st_comes_back_after_a_short_month() {
        let anchor = at("2027-01-31T10:20:30Z");
        let mut ends = vec![];
        let mut start = anchor;
        for _ in 0..4 {
            start = period_end(anchor, "month", start);
            ends.push(start);
        }
        let expected = ["2027-02-28T10:20:30Z", "2027-03-31T10:20:30Z", "2027-04-30T10:20:30Z", "2027-05-31T10:20:30Z"];
        assert_eq!(ends, expected.map(at));
    }

    #[test]
    fn a_year_from_the_29th_of_february_ends_on_the_28th() {
        assert_eq!(
            period_end(at("2028-02-29T00:00:00Z"), "year", at("2028-02-29T00:00:00Z")),
            at("2029-02-28T00:00:00Z")
        );
        assert_eq!(date(at("2026-11-06T23:59:59Z")), "6 Nov 2026");
    }
}
