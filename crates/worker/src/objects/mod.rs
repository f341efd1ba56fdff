//! Durable Objects: thin shells round pure state machines.

mod run_progress;

pub use run_progress::LookRequest;
