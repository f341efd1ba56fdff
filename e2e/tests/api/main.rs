//! The API as its customers use it, over HTTP and SQL against the running stack.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

mod account;
mod bad_input;
mod bulk;
mod business_profiles;
mod callers;
mod cancel;
mod deep;
mod entry;
mod erasure;
mod events;
mod hostile;
mod idempotency;
mod insights;
mod jobs;
mod lead_filters;
mod lead_work;
mod leads;
mod lists;
mod machine;
mod main_job;
mod members;
mod money;
mod operators;
mod outcomes;
mod pictures;
mod protocol;
mod repeats;
mod scraping;
mod stale;
mod telemetry;
mod tenancy;
mod tokens;
