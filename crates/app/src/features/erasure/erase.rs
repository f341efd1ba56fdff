//! The job that works erasures off. Any number of it may run at once, and one that dies leaves the rest to the next: whatever it does
//! can be done again, and an erasure ends only in a pass that began after everything had settled.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{EraseJobPorts, OpenErasure, SETTLED_AFTER};
use crate::{
    features::{
        analysis::{ProgressUpdate, RunStatus},
        profiles::InstagramHandle,
    },
    shared::{ids::RunId, store::StoreError},
};

/// Erasures that one job takes.
const ERASURES_MAX: u32 = 20;
/// Runs and leads of one transaction.
const BATCH: u32 = 200;
/// Bulks of one transaction: each may have a hundred kilobytes.
const BULKS: u32 = 500;
/// Calls of one job: the platform gives it a thousand, of which some are for its record.
const CALLS_MAX: u32 = 900;
/// Bulks are searched once, in the order of their ids. A purchase that had begun before the refusal has ended by then.
const BULKS_SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// What a job did; it names nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EraseReport {
    /// Erasures that were worked on.
    pub erasures: u32,
    /// Those that are done.
    pub done: u32,
    /// Runs that were under way and are refunded.
    pub runs_ended: u32,
    /// Objects that were deleted in the store of snapshots.
    pub objects: u32,
    /// Whether some are left, because one job cannot make so many calls.
    pub is_cut_short: bool,
}

/// What is left of the calls of a job.
struct Calls(u32);

impl Calls {
    /// Whether one more may be made.
    fn take(&mut self, calls: u32) -> bool {
        let left = self.0.checked_sub(calls);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// Works off every open erasure. One that fails does not keep the others from being worked off.
///
/// # Errors
/// The first [`StoreError`]; the next job does again what failed.
pub async fn erase_subjects(ports: &EraseJobPorts, now: Timestamp) -> Result<EraseReport, StoreError> {
    let mut report = EraseReport::default();
    let (mut calls, mut fault) = (Calls(CALLS_MAX), None);
    note_ids(ports, &mut calls).await?;
    // With the names that have just become known.
    for erasure in ports.records.open(ERASURES_MAX).await? {
        report.erasures += 1;
        match pass(ports, &erasure, now, &mut calls, &mut report).await {
            Ok(true) => report.done += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(erasure_id = %erasure.id, %error, "an erasure was not worked off; the next job goes on");
                fault.get_or_insert(error);
            }
        }
    }
    if report.is_cut_short {
        tracing::warn!(?report, "there is more to erase than one job can do; the rest is left to the next");
    }
    fault.map_or(Ok(report), Err)
}

/// Erases what there is now; answers whether the erasure is done.
async fn pass(
    ports: &EraseJobPorts,
    erasure: &OpenErasure,
    now: Timestamp,
    calls: &mut Calls,
    report: &mut EraseReport,
) -> Result<bool, StoreError> {
    let mut is_whole = erase_rows(ports, erasure, calls, report).await?;
    let age = now.duration_since(erasure.found_at);
    is_whole &= age >= BULKS_SETTLED_AFTER && erase_from_bulks(ports, erasure, calls).await?;
    for username in &erasure.usernames {
        if !calls.take(4) {
            is_whole = false;
            break;
        }
        report.objects += erase_files(ports, username).await?;
    }
    report.is_cut_short |= calls.0 == 0;
    Ok(is_whole && age >= SETTLED_AFTER && calls.take(1) && ports.records.end(erasure.id, erasure.found_at).await?)
}

/// Looks up Instagram's ids of subjects who are known by names only, before the snapshots that say them are deleted.
async fn note_ids(ports: &EraseJobPorts, calls: &mut Calls) -> Result<(), StoreError> {
    for erasure in ports.records.open(ERASURES_MAX).await?.iter().filter(|erasure| erasure.instagram_ids.is_empty()) {
        for username in &erasure.usernames {
            if calls.take(3)
                && let Some(id) = ports.files.id_of(username).await?
            {
                ports.records.note_id(erasure.id, &id).await?;
                // One person's: of several who had the name one after another, the newest snapshot is the last one's.
                break;
            }
        }
    }
    Ok(())
}

/// Whether nothing is left.
async fn erase_rows(
    ports: &EraseJobPorts,
    erasure: &OpenErasure,
    calls: &mut Calls,
    report: &mut EraseReport,
) -> Result<bool, StoreError> {
    while calls.take(1) {
        let slice = ports.records.erase(erasure.id, BATCH).await?;
        for run in &slice.ended {
            report.runs_ended += 1;
            if calls.take(3) {
                end(ports, *run).await;
            }
        }
        if !slice.more {
            return Ok(true);
        }
        if slice.taken == 0 {
            // Somebody holds what is left: the next job takes it.
            return Ok(false);
        }
    }
    Ok(false)
}

/// The run has ended in the database: its workflow would stop at its next step, and its watchers would hear of it, in any case.
async fn end(ports: &EraseJobPorts, run: RunId) {
    if let Err(cause) = ports.engine.end(run).await {
        tracing::warn!(run_id = %run, cause, "an instance was not ended; it stops at its next step");
    }
    let message = "This profile may not be analysed".to_owned();
    ports.progress.tell(run, ProgressUpdate::Ended { status: RunStatus::Failed, message }).await;
    ports.profiles.withdraw(&[run]).await;
}

/// Whether all bulks have been searched.
async fn erase_from_bulks(ports: &EraseJobPorts, erasure: &OpenErasure, calls: &mut Calls) -> Result<bool, StoreError> {
    while calls.take(1) {
        if !ports.records.erase_from_bulks(erasure.id, BULKS).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn erase_files(ports: &EraseJobPorts, username: &InstagramHandle) -> Result<u32, StoreError> {
    let objects = ports.files.delete_all(username).await?;
    ports.pictures.delete(std::slice::from_ref(username)).await?;
    Ok(objects)
}

#[cfg(test)]
mod tests;
