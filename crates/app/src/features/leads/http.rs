//! `GET /leads`, `GET` and `DELETE /leads/{id}`; files, pictures, how leads turned out and what people do with them are in
//! modules of their own.

mod files;
mod filters;
mod notes;
mod outcomes;
mod pictures;
mod work;

use axum::{
    extract::{FromRequestParts, Query},
    http::{Method, StatusCode, request::Parts},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    HISTORY_MAX, InvalidQuery, Lead, LeadCursor, LeadHistory, LeadPorts, LeadQuery, RawLeadQuery, SearchText,
    changes::history,
};
use crate::{
    features::auth::{EditLeads, May, Member},
    http::{
        ApiError, Both, Endpoint, ErrorCode, Example, NoBody, Parameter, Parameters, PathId, Place, Registry, Reply,
        code::{INVALID_CURSOR, INVALID_QUERY},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::LeadId,
        pagination::{Page, PageQuery},
    },
};

use files::FILE_HEADERS;
pub(crate) use files::{File, TOO_MANY_EXPORTS};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<ListLeads>();
    registry.add::<files::ExportLeads>();
    registry.add::<outcomes::ExportOutcomes>();
    registry.add::<GetLead>();
    registry.add::<DeleteLead>();
    registry.add::<outcomes::MarkLead>();
    registry.add::<pictures::GetPicture>();
    registry.add::<work::SetWork>();
    registry.add::<work::ListLeadActivity>();
    registry.add::<notes::ListNotes>();
    registry.add::<notes::AddNote>();
    registry.add::<notes::ChangeNote>();
    registry.add::<notes::DeleteNote>();
    registry.add::<filters::ListFilters>();
    registry.add::<filters::SaveFilter>();
    registry.add::<filters::ChangeFilter>();
    registry.add::<filters::DeleteFilter>();
}

const LEAD_NOT_FOUND: ErrorCode = ErrorCode::new(StatusCode::NOT_FOUND, "lead_not_found", "unknown, or not yours");

impl From<InvalidQuery> for ApiError {
    fn from(error: InvalidQuery) -> Self {
        Self::new(INVALID_QUERY, error.to_string()).with_details(json!({ "field": error.parameter }))
    }
}

/// Reads the query string as it was sent, then its values.
async fn read_query<R, Q>(parts: &mut Parts) -> Result<Q, ApiError>
where
    R: DeserializeOwned,
    Q: TryFrom<R, Error = InvalidQuery>,
{
    let Query(raw) = Query::<R>::from_request_parts(parts, &()).await.map_err(|_| {
        ApiError::new(INVALID_QUERY, "The query string could not be read. Send each parameter once, percent-encoded.")
    })?;
    Ok(Q::try_from(raw)?)
}

impl FromRequestParts<()> for LeadQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        read_query::<RawLeadQuery, _>(parts).await
    }
}

impl Parameters for LeadQuery {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY]
    }

    fn describe() -> Vec<Parameter> {
        let score = || json!({ "type": "integer", "minimum": 0, "maximum": 100 });
        let query = |name, description, schema: Value| Parameter {
            name,
            place: Place::Query,
            is_required: false,
            description,
            schema,
        };
        let types = AnalysisType::ALL.map(AnalysisType::as_str);
        vec![
            query("business_profile_id", "Of this business.", json!({ "type": "string", "format": "uuid" })),
            query("score_min", "With at least this score.", score()),
            query("score_max", "With at most this score.", score()),
            query("analysis_type", "With an analysis of this type.", json!({ "type": "string", "enum": types })),
            query("stale", "Whose latest analysis is stale, or is not.", json!({ "type": "boolean" })),
            query(
                "status",
                "With this status: `new`, `contacted`, `replied`, `qualified`, `won` or `lost`; of several with commas between, any.",
                json!({ "type": "string", "pattern": "^[a-z, ]*$" }),
            ),
            query(
                "tag",
                "With this tag, whatever its capitals; of several with commas between, all.",
                json!({ "type": "string" }),
            ),
            query(
                "owner",
                "Of this member: `me`, the id of one, or `none` for leads that belong to nobody.",
                json!({ "type": "string" }),
            ),
            query(
                "q",
                "With this text in username, display name or biography, whatever its capitals, accents and letter forms.",
                json!({ "type": "string", "maxLength": SearchText::CHARS_MAX }),
            ),
            query(
                "sort",
                "The order.",
                json!({ "type": "string", "enum": ["newest", "score", "updated"], "default": "newest" }),
            ),
        ]
    }
}

