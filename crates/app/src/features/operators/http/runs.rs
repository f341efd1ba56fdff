//! `POST /operator/runs/{id}/wake`, `…/fail` and `…/refund`.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{ACCOUNT_ERASED, account_erased};
use crate::{
    features::{
        analysis::RUN_NOT_FOUND,
        auth::Operator,
        operators::{
            OperatorCommandPorts, RunOutcome, RunView,
            run::{self, WakeError},
        },
    },
    http::{ApiError, Endpoint, ErrorCode, Example, NoBody, PathId, Reply},
    shared::ids::RunId,
};

const RUN_ENDED: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "run_ended",
    "the run has ended, so it can be neither woken nor failed; `details.status`",
);

const RUN_ACTIVE: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "run_active",
    "the run is under way: fail it, which refunds it, or wait for its end",
);

const RUN_REFUNDED: ErrorCode =
    ErrorCode::new(StatusCode::CONFLICT, "run_refunded", "the run's credits came back when it ended");

const WAKE_FAILED: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "wake_failed",
    "the engine did not take it; the job that runs every five minutes wakes silent runs too",
);

const WORKFLOW_ENDED: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "workflow_ended",
    "the run is under way, and its workflow has ended, so nothing can wake it: fail it, which refunds it",
);

fn done(outcome: RunOutcome) -> Result<Reply<RunView>, ApiError> {
    match outcome {
        RunOutcome::Done { run } => Ok(Reply::new(run)),
        RunOutcome::Ended { run } => {
            Err(ApiError::new(RUN_ENDED, "The run has ended. What it cost can be given back by its refund.")
                .with_details(json!({ "status": run.status })))
        }
        RunOutcome::Active => {
            Err(ApiError::new(RUN_ACTIVE, "The run is under way. Fail it, which refunds it, or wait for its end."))
        }
        RunOutcome::Refunded => Err(ApiError::new(
            RUN_REFUNDED,
            "The run's credits came back when it ended. There is nothing to give back.",
        )),
        RunOutcome::Erased => Err(account_erased()),
        RunOutcome::NotFound => Err(ApiError::new(RUN_NOT_FOUND, "No run has this id.")),
    }
}

impl From<WakeError> for ApiError {
    fn from(error: WakeError) -> Self {
        match error {
            WakeError::Store(error) => error.into(),
            WakeError::Engine(cause) => {
                tracing::error!(cause, "run could not be woken for an operator");
                Self::new(WAKE_FAILED, "The engine did not take it. Try again in a minute.").with_retry_after(60)
            }
            WakeError::WorkflowEnded => {
                Self::new(WORKFLOW_ENDED, "The run's workflow has ended. Fail the run, which refunds it.")
            }
        }
    }
}

/// A DEEP run: how it stands, how its charge ended, what was given back of it.
fn example(status: &str, charge_outcome: Option<&str>, given_back: u32) -> Example {
    let is_over = charge_outcome.is_some();
    let data = json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
        "bulk_id": null, "analysis_type": "DEEP", "status": status, "phase": "analyzing", "credits": 5,
        "charge_outcome": charge_outcome, "given_back": given_back,
        "error_code": (status == "failed").then_some("ended_by_operator"), "created_at": "2026-11-27T09:30:00Z",
        "heartbeat_at": "2026-11-27T09:30:20Z", "finished_at": is_over.then_some("2026-11-27T09:40:00Z"),
    });
    Example { data: Some(data), ..Example::default() }
}

pub struct WakeRun;

impl Endpoint for WakeRun {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/runs/{id}/wake";
    const SUMMARY: &'static str = "Has the engine go on with a run; one that works is not disturbed.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND, RUN_ENDED, WORKFLOW_ENDED, WAKE_FAILED];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<RunView>;

    fn example() -> Example {
        example("processing", None, 0)
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        PathId(id): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<RunView>, ApiError> {
        done(run::wake(&ports, &operator, id).await?)
    }
}

pub struct FailRun;

impl Endpoint for FailRun {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/runs/{id}/fail";
    const SUMMARY: &'static str = "Ends a run that is under way as failed (`ended_by_operator`), and refunds it.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND, RUN_ENDED];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<RunView>;

    fn example() -> Example {
        example("failed", Some("refunded"), 0)
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        PathId(id): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<RunView>, ApiError> {
        done(run::fail(&ports, &operator, id).await?)
    }
}

pub struct RefundRun;

impl Endpoint for RefundRun {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/runs/{id}/refund";
    const SUMMARY: &'static str = "Gives the price of a run back that has ended and was not refunded, once; a repeat is answered like the first time.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND, RUN_ACTIVE, RUN_REFUNDED, ACCOUNT_ERASED];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<RunView>;

    fn example() -> Example {
        example("complete", Some("result"), 5)
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        PathId(id): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<RunView>, ApiError> {
        done(ports.desk.refund_run(&operator, id).await?)
    }
}
