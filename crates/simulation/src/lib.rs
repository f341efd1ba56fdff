//! Proof by crashing: the real workflow body, [`oslira_app::features::analysis::analyse`], on a [`Journal`] with virtual
//! time that dies wherever it is told to, against a model of the database ([`Books`]), scripted providers and a
//! [`Watch`] that audits every single operation. The branches of one workflow go on in any order: see [`Schedule`].
//!
//! Promises: a [`history()`] is a pure function of its [`Plan`], so a seed is a complete bug report; nothing here waits,
//! reads a clock or draws randomness from outside. `docs/reliability.md` says what is proven with it.

mod bills;
mod books;
mod calls;
mod care;
mod gate;
mod history;
mod instance;
mod journal;
mod model;
mod mutation;
mod op;
mod ports;
mod random;
mod rows;
mod scraper;
mod staleness;
mod story;
mod turn;
mod watch;
mod world;

pub use bills::Bill;
pub use books::Books;
pub use gate::Schedule;
pub use history::{Plan, Report, history};
pub use instance::Instance;
pub use journal::{Journal, Place};
pub use mutation::Mutation;
pub use op::{Answer, Op};
pub use random::Random;
pub use rows::{AnalysisRow, Entry, RunRow};
pub use story::{Person, Story};
pub use turn::Turn;
pub use watch::Watch;
pub use world::{Recorded, Shared, Weather, World};
