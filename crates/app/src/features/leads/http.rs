//! `GET /leads`, `GET /leads/export.csv`, `GET` and `DELETE /leads/{id}`, `GET /leads/{id}/picture`.

use axum::{
    Router,
    extract::{FromRequestParts, Query},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::get,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::json;

use super::{
    HISTORY_MAX, InvalidQuery, Lead, LeadCursor, LeadHistory, LeadPorts, LeadQuery, RawLeadQuery, changes::history,
    export::export,
};
use crate::{
    features::auth::Member,
    http::{ApiError, PathId, Ports, Reply},
    shared::{
        ids::LeadId,
        pagination::{Page, PageQuery},
    },
};

/// Says that a file does not hold every lead.
const TRUNCATED: HeaderName = HeaderName::from_static("x-oslira-truncated");

/// The feature's routes.
pub fn routes() -> Router {
    Router::new()
        .route("/leads", get(list))
        .route("/leads/export.csv", get(export_csv))
        .route("/leads/{id}", get(get_lead).delete(remove))
        .route("/leads/{id}/picture", get(picture))
}

impl From<InvalidQuery> for ApiError {
    fn from(error: InvalidQuery) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", error.to_string())
            .with_details(json!({ "field": error.parameter }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LeadQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Query(raw) = Query::<RawLeadQuery>::from_request_parts(parts, state).await.map_err(|_| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_query",
                "The query string could not be read. Send each parameter once, percent-encoded.",
            )
        })?;
        Ok(Self::try_from(raw)?)
    }
}

fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "lead_not_found", "There is no such lead in this account.")
}

async fn list(
    Ports(ports): Ports<LeadPorts>,
    member: Member,
    query: LeadQuery,
    page: PageQuery<LeadCursor>,
) -> Result<Reply<Page<Lead>>, ApiError> {
    if page.after.as_ref().is_some_and(|after| after.0.sort() != query.sort) {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "This cursor belongs to another sort. Leave cursor out to begin again.",
        ));
    }
    Ok(Reply::ok(ports.leads.list(member, &query, page).await?))
}

async fn get_lead(
    Ports(ports): Ports<LeadPorts>,
    member: Member,
    PathId(id): PathId<LeadId>,
) -> Result<Reply<LeadHistory>, ApiError> {
    // One more than is shown: the last shown one has one before it too.
    let (lead, analyses) = ports.leads.get(member, id, HISTORY_MAX + 1).await?.ok_or_else(not_found)?;
    Ok(Reply::ok(LeadHistory { lead, analyses: history(analyses) }))
}

async fn picture(
    Ports(ports): Ports<LeadPorts>,
    member: Member,
    PathId(id): PathId<LeadId>,
) -> Result<Response, ApiError> {
    let (lead, _) = ports.leads.get(member, id, 0).await?.ok_or_else(not_found)?;
    let picture = ports.pictures.of(&lead.username).await?.ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "picture_not_found", "There is no copy of this profile's picture.")
    })?;
    let mut response = picture.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(picture.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, X-Account-Id"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

#[derive(Serialize)]
struct Deleted {
    id: LeadId,
    deleted_at: Timestamp,
}

async fn remove(
    Ports(ports): Ports<LeadPorts>,
    member: Member,
    PathId(id): PathId<LeadId>,
) -> Result<Reply<Deleted>, ApiError> {
    let deleted_at = ports.leads.delete(member, id).await?.ok_or_else(not_found)?;
    Ok(Reply::ok(Deleted { id, deleted_at }))
}

async fn export_csv(Ports(ports): Ports<LeadPorts>, member: Member, query: LeadQuery) -> Result<Response, ApiError> {
    let file = export(ports.leads.as_ref(), member, &query).await?;
    let today = ports.clock.now().to_zoned(TimeZone::UTC).date();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"oslira-leads-{today}.csv\""))
        .map_err(|error| ApiError::internal(&error.to_string()))?;
    let mut response = file.csv.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    if file.truncated {
        headers.insert(TRUNCATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
