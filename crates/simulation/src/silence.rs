//! The invariant of silence: a branch of a run that has got no result and no error from its provider for four minutes
//! of calls asks it nothing more, so the run ends.

use std::{collections::BTreeMap, time::Duration};

use oslira_app::shared::ids::RunId;

use crate::ports::Ports;

// Written here again rather than taken from the product's configuration: a changed configuration must show as a broken
// guarantee.
const SILENCE_MS_MAX: u64 = 240_000;
const SCRAPER_PATIENCE_MS: u64 = 10_000;
/// How long a model is given.
pub(crate) const MODEL_PATIENCE: Duration = Duration::from_secs(40);

/// When a call to the scraper that asks for a wait must be given up.
pub(crate) fn given_up_after(wait: Duration) -> Duration {
    wait + Duration::from_millis(SCRAPER_PATIENCE_MS)
}

/// By run and branch, the calls since its last result: the step, and how long it took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silences(BTreeMap<(RunId, String), Vec<(String, u64)>>);

impl Silences {
    fn unheard(&mut self, run: RunId, branch: &str, step: &str, ms: u64) -> Result<(), String> {
        let calls = self.0.entry((run, branch.to_owned())).or_default();
        calls.push((step.to_owned(), ms));
        let silent_ms: u64 = calls.iter().map(|(_, ms)| ms).sum();
        if silent_ms <= SILENCE_MS_MAX {
            return Ok(());
        }
        Err(format!("{step} of run {run} still asks after {} s without an answer", silent_ms / 1_000))
    }

    fn heard(&mut self, run: RunId, branch: &str) {
        self.0.remove(&(run, branch.to_owned()));
    }

    /// The step's result was lost in a crash: the product does not know of the call.
    pub(crate) fn lost(&mut self, run: RunId, step: &str) {
        for ((of, _), calls) in &mut self.0 {
            if *of == run {
                calls.retain(|(lost, _)| lost != step);
            }
        }
    }
}

impl Ports {
    /// The provider gave a result or an error to the step that is running.
    pub(crate) fn heard(&self) {
        if let Some((run, step)) = self.caller() {
            self.world.lock().invariants.silences.heard(run, crate::journal::branch(&step));
        }
    }

    /// The provider gave neither, for so long.
    pub(crate) fn unheard(&self, lasted: Duration) {
        let Some((run, step)) = self.caller() else { return };
        let ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        let mut world = self.world.lock();
        if let Err(violation) = world.invariants.silences.unheard(run, crate::journal::branch(&step), &step, ms) {
            world.report_violation(violation);
        }
    }
}
