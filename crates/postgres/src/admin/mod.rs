//! What workflows and schedules do, as `service_role`. A handler of a user's request cannot name this type.

mod alarms;
mod billing;
mod bulks;
mod db;
mod erasures;
mod insights;
mod jobs;
mod models;
mod profiles;
mod remains;
mod runs;

pub use db::AdminDb;
