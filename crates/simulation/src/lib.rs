//! Proof by crashing: the real workflow body, [`oslira_app::features::analysis::analyse`], on a [`Journal`] with
//! virtual time that dies at any chosen moment, and the real gate and scrapes, whose objects die too ([`Scraping`]), against a
//! model of the database ([`ReferenceDatabase`]), scripted providers and an [`InvariantChecker`] that checks every single
//! operation. The branches of one workflow go on in any order: see [`Schedule`].
//!
//! A [`history()`] is a pure function of its [`Plan`], so a seed is a complete bug report; nothing here waits,
//! reads a clock or draws randomness from outside. `docs/reliability.md` says what is proven with it.

mod behaviour;
mod bills;
mod bulks;
mod calls;
mod counted;
mod fixtures;
mod grants;
mod history;
mod instance;
mod invariants;
mod journal;
mod model;
mod mutation;
mod op;
mod ports;
mod random;
mod recovery;
mod reference_database;
mod rows;
mod scheduler;
mod scraping;
mod silence;
mod spending;
mod staleness;
mod version;
mod work;
mod world;

pub use behaviour::ProviderBehaviour;
pub use bills::Bill;
pub use fixtures::{Customer, Fixtures};
pub use history::{Plan, Report, history};
pub use instance::Instance;
pub use invariants::InvariantChecker;
pub use journal::{CrashPoint, Journal};
pub use mutation::Mutation;
pub use op::{Answer, Op};
pub use random::Random;
pub use reference_database::ReferenceDatabase;
pub use rows::{AnalysisRow, BulkEnd, BulkRow, Entry, GrantRow, GrantSource, MemberRow, RunRow};
pub use scheduler::Schedule;
pub use scraping::{ApifyBehaviour, Scraping};
pub use version::Version;
pub use work::Work;
pub use world::{FaultRates, Recorded, Shared, World};
