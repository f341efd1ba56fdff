//! `POST /v1/analyze`.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    features::{
        analysis::{
            AnalysisPorts, AnalysisRequest, InvalidRequest, RunStatus,
            codes::{
                ANALYSIS_IN_PROGRESS, BUDGET_EXCEEDED, INSUFFICIENT_CREDITS, INVALID_BUSINESS_PROFILE_ID,
                INVALID_USERNAME, MEMBER_LIMIT_REACHED, PROVIDER_UNAVAILABLE, START_FAILED, SUBJECT_ERASED,
                UNKNOWN_ANALYSIS_TYPE, refusal,
            },
            start::{self, StartOutcome},
        },
        auth::{Analyse, Buys},
        business::BUSINESS_PROFILE_NOT_FOUND,
        health::{NOT_READY, not_ready},
    },
    http::{
        ApiError, Endpoint, ErrorCode, Example, JsonBody, MaybeIdempotencyKey, RATE_LIMITED, Reply,
        code::IDEMPOTENCY_KEY_REUSED,
    },
    shared::{analysis_type::AnalysisType, ids::RunId},
};

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
        MEMBER_LIMIT_REACHED,
        RATE_LIMITED,
        PROVIDER_UNAVAILABLE,
        NOT_READY,
        START_FAILED,
        SUBJECT_ERASED,
    ];

    type Ports = AnalysisPorts;
    type Caller = Buys<Analyse>;
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
        buyer: Buys<Analyse>,
        MaybeIdempotencyKey(key): MaybeIdempotencyKey,
        JsonBody(body): JsonBody<AnalyzeBody>,
    ) -> Result<Reply<AcceptedRun>, ApiError> {
        let request = AnalysisRequest::try_from(body)?;
        started(buyer.heed(start::start(&ports, buyer.member, &request, key.as_ref()).await).await?)
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
        StartOutcome::NotReady(faults) => Err(not_ready(&faults)),
        StartOutcome::Undone => Err(ApiError::new(
            START_FAILED,
            "The analysis could not be started, and its credits were returned. Try again in a few seconds.",
        )
        .with_retry_after(5)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_that_is_wrong_has_its_own_reason() {
        let read = |field: &str, value: &str| {
            let mut body = json!({
                "username": "@nasa", "business_profile_id": uuid::Uuid::nil(), "analysis_type": "LIGHT",
            });
            body[field] = json!(value);
            AnalysisRequest::try_from(serde_json::from_value::<AnalyzeBody>(body).unwrap())
        };
        assert_eq!(read("username", "https://www.instagram.com/nasa/").unwrap().username.as_str(), "nasa");
        assert!(matches!(read("username", "na sa"), Err(InvalidRequest::Username(_))));
        assert_eq!(read("analysis_type", "light"), Err(InvalidRequest::AnalysisType));
        assert_eq!(read("business_profile_id", "7"), Err(InvalidRequest::BusinessProfileId));
    }
}
