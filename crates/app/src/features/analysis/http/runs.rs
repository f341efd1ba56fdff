//! `GET /runs`, `GET /runs/{id}/progress`, `POST /runs/{id}/cancel`; one run or bulk is in a file of its own.

use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    features::{
        analysis::{
            AnalysisPorts, BulkCancelled, CancelOutcome, ProgressView, Run, RunStatus, bulk,
            codes::{RUN_FINISHED, RUN_NOT_FOUND, run_not_found},
            start,
            watch::progress_of,
        },
        auth::{CallingUser, Member},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, NoBody, PERMISSION_MISSING, PathId, Reply},
    shared::{
        ids::RunId,
        pagination::{Page, PageQuery},
    },
};

/// An id that we never made is refused before anybody is asked.
pub(super) fn check_id(ports: &AnalysisPorts, run: RunId) -> Result<(), ApiError> {
    if run.is_plausible(ports.clock.now()) { Ok(()) } else { Err(run_not_found()) }
}

pub(super) fn run_example() -> Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
        "spent_by": { "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "kind": "key", "name": "Import" },
        "business_profile_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "username": "livia.runs",
        "analysis_type": "DEEP", "status": "processing", "phase": "analyzing", "credits": 5, "charge_outcome": null,
        "error": null, "lead_id": null, "bulk_id": null, "cache_hit": false, "created_at": "2026-11-25T09:29:38Z",
        "started_at": "2026-11-25T09:29:38Z", "finished_at": null,
    })
}

pub struct ListRuns;

impl Endpoint for ListRuns {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/runs";
    const SUMMARY: &'static str = "The account's runs, newest first, without their results.";

    type Ports = AnalysisPorts;
    type Caller = Member;
    type Parameters = PageQuery<RunId>;
    type Body = NoBody;
    type Answer = Reply<Page<Run>>;

    fn example() -> Example {
        let data = json!({ "items": [run_example()], "next_cursor": null });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        member: Member,
        page: PageQuery<RunId>,
        _: NoBody,
    ) -> Result<Reply<Page<Run>>, ApiError> {
        Ok(Reply::new(ports.runs.list(member, page).await?))
    }
}

pub struct GetProgress;

impl Endpoint for GetProgress {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/runs/{id}/progress";
    const SUMMARY: &'static str = "How far a run is, or a bulk on average; made to be polled every two seconds.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND];

    type Ports = AnalysisPorts;
    // Not `Member`: the run says which of the user's accounts it belongs to, so a poll looks no membership up.
    type Caller = CallingUser;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<ProgressView>;

    fn example() -> Example {
        let data =
            json!({ "status": "processing", "percent": 60, "message": "Judging the fit with your business", "seq": 4 });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        CallingUser(user): CallingUser,
        PathId(run): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<ProgressView>, ApiError> {
        check_id(&ports, run)?;
        if let Some(view) = progress_of(&ports, user, run).await? {
            return Ok(Reply::new(view));
        }
        let bulk = ports.bulks.progress(user, run.into()).await?.ok_or_else(run_not_found)?;
        Ok(Reply::new(bulk.view()))
    }
}

/// What became of a cancelled run's charge, of which exactly one of the two amounts is not zero; of a bulk, the sums.
#[derive(Serialize, JsonSchema)]
pub struct CancelledRun {
    /// Always `cancelled`.
    status: RunStatus,
    /// Credits given back: no AI call had started.
    refunded: i64,
    /// Credits kept: AI work had begun, or a scrape had and the day's refunds of such cancels were used up.
    kept: i64,
    /// The account's credits after that.
    balance: i64,
}

pub struct CancelRun;

impl Endpoint for CancelRun {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/runs/{id}/cancel";
    const SUMMARY: &'static str =
        "Stops a run, or every run of a bulk that has not ended; full refund of each while no AI call has started.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND, RUN_FINISHED, PERMISSION_MISSING];

    type Ports = AnalysisPorts;
    // Not `Member`: the run says which of the user's accounts it belongs to.
    type Caller = CallingUser;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<CancelledRun>;

    fn example() -> Example {
        let data = json!({ "status": "cancelled", "refunded": 5, "kept": 0, "balance": 100 });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        CallingUser(user): CallingUser,
        PathId(run): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<CancelledRun>, ApiError> {
        check_id(&ports, run)?;
        match start::cancel(&ports, user, run).await? {
            CancelOutcome::NotFound => cancelled_bulk(bulk::cancel(&ports, user, run.into()).await?),
            outcome => cancelled(outcome),
        }
    }
}

fn cancelled(outcome: CancelOutcome) -> Result<Reply<CancelledRun>, ApiError> {
    match outcome {
        CancelOutcome::Cancelled { refunded, kept, balance } => {
            Ok(Reply::new(CancelledRun { status: RunStatus::Cancelled, refunded, kept, balance }))
        }
        CancelOutcome::Finished { status } => Err(finished(status)),
        CancelOutcome::NotFound => Err(run_not_found()),
    }
}

fn cancelled_bulk(outcome: BulkCancelled) -> Result<Reply<CancelledRun>, ApiError> {
    match outcome {
        BulkCancelled::Cancelled { refunded, kept, balance, .. } => {
            Ok(Reply::new(CancelledRun { status: RunStatus::Cancelled, refunded, kept, balance }))
        }
        // Only an undone start is told that something was started.
        BulkCancelled::Finished | BulkCancelled::Started => Err(finished(RunStatus::Complete)),
        BulkCancelled::NotFound => Err(run_not_found()),
    }
}

fn finished(status: RunStatus) -> ApiError {
    ApiError::new(RUN_FINISHED, "The run has already ended; there is nothing to cancel.")
        .with_details(json!({ "status": status }))
}
