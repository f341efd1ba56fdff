//! What waits to be delivered: it is gathered while an invocation works, and leaves behind its answer. What is too much for one
//! invocation waits for the next one.

use jiff::Timestamp;

use super::{ErrorReport, Event, Point};

/// How many points one invocation may write; the platform drops further ones.
pub const POINTS_PER_INVOCATION: usize = 250;
/// What an isolate holds; a large bulk or a recovery of hundreds of runs comes there.
const POINTS_MAX: usize = 2_000;
/// More errors at once say nothing new; each has its line in the log. An alarm always does.
const REPORTS_MAX: usize = 20;

/// Points and error reports, each with its time.
#[derive(Debug, Default)]
pub struct Outbox(Parcel);

/// What is delivered at once.
#[derive(Debug, Default, PartialEq)]
pub struct Parcel {
    pub points: Vec<(Timestamp, Point)>,
    pub reports: Vec<(Timestamp, ErrorReport)>,
    /// Points for which there was no room; their lines are in the log.
    pub lost: usize,
}

impl Outbox {
    #[must_use]
    pub const fn new() -> Self {
        Self(Parcel { points: Vec::new(), reports: Vec::new(), lost: 0 })
    }

    pub fn add_point(&mut self, at: Timestamp, point: Point) {
        if self.0.points.len() < POINTS_MAX {
            self.0.points.push((at, point));
        } else {
            self.0.lost += 1;
        }
    }

    /// An error is a point too.
    pub fn add_report(&mut self, at: Timestamp, report: ErrorReport) {
        self.add_point(at, Event::Error(&report).point());
        if self.0.reports.len() < REPORTS_MAX || report.is_alarm() {
            self.0.reports.push((at, report));
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.points.is_empty() && self.0.reports.is_empty()
    }

    /// Takes as many points as one invocation may write, those that have waited longest, and everything else.
    pub fn take(&mut self) -> Parcel {
        let rest = self.0.points.split_off(self.0.points.len().min(POINTS_PER_INVOCATION));
        std::mem::replace(&mut self.0, Parcel { points: rest, ..Parcel::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_invocation_writes_no_more_points_than_it_may_and_the_next_one_goes_on() {
        let mut outbox = Outbox::new();
        assert!(outbox.is_empty());
        for second in 0..2_050 {
            outbox.add_report(at(second), ErrorReport::at("oslira_app", None, None));
        }
        let first = outbox.take();
        assert_eq!((first.points.len(), first.reports.len(), first.lost), (250, 20, 50));
        let second = outbox.take();
        assert_eq!((second.points.len(), second.reports.len(), second.lost), (250, 0, 0));
        assert_eq!((first.points[0].0, second.points[0].0), (at(0), at(250)), "the oldest first");
        for _ in 2..8 {
            assert!(!outbox.is_empty());
            assert_eq!(outbox.take().points.len(), 250);
        }
        assert!(outbox.is_empty());
        assert_eq!(outbox.take(), Parcel::default());
    }

    #[test]
    fn an_alarm_is_reported_among_however_many_errors() {
        let mut outbox = Outbox::new();
        for _ in 0..2_000 {
            outbox.add_report(at(0), ErrorReport::at("oslira_app", None, None));
        }
        let mut alarm = ErrorReport::at("oslira_app", None, None);
        alarm.note("alarm", "latency");
        outbox.add_report(at(0), alarm.clone());
        assert_eq!(outbox.take().reports.last(), Some(&(at(0), alarm)));
    }
}