fn not_found() -> ApiError {
    ApiError::new(LEAD_NOT_FOUND, "There is no such lead in this account.")
}

fn lead_example() -> Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "business_profile_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "username": "livia.runs",
        "renamed_to": null, "profile_url": "https://www.instagram.com/livia.runs/",
        "display_name": "Livia | Marathon", "biography": "Marathon coach, 2:58", "followers": 8400, "following": 310,
        "posts": 412, "category": "Coach", "external_url": "https://livia.example/plans",
        "profile_picture": "/leads/0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10/picture", "is_verified": false, "is_business": true, "score": 78, "outcome": null,
        "status": "contacted", "owner_id": null, "tags": ["vip"],
        "latest_analysis": {
            "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "run_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "analysis_type": "DEEP", "summary": "Coaches marathon runners.",
            "is_stale": false, "created_at": "2026-11-25T09:30:00Z",
        },
        "scraped_at": "2026-11-25T09:29:45Z", "created_at": "2026-11-25T09:30:00Z", "updated_at": "2026-11-25T09:30:00Z",
    })
}

pub struct ListLeads;

impl Endpoint for ListLeads {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads";
    const SUMMARY: &'static str = "The account's leads, filtered and ordered.";

    type Ports = LeadPorts;
    type Caller = Member;
    type Parameters = Both<LeadQuery, PageQuery<LeadCursor>>;
    type Body = NoBody;
    type Answer = Reply<Page<Lead>>;

    fn example() -> Example {
        let data = json!({ "items": [lead_example()], "next_cursor": null });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        member: Member,
        Both(query, page): Both<LeadQuery, PageQuery<LeadCursor>>,
        _: NoBody,
    ) -> Result<Reply<Page<Lead>>, ApiError> {
        if page.after.as_ref().is_some_and(|after| after.0.sort() != query.sort) {
            return Err(ApiError::new(
                INVALID_CURSOR,
                "This cursor belongs to another sort. Leave cursor out to begin again.",
            ));
        }
        Ok(Reply::new(ports.leads.list(member, &query, page).await?))
    }
}

pub struct GetLead;

impl Endpoint for GetLead {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/{id}";
    const SUMMARY: &'static str = "A lead with its analyses and what changed between them.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND];

    type Ports = LeadPorts;
    type Caller = Member;
    type Parameters = PathId<LeadId>;
    type Body = NoBody;
    type Answer = Reply<LeadHistory>;

    fn example() -> Example {
        let mut data = lead_example();
        if let Some(lead) = data.as_object_mut() {
            let mark = json!({
                "outcome": "won", "marked_at": "2026-11-25T09:30:00Z", "analysis_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "score": 78,
            });
            lead.insert("outcome".to_owned(), mark);
            lead.insert("analyses".to_owned(), json!([]));
        }
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        member: Member,
        PathId(id): PathId<LeadId>,
        _: NoBody,
    ) -> Result<Reply<LeadHistory>, ApiError> {
        // One more than is shown: the last one shown is compared with the one before it.
        let (lead, analyses) = ports.leads.get(member, id, HISTORY_MAX + 1).await?.ok_or_else(not_found)?;
        Ok(Reply::new(LeadHistory { lead, analyses: history(analyses) }))
    }
}

/// A lead that was deleted.
#[derive(Serialize, JsonSchema)]
pub struct DeletedLead {
    /// Its id.
    id: LeadId,
    /// When it was deleted; a repeat answers the same time.
    deleted_at: Timestamp,
}

pub struct DeleteLead;

impl Endpoint for DeleteLead {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/leads/{id}";
    const SUMMARY: &'static str = "Deletes a lead with its analyses; a repeat is answered like the first time.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = PathId<LeadId>;
    type Body = NoBody;
    type Answer = Reply<DeletedLead>;

    fn example() -> Example {
        let data = json!({ "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "deleted_at": "2026-11-25T09:30:00Z" });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        PathId(id): PathId<LeadId>,
        _: NoBody,
    ) -> Result<Reply<DeletedLead>, ApiError> {
        let deleted_at = ports.leads.delete(member, id).await?.ok_or_else(not_found)?;
        Ok(Reply::new(DeletedLead { id, deleted_at }))
    }
}
