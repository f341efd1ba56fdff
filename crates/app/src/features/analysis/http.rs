//! `POST /v1/analyze`, `GET /v1/estimate`, `GET /runs`, `GET /runs/{id}`, `GET /runs/{id}/progress`, `POST /runs/{id}/cancel`.

use axum::{
    Router,
    extract::{FromRequestParts, Query},
    http::{HeaderName, HeaderValue, StatusCode, request::Parts},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    AnalysisPorts, AnalysisRequest, BeginOutcome, CancelOutcome, InvalidRequest, Progress, ProgressLookup,
    ProgressView, Run, RunStatus,
    estimate::{self, Estimate},
    start::{self, StartOutcome},
};
use crate::{
    features::auth::{CallingUser, Member},
    http::{ApiError, JsonBody, PathId, Ports, Reply},
    shared::{
        analysis_type::AnalysisType,
        idempotency::IdempotencyKey,
        ids::{RunId, UserId},
        pagination::{Page, PageQuery},
    },
};

/// The feature's routes.
pub fn routes() -> Router {
    Router::new()
        .route("/v1/analyze", post(analyze))
        .route("/v1/estimate", get(estimate))
        .route("/runs", get(list))
        .route("/runs/{id}", get(get_run))
        .route("/runs/{id}/progress", get(watch))
        .route("/runs/{id}/cancel", post(cancel))
}

#[derive(Deserialize)]
struct AnalyzeBody {
    username: String,
    business_profile_id: String,
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

impl From<InvalidRequest> for ApiError {
    fn from(error: InvalidRequest) -> Self {
        let invalid = |code, message| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
        match error {
            InvalidRequest::Username => invalid(
                "invalid_username",
                "username takes an Instagram username (1 to 30 letters, digits, dots, underscores), @username or a profile URL.",
            ),
            InvalidRequest::AnalysisType => {
                invalid("unknown_analysis_type", "analysis_type takes LIGHT, DEEP or XRAY.")
            }
            InvalidRequest::BusinessProfileId => {
                invalid("invalid_business_profile_id", "business_profile_id takes the UUID of a business profile.")
            }
        }
    }
}

#[derive(Serialize)]
struct Accepted {
    run_id: RunId,
    status: RunStatus,
    credits_charged: i64,
    balance: i64,
}

async fn analyze(
    Ports(ports): Ports<AnalysisPorts>,
    member: Member,
    key: Option<IdempotencyKey>,
    JsonBody(body): JsonBody<AnalyzeBody>,
) -> Result<Reply<Accepted>, ApiError> {
    let request = AnalysisRequest::try_from(body)?;
    match start::start(&ports, member, &request, key.as_ref()).await? {
        StartOutcome::Running { receipt, replayed } => {
            let reply = Reply::accepted(Accepted {
                run_id: receipt.run_id,
                status: RunStatus::Pending,
                credits_charged: receipt.credits,
                balance: receipt.balance,
            });
            let replay = HeaderName::from_static("idempotency-replayed");
            Ok(if replayed { reply.header(replay, HeaderValue::from_static("true")) } else { reply })
        }
        StartOutcome::Refused(begun) => Err(refusal(&begun)),
        StartOutcome::NotReady(faults) => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "This deployment is not configured yet. Nothing was charged; details names what to mend.",
        )
        .with_details(json!({ "faults": faults }))),
        StartOutcome::Undone => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "start_failed",
            "The analysis could not be started, and its credits were returned. Try again in a few seconds.",
        )
        .with_retry_after(5)),
    }
}

fn refusal(begun: &BeginOutcome) -> ApiError {
    match begun {
        BeginOutcome::Started(_) | BeginOutcome::Replay(_) => ApiError::internal("an accepted run was refused"),
        BeginOutcome::KeyReused => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key was used for a different request in the last 24 hours. Use a new key.",
        ),
        BeginOutcome::Duplicate(run_id) => ApiError::new(
            StatusCode::CONFLICT,
            "analysis_in_progress",
            "This analysis is already running and was not charged again. details.run_id names the run.",
        )
        .with_details(json!({ "run_id": run_id })),
        BeginOutcome::Insufficient { balance, required } => ApiError::new(
            StatusCode::PAYMENT_REQUIRED,
            "insufficient_credits",
            "The account has not enough credits for this analysis. Buy credits and try again.",
        )
        .with_details(json!({ "balance": balance, "required": required })),
        BeginOutcome::RateLimited { retry_after_s } => ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "The account's hourly limit of analyses is used up. Try again after the time in Retry-After.",
        )
        .with_details(json!({ "retry_after_s": retry_after_s }))
        .with_retry_after(*retry_after_s),
        BeginOutcome::ProviderUnavailable { retry_after_s } => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_unavailable",
            "Analyses are paused because a service we depend on is out. Nothing was charged; try again after the time in Retry-After.",
        )
        .with_details(json!({ "retry_after_s": retry_after_s }))
        .with_retry_after(*retry_after_s),
        BeginOutcome::OverBudget { cap, used, required, resets_in_s } => ApiError::new(
            StatusCode::PAYMENT_REQUIRED,
            "budget_exceeded",
            "The account's daily cap does not allow this analysis. Nothing was charged; an owner can change the cap, or try again after the time in Retry-After.",
        )
        .with_details(json!({ "cap": cap, "used": used, "required": required, "resets_in_s": resets_in_s }))
        .with_retry_after(*resets_in_s),
        BeginOutcome::Forbidden => forbidden(),
        BeginOutcome::BusinessProfileNotFound => ApiError::new(
            StatusCode::NOT_FOUND,
            "business_profile_not_found",
            "There is no such business profile in this account.",
        ),
        BeginOutcome::UnknownType => InvalidRequest::AnalysisType.into(),
    }
}

