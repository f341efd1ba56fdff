//! A small client of a running stack, for black-box tests over HTTP and SQL.
//!
//! Promises:
//! - Each test has users, handles and faults of its own, so that tests run side by side on one stack.
//! - Tests wait for a state by polling until a deadline, not by sleeping for a guessed time.
//! - Every failure says what was expected and what came instead.
//!
//! The stack is the one whose `stack.json` is in `OSLIRA_STACK`, which `cargo xtask test` sets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests: a broken stack is a failed test, and a panic is how a test says so"
)]

mod answer;
mod deployment;
mod events;
mod node;
mod requests;
mod sandbox;
mod secrecy;
mod stack;
mod user;
mod wait;

pub use answer::Answer;
pub use events::{Block, EventStream, Heard, Socket};
pub use node::passes;
pub use sandbox::Fault;
pub use secrecy::Told;
pub use stack::{Part, Stack, stack_dir};
pub use user::User;
pub use wait::{eventually, eventually_within};

use uuid::Uuid;

/// A handle that no other test uses. Its first word tells the sandbox what kind of profile to generate: a niche
/// (`coffee`), or a special case (`private`, `notfound`).
#[must_use]
pub fn handle(prefix: &str) -> String {
    let unique = Uuid::new_v4().simple().to_string();
    let unique = unique.get(..12).expect("a UUID has 32 digits");
    format!("{prefix}_{unique}")
}
