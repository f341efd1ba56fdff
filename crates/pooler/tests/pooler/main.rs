//! The strict pooler from outside, before a real Postgres. `cargo xtask test` provides the cluster; each test has a
//! database and a pooler of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

mod client;
mod failures;
mod messages;
mod program;
mod queries;
mod refusals;
mod servers;
mod stage;
