//! The points of the recent past, and those that were dropped.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::point::Point;

/// Beyond this number the oldest points are forgotten.
const POINTS_MAX: usize = 100_000;
const DROPPED_MAX: usize = 100;

#[derive(Default)]
pub(crate) struct Analytics(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Oldest first.
    points: VecDeque<Point>,
    /// What was sent, and why it was dropped.
    dropped: VecDeque<(Value, String)>,
}

impl Analytics {
    pub(super) fn take(&self, sent: Value) {
        let mut inner = self.0.lock();
        match Point::read(sent.clone()) {
            Ok(point) => inner.points.push_back(point),
            Err(why) => inner.dropped.push_back((sent, why)),
        }
        while inner.points.len() > POINTS_MAX {
            inner.points.pop_front();
        }
        while inner.dropped.len() > DROPPED_MAX {
            inner.dropped.pop_front();
        }
    }

    pub(super) fn with_rows<T>(&self, ask: impl FnOnce(&VecDeque<Point>) -> T) -> T {
        ask(&self.0.lock().points)
    }

    /// How many there are, and those that the platform would drop.
    pub(crate) fn report(&self) -> Value {
        let inner = self.0.lock();
        let dropped: Vec<Value> =
            inner.dropped.iter().map(|(point, why)| json!({"point": point, "why": why})).collect();
        json!({"count": inner.points.len(), "dropped": dropped})
    }

    pub(crate) fn clear(&self) {
        *self.0.lock() = Inner::default();
    }
}
