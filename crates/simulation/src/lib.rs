//! Proof by crashing: the real workflow body, [`oslira_app::features::analysis::analyse`], on a [`Journal`] with virtual
//! time that dies wherever it is told to, against a model of the database ([`Books`]), scripted providers and a
//! [`Watch`] that audits every single operation.
//!
//! Promises: a [`history()`] is a pure function of its [`Plan`], so a seed is a complete bug report; nothing here waits,
//! reads a clock or draws randomness from outside. `docs/reliability.md` says what is proven with it.

mod books;
mod care;
mod history;
mod instance;
mod journal;
mod mutation;
mod op;
mod ports;
mod providers;
mod random;
mod story;
mod watch;
mod world;

pub use books::{Books, Entry, RunRow};
pub use history::{Plan, Report, history};
pub use instance::Instance;
pub use journal::{Journal, Place};
pub use mutation::Mutation;
pub use op::{Answer, Op};
pub use providers::Turn;
pub use random::Random;
pub use story::{Person, Story};
pub use watch::Watch;
pub use world::{Bill, Recorded, Shared, Weather, World};
