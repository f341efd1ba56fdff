//! How far a run is, for somebody who watches it. Watchers poll every 2 s, so the common case reads no database.

use super::{AnalysisPorts, Progress, ProgressLookup, ProgressView};
use crate::shared::{
    ids::{RunId, UserId},
    store::StoreError,
};

/// The board answers in the common case. The database is asked when the board wants a proof, does not know the run, or
/// is down. `None` when this user has no such run.
///
/// # Errors
/// [`StoreError`] when the database has to be asked and does not answer.
pub async fn progress_of(ports: &AnalysisPorts, user: UserId, run: RunId) -> Result<Option<ProgressView>, StoreError> {
    let known_to_board = match ports.progress.look(run, user).await {
        Ok(ProgressLookup::Seen(view)) => return Ok(Some(view)),
        Ok(ProgressLookup::ProofNeeded) => true,
        Ok(ProgressLookup::Unknown) => false,
        Err(cause) => {
            tracing::warn!(run_id = %run, cause, "progress board unavailable");
            false
        }
    };
    let Some(state) = ports.runs.visible_state(user, run).await? else {
        return Ok(None);
    };
    if known_to_board && let Ok(ProgressLookup::Seen(view)) = ports.progress.look_with_proof(run, user, &state).await {
        return Ok(Some(view));
    }
    // Without the board, the row that was just read is the answer.
    Ok(Some(Progress::from_row(run, &state).view))
}
