//! What is kept for how long in the database, and the daily job that removes what has ended.

mod clean_up;
mod model;
mod ports;

pub use clean_up::{CleanUpReport, clean_up};
pub use model::Remains;
pub use ports::RemainsStore;
