//! `GET /leads`, `GET /leads/export.csv`, `GET` and `DELETE /leads/{id}`, `GET /leads/{id}/picture`; how leads turned out
//! and what people do with them are in files of their own.

mod filters;
mod notes;
mod outcomes;
mod work;

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::{FromRequestParts, Query},
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, tz::TimeZone};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Export, HISTORY_MAX, InvalidQuery, Lead, LeadCursor, LeadHistory, LeadPorts, LeadQuery, Picture, RawLeadQuery,
    SearchText, changes::history, export, exports_at_once::EXPORT_RETRY_AFTER_S,
};
use crate::{
    features::auth::{self, EditLeads, May, Member},
    http::{
        Answer, ApiError, Both, Content, Endpoint, ErrorCode, Example, NoBody, Parameter, Parameters, PathId, Place,
        Registry, Reply,
        code::{INVALID_CURSOR, INVALID_QUERY},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, LeadId},
        in_flight::{Busy, Permit},
        pagination::{Page, PageQuery},
        streaming::keeping,
    },
};

/// Sent with a file that does not hold every lead.
const TRUNCATED: HeaderName = HeaderName::from_static("x-oslira-truncated");

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<ListLeads>();
    registry.add::<ExportLeads>();
    registry.add::<outcomes::ExportOutcomes>();
    registry.add::<GetLead>();
    registry.add::<DeleteLead>();
    registry.add::<outcomes::MarkLead>();
    registry.add::<GetPicture>();
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

const PICTURE_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "picture_not_found", "there is no copy of this profile's picture");

pub(crate) const TOO_MANY_EXPORTS: ErrorCode = ErrorCode::new(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_exports",
    "an export of the account is under way, or too many of others are; try again after `Retry-After`",
);

impl From<Busy> for ApiError {
    fn from(busy: Busy) -> Self {
        let message = match busy {
            Busy::Key => "An export of this account is under way. Wait for its end, then try again.",
            Busy::All => "Too many exports are under way just now. Try again after the time in Retry-After.",
        };
        Self::new(TOO_MANY_EXPORTS, message).with_retry_after(EXPORT_RETRY_AFTER_S)
    }
}

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

/// A file that is written while it is sent. If the database fails meanwhile, the answer breaks off.
pub(crate) struct File {
    pub export: Export,
    pub content_type: &'static str,
    /// What its name begins and ends with; in between is the day.
    pub name: Cow<'static, str>,
    pub ending: &'static str,
    pub now: Timestamp,
    /// Kept until the file is out.
    pub permit: Permit<AccountId>,
}

pub(crate) const FILE_HEADERS: &[(&str, &str)] = &[
    ("Content-Disposition", "The name of the file."),
    ("X-Oslira-Truncated", "`true` if there were more leads than a file holds when the export began."),
];

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let today = self.now.to_zoned(TimeZone::UTC).date();
        let name = format!("attachment; filename=\"{}-{today}.{}\"", self.name, self.ending);
        let mut response = Body::from_stream(self.export.pieces).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Ok(disposition) = HeaderValue::from_str(&name) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        if self.export.truncated {
            headers.insert(TRUNCATED, HeaderValue::from_static("true"));
        }
        response.map(|body| keeping(body, self.permit))
    }
}

/// A sheet.
pub struct CsvFile(File);

impl IntoResponse for CsvFile {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Answer for CsvFile {
    const HEADERS: &'static [(&'static str, &'static str)] = FILE_HEADERS;

    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Bytes("text/csv")
    }
}

pub struct ExportLeads;

impl Endpoint for ExportLeads {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/export.csv";
    const SUMMARY: &'static str = "The leads of the same filters as a CSV file, up to 10,000 rows, streamed.";
    const ERRORS: &'static [ErrorCode] = &[TOO_MANY_EXPORTS];

    type Ports = LeadPorts;
    type Caller = May<auth::Export>;
    type Parameters = LeadQuery;
    type Body = NoBody;
    type Answer = CsvFile;

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<auth::Export>,
        query: LeadQuery,
        _: NoBody,
    ) -> Result<CsvFile, ApiError> {
        let now = ports.clock.now();
        let permit = ports.exports.enter(member.account(), now)?;
        ports.leads.may_export(member).await?;
        let export = export(ports.leads, member, query).await?;
        let (content_type, ending) = ("text/csv; charset=utf-8", "csv");
        Ok(CsvFile(File { export, content_type, name: "oslira-leads".into(), ending, now, permit }))
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

impl IntoResponse for Picture {
    fn into_response(self) -> Response {
        let mut response = self.bytes.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
        // A browser must not show a cached picture to another user or account.
        headers.insert(header::VARY, HeaderValue::from_static("Authorization, X-Account-Id"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

impl Answer for Picture {
    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Bytes("image/*")
    }
}

pub struct GetPicture;

impl Endpoint for GetPicture {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/{id}/picture";
    const SUMMARY: &'static str = "Our copy of the profile's picture.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND, PICTURE_NOT_FOUND];

    type Ports = LeadPorts;
    type Caller = Member;
    type Parameters = PathId<LeadId>;
    type Body = NoBody;
    type Answer = Picture;

    async fn handle(
        ports: LeadPorts,
        member: Member,
        PathId(id): PathId<LeadId>,
        _: NoBody,
    ) -> Result<Picture, ApiError> {
        // Pictures are shared by all accounts: reading the lead shows that this member may see the picture.
        let (lead, _) = ports.leads.get(member, id, 0).await?.ok_or_else(not_found)?;
        let none = || ApiError::new(PICTURE_NOT_FOUND, "There is no copy of this profile's picture.");
        ports.pictures.of(&lead.username).await?.ok_or_else(none)
    }
}
