//! Starting and stopping an analysis on behalf of a member.

use super::{AnalysisRequest, Begun, Cancelled, Needs, ProgressUpdate, Receipt, RunStatus, progress};
use crate::{
    features::auth::Member,
    http::{App, IdempotencyKey, body_hash},
    shared::{
        ids::{RunId, UserId},
        store::StoreError,
    },
};

/// What became of a request to analyse.
#[derive(Debug)]
pub enum Started {
    /// Charged and on its way; `replayed` when it is the first answer again.
    Running {
        /// The charge.
        receipt: Receipt,
        /// Whether an idempotency key brought the first answer back.
        replayed: bool,
    },
    /// The database refused; nothing moved.
    Refused(Begun),
    /// This deployment is not configured to do work; nothing moved.
    NotReady(Vec<String>),
    /// Charged, but it could not be started, so the charge was undone.
    Undone,
}

/// Charges and launches. The charge is refused while the configuration is incomplete. If neither the workflow nor the
/// queue takes the run, it is cancelled at once, which refunds it and frees its idempotency key.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn start(
    app: &App,
    member: Member,
    request: &AnalysisRequest,
    key: Option<&IdempotencyKey>,
) -> Result<Started, StoreError> {
    let faults = app.readiness.config_faults();
    if !faults.is_empty() {
        return Ok(Started::NotReady(faults));
    }
    let needs = match Needs::of(request.analysis_type, &app.models) {
        Ok(needs) => needs,
        Err(call) => return Ok(Started::NotReady(vec![format!("no model that has a key answers {}", call.as_str())])),
    };
    let run = app.ids.run_id();
    let begun = app.runs.begin(member, run, request, &needs, key, &body_hash(request)).await?;
    let (receipt, replayed) = match begun {
        Begun::Started(receipt) => (receipt, false),
        // The first answer may have been lost between charge and start: a repeated start is the same instance.
        Begun::Replay(receipt) => (receipt, true),
        refused => return Ok(Started::Refused(refused)),
    };
    if replayed {
        return replay(app, member, receipt).await;
    }
    let (launched, ()) =
        futures_util::future::join(launch(app, receipt.run_id), app.progress.create(receipt.run_id, member.account()))
            .await;
    if launched {
        return Ok(Started::Running { receipt, replayed });
    }
    // The engine may have taken the run after all and only its answer was lost: then the run goes on.
    match cancel(app, member.user(), receipt.run_id).await? {
        Cancelled::Done { kept: 0, .. } => Ok(Started::Undone),
        Cancelled::Done { .. } | Cancelled::Finished(_) | Cancelled::NotFound => {
            Ok(Started::Running { receipt, replayed })
        }
    }
}

/// Answers as the first time. Only a run that nobody took up yet is launched (again).
async fn replay(app: &App, member: Member, receipt: Receipt) -> Result<Started, StoreError> {
    let state = app.runs.visible_state(member.user(), receipt.run_id).await?;
    if state.is_some_and(|state| state.status == RunStatus::Pending) {
        let board = app.progress.create(receipt.run_id, member.account());
        futures_util::future::join(launch(app, receipt.run_id), board).await;
    }
    Ok(Started::Running { receipt, replayed: true })
}

async fn launch(app: &App, run: RunId) -> bool {
    let Err(cause) = app.launcher.start(run).await else {
        return true;
    };
    tracing::error!(run_id = %run, cause, "workflow not started; the run goes to the queue");
    match app.launcher.enqueue(run).await {
        Ok(()) => true,
        Err(cause) => {
            tracing::error!(run_id = %run, cause, "run could not be queued; it is cancelled and refunded");
            false
        }
    }
}

/// Stops a run and tells its watchers.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn cancel(app: &App, user: UserId, run: RunId) -> Result<Cancelled, StoreError> {
    let cancelled = app.runs.cancel(user, run).await?;
    if let Cancelled::Done { .. } = cancelled {
        let status = RunStatus::Cancelled;
        let message = progress::ending(status).to_owned();
        app.progress.tell(run, ProgressUpdate::Ended { status, message }).await;
    }
    Ok(cancelled)
}
