//! The job that runs every five minutes: it wakes runs whose engine stopped, then fails and refunds those that stay silent.
//! Any number of it may run at once: a silent run is claimed by one of them, waking does no harm to a run that works, and a run is
//! refunded once.
//!
//! One round has limits, so that it fits into one invocation. What is left after an outage is not left for five minutes: a round that
//! meets a limit has a queue start the next one at once, and the job's own round starts several such chains.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde::Serialize;

use super::{ProgressSink, ProgressUpdate, RunLauncher, RunStatus, SilentRun, SystemRuns, config, progress};
use crate::shared::{ids::RunId, store::StoreError};

/// Limits of one round.
const WAKES_MAX: u32 = 200;
const SWEEPS_MAX: u32 = 500;
/// Runs that are failed in one transaction.
const SWEEPS_AT_ONCE: u32 = 50;
/// A Worker's invocation may have six connections that wait for an answer.
const CALLS_AT_ONCE: usize = 4;
/// Chains of rounds that the job starts when it alone does not get through. The queue has as many consumers.
const CHAINS: u32 = 5;
/// How many sweeps may fail before the round ends. One that fails must not keep the others from their refunds, but a
/// database that does not answer is not asked again and again, for up to 15 s each time.
const SWEEP_FAULTS_MAX: u32 = 3;

/// Who started a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// The schedule.
    OfJob,
    /// A round before it.
    OfChain,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RecoveryReport {
    pub woken: u32,
    /// Runs that were failed and refunded.
    pub swept: u32,
    /// Bulks that were over, and that nobody had ended.
    pub bulks_ended: u32,
    /// Whether there is more to do than one round does; the next one has been asked for.
    pub is_cut_short: bool,
}

/// Wakes every run without a heartbeat for `wake_age`, waits for a `grace` in which woken runs write one, then fails
/// and refunds every run without one for five minutes that was woken in vain; `swept` hears which.
///
/// # Errors
/// [`StoreError`] when the database does not answer (in the sweep: several times); the next run of the job goes on.
pub async fn recover_stale_runs(
    runs: &dyn SystemRuns,
    launcher: &dyn RunLauncher,
    watchers: &dyn ProgressSink,
    round: Round,
    wake_age: SignedDuration,
    grace: impl AsyncFnOnce(Duration),
    swept: &dyn Fn(&[RunId]),
) -> Result<RecoveryReport, StoreError> {
    let mut report = RecoveryReport::default();
    // First, while it is known who was woken in vain: a claim may be of the same runs.
    sweep(runs, watchers, swept, &mut report).await?;
    let silent = runs.claim_silent(wake_age, WAKES_MAX).await?;
    let claimed: Vec<RunId> = silent.iter().map(|run| run.run_id).collect();
    if claimed.len() >= WAKES_MAX as usize {
        // Before the work, so that rounds can go on beside each other.
        go_on(launcher, round, &mut report).await;
    }
    for some in claimed.chunks(CALLS_AT_ONCE) {
        let woken = join_all(some.iter().map(|run| wake(launcher, *run))).await;
        report.woken += woken.into_iter().map(u32::from).sum::<u32>();
    }
    if !claimed.is_empty() {
        runs.note_woken(&claimed).await?;
    }
    // Where a run that was just woken may have to be swept, it gets time to write a heartbeat first. Between two rounds of a chain the
    // next one sweeps; the last one does it for those before it.
    let is_last_of_chain = round == Round::OfChain && !report.is_cut_short;
    if is_last_of_chain || !report.is_cut_short && silent.iter().any(SilentRun::is_as_good_as_dead) {
        grace(config::WAKE_GRACE + config::CLOCK_TOLERANCE).await;
        sweep(runs, watchers, swept, &mut report).await?;
    }
    if report.swept >= SWEEPS_MAX && !report.is_cut_short {
        go_on(launcher, round, &mut report).await;
    }
    Ok(report)
}

impl SilentRun {
    /// Whether it is failed unless it gives a sign of life when it is woken.
    fn is_as_good_as_dead(&self) -> bool {
        self.silent_s >= (config::STALE_FAIL - SignedDuration::from_secs(1)).as_secs_f64()
    }
}

async fn go_on(launcher: &dyn RunLauncher, round: Round, report: &mut RecoveryReport) {
    report.is_cut_short = true;
    let chains = if round == Round::OfJob { CHAINS } else { 1 };
    for _ in 0..chains {
        if let Err(cause) = launcher.enqueue_recovery().await {
            tracing::error!(cause, "the next round of recovery waits for the five-minute job");
        }
    }
}

async fn wake(launcher: &dyn RunLauncher, run: RunId) -> bool {
    let woken = launcher.wake(run).await;
    if let Err(cause) = &woken {
        // The others are woken all the same; this one is swept when it stays silent.
        tracing::error!(run_id = %run, cause, "run could not be woken");
    }
    woken.is_ok()
}

async fn sweep(
    runs: &dyn SystemRuns,
    watchers: &dyn ProgressSink,
    count: &dyn Fn(&[RunId]),
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let mut faults = 0;
    while report.swept < SWEEPS_MAX {
        let swept = match runs.sweep(config::STALE_FAIL, config::WAKE_GRACE, SWEEPS_AT_ONCE).await {
            Ok(swept) if swept.is_empty() => break,
            Ok(swept) => swept,
            Err(error) => {
                faults += 1;
                if faults == SWEEP_FAULTS_MAX {
                    return Err(error);
                }
                tracing::error!(%error, "silent runs could not be swept");
                continue;
            }
        };
        report.swept += u32::try_from(swept.len()).unwrap_or(SWEEPS_MAX);
        count(&swept);
        let tell = async |run: RunId| {
            tracing::warn!(run_id = %run, "silent run failed and refunded");
            let status = RunStatus::Failed;
            let message = progress::ending(status).to_owned();
            watchers.tell(run, ProgressUpdate::Ended { status, message }).await;
        };
        for some in swept.chunks(CALLS_AT_ONCE) {
            join_all(some.iter().copied().map(tell)).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
