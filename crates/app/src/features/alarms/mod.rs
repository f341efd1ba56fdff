//! What somebody of ours must look at: limits that the settings give, and a job that has the database compare them with what
//! happened (docs/insights.md). Each alarm is a row, and a line of the log at its beginning and at its end.

mod check;
mod limits;
mod model;
mod ports;

pub use check::{AlarmReport, check_alarms};
pub use limits::AlarmLimits;
pub use model::{Alarm, Crossing, CrossingKind};
pub use ports::AlarmStore;
