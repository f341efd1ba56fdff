//! What an operator does to a run: the database decides and writes it down, then engine and watchers hear of it.

use futures_util::future::join;

use super::{OperatorCommandPorts, RunOutcome};
use crate::{
    features::{
        analysis::{ProgressUpdate, RunStatus, Woken},
        auth::Operator,
    },
    shared::{
        ids::RunId,
        store::StoreError,
        telemetry::{Event, RunEnd, RunEnded, tell},
    },
};

/// Why a run has failed that an operator ended; the database writes the same.
const ENDED_BY_OPERATOR: &str = "ended_by_operator";

/// Why a run was not woken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine did not take it.
    #[error("the engine: {0}")]
    Engine(String),
    /// Its workflow has ended, although the run has not.
    #[error("its workflow has ended")]
    WorkflowEnded,
}

/// Has the engine go on with a run that is under way.
///
/// # Errors
/// [`WakeError`]; unless the database is what failed, it is written down that it was tried.
pub async fn wake(ports: &OperatorCommandPorts, operator: &Operator, run: RunId) -> Result<RunOutcome, WakeError> {
    let outcome = ports.desk.wake_run(operator, run).await?;
    if matches!(outcome, RunOutcome::Done { .. })
        && ports.launcher.wake(run).await.map_err(WakeError::Engine)? == Woken::HasEnded
    {
        return Err(WakeError::WorkflowEnded);
    }
    Ok(outcome)
}

/// Ends a run that is under way, refunded; then its watchers hear of it, and it leaves the scraper's line.
///
/// # Errors
/// [`StoreError`].
pub async fn fail(ports: &OperatorCommandPorts, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError> {
    let outcome = ports.desk.fail_run(operator, run).await?;
    if let RunOutcome::Done { run: ended } = &outcome {
        let event = RunEnded {
            account_id: Some(ended.account_id),
            analysis_type: Some(ended.analysis_type),
            code: ENDED_BY_OPERATOR,
            ..RunEnded::without_workflow(run, RunEnd::Failed, ports.clock.now())
        };
        tell(ports.telemetry.as_ref(), &Event::Run(event));
        let message = "We ended this analysis; your credits were returned".to_owned();
        let told = ports.progress.tell(run, ProgressUpdate::Ended { status: RunStatus::Failed, message });
        join(told, ports.profiles.withdraw(&[run])).await;
    }
    Ok(outcome)
}
