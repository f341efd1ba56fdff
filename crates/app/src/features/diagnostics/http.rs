//! `POST /operator/diagnostics/database-round-trips`, `GET /operator/runs/{id}/timings`, `GET /operator/health/summary`.

use axum::http::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{DiagnosticsPorts, HealthSummary, RoundTripCount, RoundTrips, RunTimings, measure::measure, since::Since};
use crate::{
    features::{analysis::RUN_NOT_FOUND, auth::Operator},
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, PathId, Registry, Reply},
    shared::ids::RunId,
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<MeasureRoundTrips>();
    registry.add::<GetRunTimings>();
    registry.add::<GetHealthSummary>();
}

/// How many to measure.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoundTripsBody {
    #[schemars(with = "u32", range(min = 1, max = 100))]
    count: RoundTripCount,
}

pub struct MeasureRoundTrips;

impl Endpoint for MeasureRoundTrips {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/diagnostics/database-round-trips";
    const SUMMARY: &'static str =
        "Makes so many statements that do nothing, one after the other, and tells how long each took.";

    type Ports = DiagnosticsPorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = JsonBody<RoundTripsBody>;
    type Answer = Reply<RoundTrips>;

    fn example() -> Example {
        Example {
            body: Some(json!({ "count": 5 })),
            data: Some(json!({ "first_ms": 31, "total_ms": 12, "milliseconds": [3, 2, 2, 3, 2] })),
        }
    }

    async fn handle(
        ports: DiagnosticsPorts,
        operator: Operator,
        _: NoParameters,
        JsonBody(RoundTripsBody { count }): JsonBody<RoundTripsBody>,
    ) -> Result<Reply<RoundTrips>, ApiError> {
        Ok(Reply::new(measure(&ports, &operator, count).await?))
    }
}

pub struct GetRunTimings;

impl Endpoint for GetRunTimings {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/operator/runs/{id}/timings";
    const SUMMARY: &'static str = "Where the time of a run went, and what its scrapes and AI calls took and cost.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND];

    type Ports = DiagnosticsPorts;
    type Caller = Operator;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<RunTimings>;

    fn example() -> Example {
        let data = json!({
            "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
            "analysis_type": "LIGHT", "status": "complete", "phase": "saving", "cache_hit": false, "error_code": null,
            "created_at": "2026-11-27T09:30:00Z", "finished_at": "2026-11-27T09:30:06.4Z", "waiting_ms": 180,
            "reading_ms": 4_100, "judging_ms": 2_120, "total_ms": 6_400,
            "scrapes": [{
                "actor": "apify/instagram-profile-scraper", "outcome": "succeeded", "results": 1, "took_ms": 3_820,
                "usd": 0.0026,
            }],
            "calls": [{
                "call": "light", "provider": "openai", "model": "openai/gpt-6-luna", "took_ms": 1_890,
                "input_tokens": 3_040, "cached_tokens": 1_920, "cache_write_tokens": 0, "output_tokens": 410,
                "reasoning_tokens": 96, "usd": 0.0012, "finish_reason": "stop", "gateway_hit": false,
            }],
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: DiagnosticsPorts,
        operator: Operator,
        PathId(id): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<RunTimings>, ApiError> {
        let timings = ports.store.run_timings(&operator, id).await?;
        timings.map(Reply::new).ok_or_else(|| ApiError::new(RUN_NOT_FOUND, "No run has this id."))
    }
}

pub struct GetHealthSummary;

impl Endpoint for GetHealthSummary {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/operator/health/summary";
    const SUMMARY: &'static str =
        "How runs, events of Stripe's, queues and jobs did since a moment, and which alarms began.";

    type Ports = DiagnosticsPorts;
    type Caller = Operator;
    type Parameters = Since;
    type Body = NoBody;
    type Answer = Reply<HealthSummary>;

    fn example() -> Example {
        let data = json!({
            "since": "2026-11-26T09:30:00Z", "until": "2026-11-27T09:30:00Z", "success_rate": 0.9967,
            "runs": [{
                "analysis_type": "DEEP", "begun": 310, "complete": 300, "failed": 5, "failed_by_us": 1, "cancelled": 2,
                "refunded": 7, "p95_ms": 15_870,
            }],
            "webhooks": { "unapplied": 1, "oldest_wait_s": 2, "unapplied_before": 0 },
            "dead_letters": [{ "queue": "billing-dead", "messages": 1, "last_at": "2026-11-27T02:10:00Z" }],
            "jobs": [{
                "job": "recover-runs", "ok": 287, "failed": 1, "died": 0, "last_ok_at": "2026-11-27T09:25:02Z",
                "is_silent": false,
            }],
            "alarms": [{
                "alarm": "dead_letters", "subject": "billing-dead", "value": 1.0, "threshold": 0.0,
                "opened_at": "2026-11-27T02:12:00Z", "closed_at": null,
            }],
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: DiagnosticsPorts,
        operator: Operator,
        since: Since,
        _: NoBody,
    ) -> Result<Reply<HealthSummary>, ApiError> {
        let since = since.checked(&ports)?;
        Ok(Reply::new(ports.store.health(&operator, since, &ports.limits).await?))
    }
}
