//! What waits to be delivered: it is gathered while an invocation works, and leaves behind its answer.

use jiff::Timestamp;

use super::{ErrorReport, Event, Point};

/// How many points one invocation may write; the platform drops further ones.
pub const POINTS_PER_INVOCATION: usize = 250;
/// More errors at once say nothing new; each has its line in the log.
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
        if self.0.points.len() < POINTS_PER_INVOCATION {
            self.0.points.push((at, point));
        } else {
            self.0.lost += 1;
        }
    }

    /// An error is a point too.
    pub fn add_report(&mut self, at: Timestamp, report: ErrorReport) {
        self.add_point(at, Event::Error(&report).point());
        if self.0.reports.len() < REPORTS_MAX {
            self.0.reports.push((at, report));
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.points.is_empty()
    }

    /// Takes all of it.
    pub fn take(&mut self) -> Parcel {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_writes_no_more_points_than_it_may_and_counts_the_rest() {
        let mut outbox = Outbox::new();
        assert!(outbox.is_empty());
        for _ in 0..300 {
            outbox.add_report(Timestamp::UNIX_EPOCH, ErrorReport::at("oslira_app", None, None));
        }
        let parcel = outbox.take();
        assert_eq!((parcel.points.len(), parcel.reports.len(), parcel.lost), (250, 20, 50));
        assert!(outbox.is_empty());
        assert_eq!(outbox.take(), Parcel::default());
    }
}
