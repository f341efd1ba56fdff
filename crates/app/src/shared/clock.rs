//! Time comes through a port: `SystemTime::now` panics in a Worker, and tests own their clock.

use jiff::Timestamp;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
}
