//! What a run asks of everything outside: what many runs need of each service follows from it (docs/capacity.md).

use serde::Serialize;

/// How often something was asked for, since the world began or since somebody set this to zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Transactions that workflows sent; those of requests are not in here.
    pub database_statements: u32,
    /// Steps and sleeps that the engine was asked for.
    pub workflow_steps: u32,
    /// What was asked of the gate, by workflows and by scrapes. Its alarm rings however many runs there are.
    pub gate_requests: u32,
    /// What was asked of scrapes, by workflows and by the gate.
    pub scrape_requests: u32,
    /// What was told to the objects of progress.
    pub progress_requests: u32,
    /// Looks for the newest snapshot.
    pub snapshot_searches: u32,
    /// Reads of a snapshot by its key; the Worker remembers the one of the run.
    pub snapshot_loads: u32,
    pub snapshot_saves: u32,
    /// Copies of pictures.
    pub pictures: u32,
    /// Points of telemetry.
    pub points: u32,
}
