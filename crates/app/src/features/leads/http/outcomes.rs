//! `POST /leads/{id}/outcome`, `GET /leads/outcomes.ndjson`.

use axum::{
    extract::FromRequestParts,
    http::{Method, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use super::{FILE_HEADERS, File, LEAD_NOT_FOUND, TOO_MANY_EXPORTS, not_found, read_query};
use crate::{
    features::{
        auth::{self, EditLeads, May},
        leads::{LeadOutcome, LeadPorts, MarkOutcome, NewestMark, OutcomeQuery, RawOutcomeQuery, export_outcomes},
    },
    http::{
        Answer, ApiError, Content, Endpoint, ErrorCode, Example, JsonBody, NoBody, Parameter, Parameters, PathId,
        Place, Reply, code::INVALID_QUERY,
    },
    shared::ids::LeadId,
};

pub(super) const TOO_MANY_OUTCOMES: ErrorCode = ErrorCode::new(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_outcomes",
    "`details.limit` is the most that an account says or takes back in a day (UTC); `details.retry_after_s`",
);

pub(super) fn too_many(daily_max: u32, retry_after_s: u32) -> ApiError {
    let message = format!(
        "The account has said how {daily_max} leads turned out today, and that is the most. Try again after the time in Retry-After."
    );
    ApiError::new(TOO_MANY_OUTCOMES, message)
        .with_details(json!({ "limit": daily_max, "retry_after_s": retry_after_s }))
        .with_retry_after(retry_after_s)
}

/// How a lead turned out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeBody {
    /// How it turned out; null takes back what was said.
    // With `deserialize_with` serde demands the field, though it is an `Option`: leaving it out must not take the mark
    // back.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(required)]
    outcome: Option<LeadOutcome>,
}

pub struct MarkLead;

impl Endpoint for MarkLead {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/leads/{id}/outcome";
    const SUMMARY: &'static str = "Says how a lead turned out, or takes it back; a repeat changes nothing.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND, TOO_MANY_OUTCOMES];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = PathId<LeadId>;
    type Body = JsonBody<OutcomeBody>;
    type Answer = Reply<NewestMark>;

    fn example() -> Example {
        let data = json!({
            "lead_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "outcome": "won",
            "analysis_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "score": 78, "marked_at": "2026-11-25T09:30:00Z",
        });
        Example { body: Some(json!({ "outcome": "won" })), data: Some(data) }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        PathId(id): PathId<LeadId>,
        JsonBody(body): JsonBody<OutcomeBody>,
    ) -> Result<Reply<NewestMark>, ApiError> {
        match ports.outcomes.mark(member, id, body.outcome).await? {
            MarkOutcome::Marked { mark } => Ok(Reply::new(mark)),
            MarkOutcome::Limit { daily_max, retry_after_s } => Err(too_many(daily_max, retry_after_s)),
            MarkOutcome::NotFound => Err(not_found()),
        }
    }
}

impl FromRequestParts<()> for OutcomeQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        read_query::<RawOutcomeQuery, _>(parts).await
    }
}

impl Parameters for OutcomeQuery {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY]
    }

    fn describe() -> Vec<Parameter> {
        vec![Parameter {
            name: "business_profile_id",
            place: Place::Query,
            is_required: false,
            description: "Of leads of this business.",
            schema: json!({ "type": "string", "format": "uuid" }),
        }]
    }
}

/// One JSON object a line.
pub struct JsonLines(File);

impl IntoResponse for JsonLines {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Answer for JsonLines {
    const HEADERS: &'static [(&'static str, &'static str)] = FILE_HEADERS;

    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Bytes("application/x-ndjson")
    }
}

pub struct ExportOutcomes;

impl Endpoint for ExportOutcomes {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/outcomes.ndjson";
    const SUMMARY: &'static str =
        "How leads turned out and how they had been judged, newest first, as JSON lines, up to 10,000, streamed.";
    const ERRORS: &'static [ErrorCode] = &[TOO_MANY_EXPORTS];

    type Ports = LeadPorts;
    type Caller = May<auth::Export>;
    type Parameters = OutcomeQuery;
    type Body = NoBody;
    type Answer = JsonLines;

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<auth::Export>,
        query: OutcomeQuery,
        _: NoBody,
    ) -> Result<JsonLines, ApiError> {
        let now = ports.clock.now();
        let permit = ports.exports.enter(member.account(), now)?;
        ports.leads.may_export(member).await?;
        let export = export_outcomes(ports.outcomes, member, query).await?;
        let (content_type, ending) = ("application/x-ndjson", "ndjson");
        Ok(JsonLines(File { export, content_type, name: "oslira-outcomes".into(), ending, now, permit }))
    }
}
