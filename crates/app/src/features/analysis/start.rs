//! Starting and stopping an analysis on behalf of a member.

use futures_util::future::{join, join_all};

use super::{
    AnalysisPorts, AnalysisRequest, BeginOutcome, CancelOutcome, Phase, ProgressBoard, ProgressUpdate, Receipt,
    RequiredServices, RunState, RunStatus, UndoOutcome, progress::ending, workflow::ask_ahead,
};
use crate::{
    features::{auth::Member, billing::ask_for_top_up, scraping::ProfileSource},
    shared::{
        idempotency::{IdempotencyKey, body_hash},
        ids::{RunId, UserId},
        store::StoreError,
        telemetry::{Ending, RunEnd, tell_ended},
    },
};

/// What became of a request to analyse.
#[derive(Debug)]
pub enum StartOutcome {
    /// Charged and on its way.
    Running {
        receipt: Receipt,
        /// Whether this is the first answer again, found by its idempotency key.
        replayed: bool,
    },
    /// The database refused; nothing was charged.
    Refused(BeginOutcome),
    /// These faults of the configuration keep this deployment from doing the work; nothing was charged.
    NotReady(Vec<String>),
    /// Charged, but it could not be started, so the charge was undone.
    Undone,
}

/// Charges and launches. The charge is refused while the configuration is incomplete. If neither the workflow nor the
/// queue takes the run, the purchase is undone at once, which refunds it and frees its idempotency key.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn start(
    ports: &AnalysisPorts,
    member: Member,
    request: &AnalysisRequest,
    key: Option<&IdempotencyKey>,
) -> Result<StartOutcome, StoreError> {
    let faults = ports.readiness.config_faults();
    if !faults.is_empty() {
        return Ok(StartOutcome::NotReady(faults));
    }
    let needs = match RequiredServices::of(request.analysis_type, &ports.models) {
        Ok(needs) => needs,
        Err(call) => {
            return Ok(StartOutcome::NotReady(vec![format!("no model that has a key answers {}", call.as_str())]));
        }
    };
    let run = ports.ids.run_id();
    let begun = ports.runs.begin(member, run, request, &needs, key, &body_hash(request)).await?;
    let (receipt, replayed) = match begun {
        BeginOutcome::Started(receipt) => (receipt, false),
        // The first request may have died between charge and start: `replay` looks whether the run has to be started.
        BeginOutcome::Replay(receipt) => (receipt, true),
        refused => return Ok(StartOutcome::Refused(refused)),
    };
    if replayed {
        return replay(ports, member, receipt).await;
    }
    // Side by side: creating the instance is most of this request's time (docs/performance.md).
    let (launched, (), (), ()) = futures_util::future::join4(
        launch(ports, receipt.run_id),
        ports.progress.create(receipt.run_id, member.account()),
        ask_ahead(ports, member.account(), request.analysis_type, vec![(receipt.run_id, request.username.clone())]),
        ask_for_top_up(ports.top_ups.as_ref(), receipt.top_up),
    )
    .await;
    if launched {
        return Ok(StartOutcome::Running { receipt, replayed });
    }
    // The engine may have taken the run and only its answer was lost. Then the run goes on: cancelling it could keep the
    // credits for AI work that has begun, and the customer would have paid for nothing.
    match ports.runs.undo(member.user(), receipt.run_id).await? {
        UndoOutcome::Undone => {
            let known = Ending {
                account_id: Some(member.account()),
                analysis_type: Some(request.analysis_type),
                ..Ending::default()
            };
            tell_ended(ports.telemetry.as_ref(), &[receipt.run_id], RunEnd::Undone, known, ports.clock.now());
            tell_cancelled(ports.progress.as_ref(), ports.profiles.as_ref(), &[receipt.run_id]).await;
            Ok(StartOutcome::Undone)
        }
        UndoOutcome::Unchanged { .. } | UndoOutcome::NotFound => Ok(StartOutcome::Running { receipt, replayed }),
    }
}

/// Answers as the first time. The run is launched again if no workflow works on it yet.
async fn replay(ports: &AnalysisPorts, member: Member, receipt: Receipt) -> Result<StartOutcome, StoreError> {
    let state = ports.runs.visible_state(member.user(), receipt.run_id).await?;
    if state.is_some_and(|state| state.status == RunStatus::Pending) {
        // A second start is the same instance and does no harm. If it fails too, the five-minute job starts the run.
        let board = ports.progress.create(receipt.run_id, member.account());
        futures_util::future::join(launch(ports, receipt.run_id), board).await;
    }
    Ok(StartOutcome::Running { receipt, replayed: true })
}

async fn launch(ports: &AnalysisPorts, run: RunId) -> bool {
    let Err(cause) = ports.launcher.start(run).await else {
        return true;
    };
    tracing::error!(run_id = %run, cause, "workflow not started; the run goes to the queue");
    match ports.launcher.enqueue(run).await {
        Ok(()) => true,
        Err(cause) => {
            tracing::error!(run_id = %run, cause, "run could not be queued either");
            false
        }
    }
}

/// Stops a run and then tells its watchers, who hear of an end only after it is committed.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn cancel(ports: &AnalysisPorts, user: UserId, run: RunId) -> Result<CancelOutcome, StoreError> {
    // Only what the user may see, and the row does not answer by itself, is asked of the gate.
    let state = ports.runs.visible_state(user, run).await?;
    let is_open = |state: &RunState| !state.status.is_terminal() && matches!(state.phase, None | Some(Phase::Cache));
    if state.as_ref().is_some_and(is_open) {
        note_scrapes(ports, user, &[run]).await?;
    }
    let cancelled = ports.runs.cancel(user, run).await?;
    if let CancelOutcome::Cancelled { .. } = cancelled {
        let known = Ending { account_id: state.map(|state| state.account_id), ..Ending::default() };
        tell_ended(ports.telemetry.as_ref(), &[run], RunEnd::Cancelled, known, ports.clock.now());
        tell_cancelled(ports.progress.as_ref(), ports.profiles.as_ref(), &[run]).await;
    }
    Ok(cancelled)
}

/// Before a cancel: a scrape that began with the request counts, also before a workflow has taken its run up.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub(super) async fn note_scrapes(ports: &AnalysisPorts, user: UserId, runs: &[RunId]) -> Result<(), StoreError> {
    let begun = if runs.is_empty() { vec![] } else { ports.profiles.begun(runs).await };
    if begun.is_empty() { Ok(()) } else { ports.runs.note_scrapes(user, &begun).await }
}

/// Tells the watchers of runs that were cancelled, and takes the runs out of the gate's line.
pub async fn tell_cancelled(progress: &dyn ProgressBoard, profiles: &dyn ProfileSource, runs: &[RunId]) {
    let status = RunStatus::Cancelled;
    let told = runs
        .iter()
        .map(|run| progress.tell(*run, ProgressUpdate::Ended { status, message: ending(status).to_owned() }));
    join(join_all(told), profiles.withdraw(runs)).await;
}
