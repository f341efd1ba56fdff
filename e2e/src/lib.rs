//! A small client of a running stack, for black-box tests over HTTP and SQL.
//!
//! Promises: each test has users, handles and faults of its own, so tests run side by side on one stack; nothing is
//! waited for by sleeping, only by asking until a deadline; every failure says what was expected and what came.
//!
//! The stack is the one that `OSLIRA_STACK` names: `cargo xtask test` starts it and tells.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests: a broken stack is a failed test, and a panic is how a test says so"
)]

mod answer;
mod requests;
mod sandbox;
mod stack;
mod user;
mod wait;

pub use answer::Answer;
pub use sandbox::Fault;
pub use stack::{Part, Stack};
pub use user::User;
pub use wait::{eventually, eventually_within};

use uuid::Uuid;

/// A handle that no other test uses. The first word decides the generated person's niche, or what is wrong with them.
#[must_use]
pub fn handle(prefix: &str) -> String {
    let unique = Uuid::new_v4().simple().to_string();
    let unique = unique.get(..12).expect("a UUID has 32 digits");
    format!("{prefix}_{unique}")
}
