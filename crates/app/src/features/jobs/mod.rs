//! Scheduled jobs: each of them leaves a row and a log line that say what became of it.

mod moment;
mod ports;
mod record;

pub use moment::moment;
pub use ports::{JobRecords, JobRunId};
pub use record::{JobReport, recorded};
