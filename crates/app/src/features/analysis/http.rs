//! `POST /v1/analyze`, `GET /v1/estimate`, `GET /runs`, `GET /runs/{id}`, `GET /runs/{id}/progress`,
//! `POST /runs/{id}/cancel`.

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderName, HeaderValue, Method, StatusCode, request::Parts},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AnalysisPorts, AnalysisRequest, CancelOutcome, InvalidRequest, ProgressView, Run, RunStatus,
    codes::{
        ANALYSIS_IN_PROGRESS, BUDGET_EXCEEDED, INSUFFICIENT_CREDITS, INVALID_BUSINESS_PROFILE_ID, INVALID_COUNT,
        INVALID_USERNAME, PROVIDER_UNAVAILABLE, RATE_LIMITED, RUN_FINISHED, RUN_NOT_FOUND, START_FAILED,
        UNKNOWN_ANALYSIS_TYPE, refusal, run_not_found,
    },
    estimate::{self, Estimate},
    start::{self, StartOutcome},
    watch::progress_of,
};
use crate::{
    features::{
        auth::{CallingUser, Member, forbidden},
        business::BUSINESS_PROFILE_NOT_FOUND,
        health::NOT_READY,
    },
    http::{
        ApiError, Endpoint, ErrorCode, Example, JsonBody, MaybeIdempotencyKey, NoBody, Parameter, Parameters, PathId,
        Place, Registry, Reply,
        code::{IDEMPOTENCY_KEY_REUSED, INVALID_QUERY},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::RunId,
        pagination::{Page, PageQuery},
    },
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<Analyze>();
    registry.add::<GetEstimate>();
    registry.add::<ListRuns>();
    registry.add::<GetRun>();
    registry.add::<GetProgress>();
    registry.add::<CancelRun>();
}

/// What to analyse.
// The fields are texts, so that a wrong value answers its own error code and not `invalid_request`.
#[derive(Deserialize, JsonSchema)]
pub struct AnalyzeBody {
    /// An Instagram username, `@username` or a profile address.
    username: String,
    /// The business profile to judge the fit with.
    #[schemars(with = "uuid::Uuid")]
    business_profile_id: String,
    /// Which kind of analysis.
    #[schemars(with = "AnalysisType")]
    analysis_type: String,
}

impl TryFrom<AnalyzeBody> for AnalysisRequest {
    type Error = InvalidRequest;

    fn try_from(body: AnalyzeBody) -> Result<Self, Self::Error> {
        Ok(Self {
            username: body.username.parse()?,
            analysis_type: body.analysis_type.parse()?,
            business_profile_id: body.business_profile_id.parse().map_err(|_| InvalidRequest::BusinessProfileId)?,
        })
    }
}

/// A run that was paid for and is on its way.
#[derive(Serialize, JsonSchema)]
pub struct AcceptedRun {
    /// The run: watch its progress, then read it.
    run_id: RunId,
    /// Always `pending`.
    status: RunStatus,
    /// What it cost, in credits.
    credits_charged: i64,
    /// The credits that are left.
    balance: i64,
}

pub struct Analyze;

impl Endpoint for Analyze {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/v1/analyze";
    const SUMMARY: &'static str = "Charges for an analysis and starts it; the answer names the run to watch.";
    const STATUS: StatusCode = StatusCode::ACCEPTED;
    const ERRORS: &'static [ErrorCode] = &[
        INVALID_USERNAME,
        UNKNOWN_ANALYSIS_TYPE,
        INVALID_BUSINESS_PROFILE_ID,
        BUSINESS_PROFILE_NOT_FOUND,
        IDEMPOTENCY_KEY_REUSED,
        ANALYSIS_IN_PROGRESS,
        INSUFFICIENT_CREDITS,
        BUDGET_EXCEEDED,
        RATE_LIMITED,
        PROVIDER_UNAVAILABLE,
        NOT_READY,
        START_FAILED,
    ];

    type Ports = AnalysisPorts;
    type Caller = Member;
    type Parameters = MaybeIdempotencyKey;
    type Body = JsonBody<AnalyzeBody>;
    type Answer = Reply<AcceptedRun>;

    fn example() -> Example {
        Example {
            body: Some(json!({
                "username": "livia.runs", "analysis_type": "DEEP", "business_profile_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
            })),
            data: Some(
                json!({ "run_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "status": "pending", "credits_charged": 5, "balance": 95 }),
            ),
        }
    }

    async fn handle(
        ports: AnalysisPorts,
        member: Member,
        MaybeIdempotencyKey(key): MaybeIdempotencyKey,
        JsonBody(body): JsonBody<AnalyzeBody>,
    ) -> Result<Reply<AcceptedRun>, ApiError> {
        let request = AnalysisRequest::try_from(body)?;
        started(start::start(&ports, member, &request, key.as_ref()).await?)
    }
}

fn started(outcome: StartOutcome) -> Result<Reply<AcceptedRun>, ApiError> {
    match outcome {
        StartOutcome::Running { receipt, replayed } => {
            let reply = Reply::new(AcceptedRun {
                run_id: receipt.run_id,
                // Also in a replay, which is the first answer again, whatever became of the run since.
                status: RunStatus::Pending,
                credits_charged: receipt.credits,
                balance: receipt.balance,
            });
            let replay = HeaderName::from_static("idempotency-replayed");
            Ok(if replayed { reply.header(replay, HeaderValue::from_static("true")) } else { reply })
        }
        StartOutcome::Refused(begun) => Err(refusal(&begun)),
        StartOutcome::NotReady(faults) => Err(ApiError::new(
            NOT_READY,
            "This deployment is not configured yet. Nothing was charged; details names what to mend.",
        )
        .with_details(json!({ "faults": faults }))),
        StartOutcome::Undone => Err(ApiError::new(
            START_FAILED,
            "The analysis could not be started, and its credits were returned. Try again in a few seconds.",
        )
        .with_retry_after(5)),
    }
}

/// What to estimate: `?analysis_type=DEEP&count=1`.
pub struct EstimateQuery {
    analysis_type: AnalysisType,
    count: u32,
}

/// Texts, so that a wrong value answers its own error code.
#[derive(Deserialize)]
struct RawEstimateQuery {
    analysis_type: Option<String>,
    count: Option<String>,
}

impl FromRequestParts<()> for EstimateQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        let Query(raw) = Query::<RawEstimateQuery>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::new(INVALID_QUERY, "The query string could not be read."))?;
        let count = match raw.count.as_deref().map(str::parse::<u32>) {
            None => 1,
            Some(Ok(count)) if (1..=estimate::COUNT_MAX).contains(&count) => count,
            Some(_) => {
                let message = format!("count takes a whole number from 1 to {}.", estimate::COUNT_MAX);
                return Err(ApiError::new(INVALID_COUNT, message));
            }
        };
        // A missing type is refused as an unknown one.
        let analysis_type = raw.analysis_type.unwrap_or_default().parse().map_err(InvalidRequest::from)?;
        Ok(Self { analysis_type, count })
    }
}

