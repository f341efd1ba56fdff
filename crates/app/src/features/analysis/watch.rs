//! How far a run is, for somebody who watches it. Watchers poll every 2 s, so the common case reads no database.
//!
//! Promises: nobody wakes the object of a run that they cannot see. An object costs memory and files even for a run that
//! does not exist, so a flood of invented ids would slow everybody down.

use std::sync::{Mutex, PoisonError};

use super::{AnalysisPorts, Progress, ProgressLookup, ProgressView};
use crate::shared::{
    expiring::Expiring,
    ids::{RunId, UserId},
    store::StoreError,
};

const WATCHED_MAX: usize = 4_096;
/// Longer than any run takes.
const WATCHED_MS: i64 = 30 * 60 * 1_000;

/// Runs that the database lately showed to a user. It decides only whether the board is asked before the database: the
/// board itself wants a proof every minute.
pub struct WatchedRuns(Mutex<Expiring<(UserId, RunId), ()>>);

impl Default for WatchedRuns {
    fn default() -> Self {
        Self(Mutex::new(Expiring::new(WATCHED_MAX)))
    }
}

impl WatchedRuns {
    fn has(&self, user: UserId, run: RunId, now_ms: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(user, run), now_ms).is_some()
    }

    fn remember(&self, user: UserId, run: RunId, now_ms: i64) {
        let until_ms = now_ms.saturating_add(WATCHED_MS);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((user, run), (), now_ms, until_ms);
    }
}

/// The board answers in the common case. The database is asked before it, if this isolate has not seen this user watch
/// the run, and after it, if the board wants a proof, does not know the run, or is down. `None` when this user has no
/// such run.
///
/// # Errors
/// [`StoreError`] when the database has to be asked and does not answer.
pub async fn progress_of(ports: &AnalysisPorts, user: UserId, run: RunId) -> Result<Option<ProgressView>, StoreError> {
    let now_ms = ports.clock.now().as_millisecond();
    let mut is_proof_wanted = true;
    if ports.watched.has(user, run, now_ms) {
        is_proof_wanted = match ports.progress.look(run, user).await {
            Ok(ProgressLookup::Seen(view)) => return Ok(Some(view)),
            Ok(ProgressLookup::ProofNeeded) => true,
            Ok(ProgressLookup::Unknown) => false,
            Err(cause) => {
                tracing::warn!(run_id = %run, cause, "progress board unavailable");
                false
            }
        };
    }
    let Some(state) = ports.runs.visible_state(user, run).await? else {
        return Ok(None);
    };
    ports.watched.remember(user, run, now_ms);
    if is_proof_wanted && let Ok(ProgressLookup::Seen(view)) = ports.progress.look_with_proof(run, user, &state).await {
        return Ok(Some(view));
    }
    // Without the board, the row that was just read is the answer.
    Ok(Some(Progress::from_row(run, &state).view))
}
