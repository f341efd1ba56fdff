//! `POST /business-profiles`, `GET /business-profiles`, `GET`, `PATCH` and `DELETE /business-profiles/{id}`.

use axum::{
    Router,
    extract::OptionalFromRequestParts,
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    routing::get,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    BusinessPorts, BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, Changed, Created,
    InvalidBusinessProfile, NewBusinessProfile,
};
use crate::{
    features::auth::Member,
    http::{ApiError, JsonBody, PathId, Ports, Reply},
    shared::{
        idempotency::{IdempotencyKey, body_hash},
        ids::BusinessProfileId,
        pagination::{Page, PageQuery},
    },
};

/// The feature's routes.
pub fn routes() -> Router {
    Router::new()
        .route("/business-profiles", get(list).post(create))
        .route("/business-profiles/{id}", get(get_profile).patch(change).delete(remove))
}

impl From<InvalidBusinessProfile> for ApiError {
    fn from(error: InvalidBusinessProfile) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_business_profile", error.to_string())
            .with_details(json!({ "field": error.field() }))
    }
}

fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "business_profile_not_found",
        "There is no such business profile in this account.",
    )
}

/// The version that a change is meant for: `If-Match: "3"`, as the `ETag` of every answer says it.
struct ExpectedVersion(i32);

impl<S: Send + Sync> OptionalFromRequestParts<S> for ExpectedVersion {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let text = match parts.headers.get(header::IF_MATCH).map(HeaderValue::to_str) {
            None | Some(Ok("*")) => return Ok(None),
            Some(text) => text.unwrap_or_default(),
        };
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        bare.parse().map(|version| Some(Self(version))).map_err(|_| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_if_match",
                "If-Match takes the profile's context_version in double quotes, as its ETag says it.",
            )
        })
    }
}

/// The profile with its version as `ETag`: everything that a customer can change raises it.
fn shown(status: StatusCode, profile: BusinessProfile) -> Reply<BusinessProfile> {
    let etag = HeaderValue::from_str(&format!("\"{}\"", profile.context_version));
    let reply = Reply::with_status(status, profile);
    match etag {
        Ok(etag) => reply.header(header::ETAG, etag),
        Err(_) => reply,
    }
}

async fn create(
    Ports(ports): Ports<BusinessPorts>,
    member: Member,
    key: Option<IdempotencyKey>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Reply<BusinessProfile>, ApiError> {
    let profile = NewBusinessProfile::parse(body)?;
    match ports.profiles.create(member, &profile, key.as_ref(), &body_hash(&profile)).await? {
        Created::New(profile) => Ok(made(profile)),
        Created::Replay(profile) => {
            let replay = HeaderName::from_static("idempotency-replayed");
            Ok(made(profile).header(replay, HeaderValue::from_static("true")))
        }
        Created::KeyReused => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key was used for a different request in the last 24 hours. Use a new key.",
        )),
        Created::LimitReached { live_max } => Err(ApiError::new(
            StatusCode::CONFLICT,
            "business_profile_limit",
            format!(
                "The account has {live_max} business profiles, and that is the most. Delete one that is not needed."
            ),
        )
        .with_details(json!({ "limit": live_max }))),
        Created::Forbidden => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "account_forbidden",
            "You are not a member of this account, or it is closed.",
        )),
    }
}

fn made(profile: BusinessProfile) -> Reply<BusinessProfile> {
    let location = HeaderValue::from_str(&format!("/business-profiles/{}", profile.id));
    let reply = shown(StatusCode::CREATED, profile);
    match location {
        Ok(location) => reply.header(header::LOCATION, location),
        Err(_) => reply,
    }
}

async fn list(
    Ports(ports): Ports<BusinessPorts>,
    member: Member,
    page: PageQuery<BusinessProfileCursor>,
) -> Result<Reply<Page<BusinessProfile>>, ApiError> {
    Ok(Reply::ok(ports.profiles.list(member, page).await?))
}

async fn get_profile(
    Ports(ports): Ports<BusinessPorts>,
    member: Member,
    PathId(id): PathId<BusinessProfileId>,
) -> Result<Reply<BusinessProfile>, ApiError> {
    let profile = ports.profiles.get(member, id).await?.ok_or_else(not_found)?;
    Ok(shown(StatusCode::OK, profile))
}

async fn change(
    Ports(ports): Ports<BusinessPorts>,
    member: Member,
    PathId(id): PathId<BusinessProfileId>,
    expected: Option<ExpectedVersion>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Reply<BusinessProfile>, ApiError> {
    let changes = BusinessProfileChanges::parse(body)?;
    match ports.profiles.change(member, id, &changes, expected.map(|version| version.0)).await? {
        Changed::Now(profile) => Ok(shown(StatusCode::OK, *profile)),
        Changed::OtherVersion { context_version } => Err(ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            "business_profile_changed",
            "The profile was changed meanwhile. Read it again and repeat the change for its present version.",
        )
        .with_details(json!({ "context_version": context_version }))),
        Changed::FollowerRange => Err(InvalidBusinessProfile::follower_range().into()),
        Changed::NotFound => Err(not_found()),
    }
}

#[derive(Serialize)]
struct Deleted {
    id: BusinessProfileId,
    deleted_at: Timestamp,
}

async fn remove(
    Ports(ports): Ports<BusinessPorts>,
    member: Member,
    PathId(id): PathId<BusinessProfileId>,
) -> Result<Reply<Deleted>, ApiError> {
    let deleted_at = ports.profiles.delete(member, id).await?.ok_or_else(not_found)?;
    Ok(Reply::ok(Deleted { id, deleted_at }))
}
