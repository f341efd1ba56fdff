//! `GET /v1/estimate`.

use axum::{
    extract::{FromRequestParts, Query},
    http::{Method, request::Parts},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    features::{
        analysis::{
            AnalysisPorts, InvalidRequest,
            codes::{INVALID_COUNT, UNKNOWN_ANALYSIS_TYPE},
            estimate::{self, Estimate},
        },
        auth::{Member, forbidden},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, NoBody, Parameter, Parameters, Place, Reply, code::INVALID_QUERY},
    shared::analysis_type::AnalysisType,
};

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
            "analysis_type": "DEEP", "count": 2, "credits_each": 5, "credits_total": 10, "price_usd_each": 4.85,
            "price_usd_total": 9.7, "balance": 95, "affordable": true,
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
