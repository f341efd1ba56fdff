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
    shared::{
        store::StoreError,
        telemetry::{Ending, RunEnd, tell_ended},
    },
};

/// Erasures that one job takes; more than that take turns.
const ERASURES_MAX: u32 = 40;
/// Runs, leads and bills of one transaction.
const BATCH: u32 = 200;
/// Bulks of one transaction: each may have a hundred kilobytes.
const BULKS: u32 = 100;
/// Calls of one job: the platform gives it a thousand, of which some are for its record.
const CALLS_MAX: u32 = 900;
/// Bulks are searched once, in the order of their ids. A purchase that had begun before the refusal has ended by then.
const BULKS_SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Why the database fails the runs that are under way.
const SUBJECT_ERASED_CODE: &str = "subject_erased";

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

/// What is left of the calls of a job, or of an erasure's share of them.
struct Calls(u32);

impl Calls {
    /// Whether so many more may be made.
    fn take(&mut self, calls: u32) -> bool {
        let left = self.0.checked_sub(calls);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }

    /// As much for each of those that are left.
    fn share(&mut self, among: usize) -> Self {
        let share = self.0 / u32::try_from(among).unwrap_or(u32::MAX).max(1);
        self.0 -= share;
        Self(share)
    }
}

/// Works off every open erasure. One that fails, or is large, does not keep the others from being worked off.
///
/// # Errors
/// The first [`StoreError`]; the next job does again what failed.
pub async fn erase_subjects(ports: &EraseJobPorts, now: Timestamp) -> Result<EraseReport, StoreError> {
    let mut report = EraseReport::default();
    let (mut left, mut fault) = (Calls(CALLS_MAX), None);
    let taken_up = ports.records.take_up(ERASURES_MAX).await?;
    let count = taken_up.len();
    for (number, erasure) in taken_up.into_iter().enumerate() {
        report.erasures += 1;
        let mut calls = left.share(count - number);
        let id = erasure.id;
        match pass(ports, erasure, now, &mut calls, &mut report).await {
            Ok(true) => report.done += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(erasure_id = %id, %error, "an erasure was not worked off; the next job goes on");
                fault.get_or_insert(error);
            }
        }
        left.0 += calls.0;
    }
    if report.is_cut_short {
        tracing::warn!(?report, "there is more to erase than one job can do; the rest is left to the next");
    }
    fault.map_or(Ok(report), Err)
}

/// Erases what there is now; answers whether the erasure is done. The rows first: no other store that is out keeps a run from being
/// refunded.
async fn pass(
    ports: &EraseJobPorts,
    erasure: OpenErasure,
    now: Timestamp,
    calls: &mut Calls,
    report: &mut EraseReport,
) -> Result<bool, StoreError> {
    end_runs(ports, &erasure, calls, report).await?;
    let Some(erasure) = with_id(ports, erasure, calls).await? else { return Ok(false) };
    let are_ended = end_runs(ports, &erasure, calls, report).await?;
    // The engine may be out, and the files go all the same.
    let rows = erase_rows(ports, &erasure, calls).await;
    let mut is_whole = are_ended && matches!(rows, Ok(true));
    let age = now.duration_since(erasure.found_at);
    is_whole &= age >= BULKS_SETTLED_AFTER && erase_from_bulks(ports, &erasure, calls).await?;
    for username in &erasure.usernames {
        if !calls.take(4) {
            is_whole = false;
            break;
        }
        report.objects += erase_files(ports, username).await?;
    }
    report.is_cut_short |= calls.0 == 0;
    rows?;
    Ok(is_whole && age >= SETTLED_AFTER && calls.take(1) && ports.records.end(erasure.id, erasure.found_at).await?)
}

/// The erasure with Instagram's id of a subject who is known by names only, looked up before the snapshots that say it are deleted.
/// `None` when it is done.
async fn with_id(
    ports: &EraseJobPorts,
    erasure: OpenErasure,
    calls: &mut Calls,
) -> Result<Option<OpenErasure>, StoreError> {
    if !erasure.instagram_ids.is_empty() {
        return Ok(Some(erasure));
    }
    for username in &erasure.usernames {
        if calls.take(3)
            && let Some(id) = ports.files.id_of(username).await?
        {
            // One person's: of several who had the name one after another, the newest snapshot is the last one's.
            return ports.records.note_id(erasure.id, &id).await;
        }
    }
    Ok(Some(erasure))
}

/// Ends what is under way; whether nothing is.
async fn end_runs(
    ports: &EraseJobPorts,
    erasure: &OpenErasure,
    calls: &mut Calls,
    report: &mut EraseReport,
) -> Result<bool, StoreError> {
    while calls.take(1) {
        let ended = ports.records.end_runs(erasure.id, BATCH).await?;
        if ended.is_empty() {
            return Ok(true);
        }
        report.runs_ended += u32::try_from(ended.len()).unwrap_or(u32::MAX);
        let known = Ending { code: SUBJECT_ERASED_CODE, ..Ending::default() };
        // By the clock: a local stack runs a job for any day.
        tell_ended(ports.telemetry.as_ref(), &ended, RunEnd::Failed, known, ports.clock.now());
        if calls.take(1) {
            ports.profiles.withdraw(&ended).await;
        }
        for run in ended {
            // The run has ended in the database: its watchers would hear of it in any case.
            if calls.take(1) {
                let message = "This profile may not be analysed".to_owned();
                ports.progress.tell(run, ProgressUpdate::Ended { status: RunStatus::Failed, message }).await;
            }
        }
    }
    Ok(false)
}

/// Whether nothing is left.
async fn erase_rows(ports: &EraseJobPorts, erasure: &OpenErasure, calls: &mut Calls) -> Result<bool, StoreError> {
    let mut deleted = vec![];
    while calls.take(2) {
        let slice = ports.records.erase(erasure.id, BATCH, &deleted).await?;
        if !slice.more {
            return Ok(true);
        }
        deleted = match slice.instances.is_empty() {
            true => vec![],
            false => ports.engine.delete(&slice.instances).await?,
        };
        if slice.taken == 0 && deleted.is_empty() {
            // Somebody holds what is left: the next job takes it.
            return Ok(false);
        }
    }
    Ok(false)
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
