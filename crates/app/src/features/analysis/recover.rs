//! The job that runs every five minutes: it wakes runs whose engine stopped, then fails and refunds those without a
//! heartbeat. Two instances of it may run at once: waking does no harm to a run that works, and a run is refunded in
//! one transaction, once.

use std::time::Duration;

use jiff::SignedDuration;

use super::{ProgressSink, ProgressUpdate, RunLauncher, RunStatus, SystemRuns, config, progress};
use crate::shared::store::StoreError;

/// Limits of one job; the next one, five minutes later, takes the rest.
const WAKES_MAX: u32 = 200;
const SWEEPS_MAX: u32 = 500;
/// How many sweeps may fail before the job ends. One that fails must not keep the others from their refunds, but a
/// database that does not answer is not asked five hundred times, at up to 15 s each.
const SWEEP_FAULTS_MAX: u32 = 3;

/// What the job did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    pub woken: u32,
    /// Runs that were failed and refunded.
    pub swept: u32,
}

/// Wakes every run without a heartbeat for `wake_age`, waits for a `grace` in which woken runs write one, then fails
/// and refunds every run without one for five minutes.
///
/// # Errors
/// [`StoreError`] when the database does not answer (in the sweep: several times); the next run of the job goes on.
pub async fn recover_stale_runs(
    runs: &dyn SystemRuns,
    launcher: &dyn RunLauncher,
    watchers: &dyn ProgressSink,
    wake_age: SignedDuration,
    grace: impl AsyncFnOnce(Duration),
) -> Result<RecoveryReport, StoreError> {
    let mut report = RecoveryReport::default();
    for run in runs.stale(wake_age, WAKES_MAX).await? {
        match launcher.wake(run).await {
            Ok(()) => report.woken += 1,
            // The others are woken all the same; this one is swept when it stays silent.
            Err(cause) => tracing::error!(run_id = %run, cause, "run could not be woken"),
        }
    }
    // Only when a run that was just woken could be swept below: it gets time to write a heartbeat first.
    if report.woken > 0 && !runs.stale(config::STALE_FAIL, 1).await?.is_empty() {
        grace(config::WAKE_GRACE).await;
    }
    let mut faults = 0;
    // One transaction for each run, so that an error here leaves the other refunds committed.
    while report.swept < SWEEPS_MAX {
        let run = match runs.sweep_one(config::STALE_FAIL).await {
            Ok(Some(run)) => run,
            Ok(None) => break,
            Err(error) => {
                faults += 1;
                if faults == SWEEP_FAULTS_MAX {
                    return Err(error);
                }
                tracing::error!(%error, "a silent run could not be swept");
                continue;
            }
        };
        report.swept += 1;
        tracing::warn!(run_id = %run, "silent run failed and refunded");
        let status = RunStatus::Failed;
        let message = progress::ending(status).to_owned();
        watchers.tell(run, ProgressUpdate::Ended { status, message }).await;
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
