//! What an operator does to a run: the database decides and writes it down, then engine and watchers hear of it.

use futures_util::future::join;

use super::{OperatorCommandPorts, RunOutcome};
use crate::{
    features::{
        analysis::{ProgressUpdate, RunStatus},
        auth::Operator,
    },
    shared::{ids::RunId, store::StoreError},
};

/// Why a run was not woken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine did not take it.
    #[error("the engine: {0}")]
    Engine(String),
}

/// Has the engine go on with a run that is under way.
///
/// # Errors
/// [`WakeError`]; with `Engine` it is written down that it was tried.
pub async fn wake(ports: &OperatorCommandPorts, operator: &Operator, run: RunId) -> Result<RunOutcome, WakeError> {
    let outcome = ports.desk.wake_run(operator, run).await?;
    if matches!(outcome, RunOutcome::Done { .. }) {
        ports.launcher.wake(run).await.map_err(WakeError::Engine)?;
    }
    Ok(outcome)
}

/// Ends a run that is under way, refunded; then its watchers hear of it, and it leaves the scraper's line.
///
/// # Errors
/// [`StoreError`].
pub async fn fail(ports: &OperatorCommandPorts, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError> {
    let outcome = ports.desk.fail_run(operator, run).await?;
    if matches!(outcome, RunOutcome::Done { .. }) {
        let message = "We ended this analysis; your credits were returned".to_owned();
        let told = ports.progress.tell(run, ProgressUpdate::Ended { status: RunStatus::Failed, message });
        join(told, ports.profiles.withdraw(&[run])).await;
    }
    Ok(outcome)
}
