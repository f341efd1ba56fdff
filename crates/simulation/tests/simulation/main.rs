//! The durable workflow proven by crashing it: at every step, at every moment, and in a hundred thousand random
//! histories; then some of these histories against the real database.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of it is test code; clippy excuses only what stands inside a test function"
)]

mod crashes;
mod database;
mod histories;
mod mutations;
mod scenarios;
mod work;

/// A number from the environment. One that cannot be read must not silently become the default.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number")))
}