fn forbidden() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "account_forbidden", "You are not a member of this account, or it is closed.")
}

fn run_not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "run_not_found", "There is no such run in your accounts.")
}

/// What to estimate: `?analysis_type=DEEP&count=1`.
struct EstimateQuery {
    analysis_type: AnalysisType,
    count: u32,
}

#[derive(Deserialize)]
struct RawEstimateQuery {
    analysis_type: Option<String>,
    count: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for EstimateQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let bad = |code, message| ApiError::new(StatusCode::BAD_REQUEST, code, message);
        let Query(raw) = Query::<RawEstimateQuery>::from_request_parts(parts, state)
            .await
            .map_err(|_| bad("invalid_query", "The query string could not be read.".to_owned()))?;
        let count = match raw.count.as_deref().map(str::parse::<u32>) {
            None => 1,
            Some(Ok(count)) if (1..=estimate::COUNT_MAX).contains(&count) => count,
            Some(_) => {
                let message = format!("count takes a whole number from 1 to {}.", estimate::COUNT_MAX);
                return Err(bad("invalid_count", message));
            }
        };
        Ok(Self { analysis_type: raw.analysis_type.unwrap_or_default().parse().map_err(InvalidRequest::from)?, count })
    }
}

async fn estimate(
    Ports(ports): Ports<AnalysisPorts>,
    member: Member,
    query: EstimateQuery,
) -> Result<Reply<Estimate>, ApiError> {
    let estimate = estimate::estimate(&ports, member, query.analysis_type, query.count).await?;
    estimate.map(Reply::ok).ok_or_else(forbidden)
}

async fn list(
    Ports(ports): Ports<AnalysisPorts>,
    member: Member,
    page: PageQuery<RunId>,
) -> Result<Reply<Page<Run>>, ApiError> {
    Ok(Reply::ok(ports.runs.list(member, page).await?))
}

async fn get_run(
    Ports(ports): Ports<AnalysisPorts>,
    member: Member,
    PathId(run): PathId<RunId>,
) -> Result<Reply<Run>, ApiError> {
    ports.runs.get(member, run).await?.map(Reply::ok).ok_or_else(run_not_found)
}

async fn watch(
    Ports(ports): Ports<AnalysisPorts>,
    CallingUser(user): CallingUser,
    PathId(run): PathId<RunId>,
) -> Result<Reply<ProgressView>, ApiError> {
    progress_of(&ports, user, run).await.map(Reply::ok)
}

/// The board answers in the common case; the database when the board asks for a proof, does not know the run, or is down.
async fn progress_of(ports: &AnalysisPorts, user: UserId, run: RunId) -> Result<ProgressView, ApiError> {
    let known_to_board = match ports.progress.look(run, user).await {
        Ok(ProgressLookup::Seen(view)) => return Ok(view),
        Ok(ProgressLookup::ProofNeeded) => true,
        Ok(ProgressLookup::Unknown) => false,
        Err(cause) => {
            tracing::warn!(run_id = %run, cause, "progress board unavailable");
            false
        }
    };
    let state = ports.runs.visible_state(user, run).await?.ok_or_else(run_not_found)?;
    if known_to_board && let Ok(ProgressLookup::Seen(view)) = ports.progress.look_with_proof(run, user, &state).await {
        return Ok(view);
    }
    Ok(Progress::from_row(run, &state).view)
}

#[derive(Serialize)]
struct CancelledRun {
    status: RunStatus,
    refunded: i64,
    kept: i64,
    balance: i64,
}

async fn cancel(
    Ports(ports): Ports<AnalysisPorts>,
    CallingUser(user): CallingUser,
    PathId(run): PathId<RunId>,
) -> Result<Reply<CancelledRun>, ApiError> {
    match start::cancel(&ports, user, run).await? {
        CancelOutcome::Done { refunded, kept, balance } => {
            Ok(Reply::ok(CancelledRun { status: RunStatus::Cancelled, refunded, kept, balance }))
        }
        CancelOutcome::Finished(status) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "run_finished",
            "The run has already ended; there is nothing to cancel.",
        )
        .with_details(json!({ "status": status }))),
        CancelOutcome::NotFound => Err(run_not_found()),
    }
}