impl Parameters for EstimateQuery {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY, INVALID_COUNT, UNKNOWN_ANALYSIS_TYPE]
    }

    fn describe() -> Vec<Parameter> {
        let types = AnalysisType::ALL.map(AnalysisType::as_str);
        let count = json!({ "type": "integer", "minimum": 1, "maximum": estimate::COUNT_MAX, "default": 1 });
        vec![
            Parameter {
                name: "analysis_type",
                place: Place::Query,
                is_required: true,
                description: "Which analysis.",
                schema: json!({ "type": "string", "enum": types }),
            },
            Parameter {
                name: "count",
                place: Place::Query,
                is_required: false,
                description: "How many of them.",
                schema: count,
            },
        ]
    }
}

pub struct GetEstimate;

impl Endpoint for GetEstimate {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/estimate";
    const SUMMARY: &'static str = "What analyses would cost, whether you can pay them, and how long one usually takes.";

    type Ports = AnalysisPorts;
    type Caller = Member;
    type Parameters = EstimateQuery;
    type Body = NoBody;
    type Answer = Reply<Estimate>;

    fn example() -> Example {
        let spread = json!({ "p50": 15.2, "p90": 19.8, "based_on_runs": 20 });
        let data = json!({
            "analysis_type": "DEEP", "count": 2, "credits_each": 5, "credits_total": 10, "balance": 95, "affordable": true,
            "daily_cap_left": null, "usual_seconds": { "p50": 15.2, "p90": 19.8, "cold": spread, "cached": null },
            "based_on_runs": 20,
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        member: Member,
        query: EstimateQuery,
        _: NoBody,
    ) -> Result<Reply<Estimate>, ApiError> {
        let estimate = estimate::estimate(&ports, member, query.analysis_type, query.count).await?;
        estimate.map(Reply::new).ok_or_else(forbidden)
    }
}

fn run_example() -> Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "business_profile_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "username": "livia.runs",
        "analysis_type": "DEEP", "status": "processing", "phase": "analyzing", "credits": 5, "charge_outcome": null,
        "error": null, "lead_id": null, "cache_hit": false, "created_at": "2026-11-25T09:29:38Z",
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

pub struct GetRun;

impl Endpoint for GetRun {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/runs/{id}";
    const SUMMARY: &'static str = "One run; when it is complete with score, reasons, evidence and outreach.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND];

    type Ports = AnalysisPorts;
    type Caller = Member;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<Run>;

    fn example() -> Example {
        Example { data: Some(run_example()), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        member: Member,
        PathId(run): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<Run>, ApiError> {
        ports.runs.get(member, run).await?.map(Reply::new).ok_or_else(run_not_found)
    }
}

pub struct GetProgress;

impl Endpoint for GetProgress {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/runs/{id}/progress";
    const SUMMARY: &'static str = "How far a run is; made to be polled every two seconds.";
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
        progress_of(&ports, user, run).await?.map(Reply::new).ok_or_else(run_not_found)
    }
}

/// What became of a cancelled run's charge: exactly one of the two amounts is not zero.
#[derive(Serialize, JsonSchema)]
pub struct CancelledRun {
    /// Always `cancelled`.
    status: RunStatus,
    /// Credits given back: no AI call had started.
    refunded: i64,
    /// Credits kept: AI work had begun.
    kept: i64,
    /// The account's credits after that.
    balance: i64,
}

pub struct CancelRun;

impl Endpoint for CancelRun {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/runs/{id}/cancel";
    const SUMMARY: &'static str = "Stops a run; full refund while no AI call has started.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND, RUN_FINISHED];

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
        cancelled(start::cancel(&ports, user, run).await?)
    }
}

fn cancelled(outcome: CancelOutcome) -> Result<Reply<CancelledRun>, ApiError> {
    match outcome {
        CancelOutcome::Done { refunded, kept, balance } => {
            Ok(Reply::new(CancelledRun { status: RunStatus::Cancelled, refunded, kept, balance }))
        }
        CancelOutcome::Finished(status) => {
            Err(ApiError::new(RUN_FINISHED, "The run has already ended; there is nothing to cancel.")
                .with_details(json!({ "status": status })))
        }
        CancelOutcome::NotFound => Err(run_not_found()),
    }
}
