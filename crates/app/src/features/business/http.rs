//! `POST /business-profiles`, `GET /business-profiles`, `GET`, `PATCH` and `DELETE /business-profiles/{id}`.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    BusinessPorts, BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, CreateOutcome,
    InvalidBusinessProfile, NewBusinessProfile, UpdateOutcome,
};
use crate::{
    features::auth::{EditBusiness, May, Member, forbidden},
    http::{
        ApiError, Both, Endpoint, ErrorCode, Example, ExpectedVersions, JsonBody, MaybeIdempotencyKey, NoBody, PathId,
        Registry, Reply, code::IDEMPOTENCY_KEY_REUSED, etag,
    },
    shared::{
        idempotency::body_hash,
        ids::BusinessProfileId,
        pagination::{Page, PageQuery},
    },
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<CreateBusinessProfile>();
    registry.add::<ListBusinessProfiles>();
    registry.add::<GetBusinessProfile>();
    registry.add::<ChangeBusinessProfile>();
    registry.add::<DeleteBusinessProfile>();
}

const INVALID_BUSINESS_PROFILE: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_business_profile",
    "`details.field` is the field; the sentence says what it takes",
);

pub const BUSINESS_PROFILE_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "business_profile_not_found", "unknown, or not yours");

const BUSINESS_PROFILE_LIMIT: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "business_profile_limit",
    "`details.limit` is the most an account has; delete one",
);

const BUSINESS_PROFILE_CHANGED: ErrorCode = ErrorCode::new(
    StatusCode::PRECONDITION_FAILED,
    "business_profile_changed",
    "`If-Match` named another version; `details.context_version` is the present one",
);

impl From<InvalidBusinessProfile> for ApiError {
    fn from(error: InvalidBusinessProfile) -> Self {
        Self::new(INVALID_BUSINESS_PROFILE, error.to_string()).with_details(json!({ "field": error.field() }))
    }
}

fn not_found() -> ApiError {
    ApiError::new(BUSINESS_PROFILE_NOT_FOUND, "There is no such business profile in this account.")
}

/// A profile with its version as `ETag`: everything that a customer can change raises it.
fn shown(profile: BusinessProfile) -> Reply<BusinessProfile> {
    let tag = etag(profile.context_version);
    Reply::new(profile).header(header::ETAG, tag)
}

fn made(profile: BusinessProfile) -> Reply<BusinessProfile> {
    let location = HeaderValue::from_str(&format!("/business-profiles/{}", profile.id));
    let reply = shown(profile);
    match location {
        Ok(location) => reply.header(header::LOCATION, location),
        // Cannot happen: a UUID in a path is a valid header value.
        Err(_) => reply,
    }
}

/// The fields of a profile that does not exist yet.
#[derive(Deserialize)]
pub struct NewFields(Map<String, Value>);

/// The fields that are to change; what is absent stays, null clears (RFC 7396).
#[derive(Deserialize)]
pub struct ChangedFields(Map<String, Value>);

fn fields_example() -> Value {
    json!({
        "name": "Fuel", "offering": "Meal plans for endurance runners, by monthly subscription.",
        "target_audience": "Runners who train for their first marathon.",
        "voice": "Short and warm, like one runner to another. No exclamation marks.",
        "do_not_say": ["game-changer", "lose weight"], "competitors": ["Fast Food Club"],
        "proof_points": ["Delivers in 48 hours.", "Every plan is checked by a dietitian."],
        "ideal_customer": {
            "follower_min": 2000, "follower_max": 50000, "engagement_rate_min_percent": 1.5,
            "content_themes": ["running", "nutrition"], "geographies": ["Austria"],
        },
    })
}

fn profile_example() -> Value {
    let mut profile = fields_example();
    let more = json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "context_version": 1, "created_at": "2026-11-25T09:30:00Z",
        "updated_at": "2026-11-25T09:30:00Z",
    });
    if let (Some(profile), Value::Object(more)) = (profile.as_object_mut(), more) {
        profile.extend(more);
    }
    profile
}

pub struct CreateBusinessProfile;

impl Endpoint for CreateBusinessProfile {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/business-profiles";
    const SUMMARY: &'static str = "Makes a business profile: what you sell and to whom.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] = &[INVALID_BUSINESS_PROFILE, IDEMPOTENCY_KEY_REUSED, BUSINESS_PROFILE_LIMIT];

    type Ports = BusinessPorts;
    type Caller = May<EditBusiness>;
    type Parameters = MaybeIdempotencyKey;
    type Body = JsonBody<NewFields>;
    type Answer = Reply<BusinessProfile>;

    fn example() -> Example {
        Example { body: Some(fields_example()), data: Some(profile_example()) }
    }

    async fn handle(
        ports: BusinessPorts,
        May { member, .. }: May<EditBusiness>,
        MaybeIdempotencyKey(key): MaybeIdempotencyKey,
        JsonBody(body): JsonBody<NewFields>,
    ) -> Result<Reply<BusinessProfile>, ApiError> {
        let profile = NewBusinessProfile::parse(body.0)?;
        created(ports.profiles.create(member, &profile, key.as_ref(), &body_hash(&profile)).await?)
    }
}

fn created(outcome: CreateOutcome) -> Result<Reply<BusinessProfile>, ApiError> {
    match outcome {
        CreateOutcome::Created { profile } => Ok(made(*profile)),
        CreateOutcome::Replay { profile } => {
            let replay = HeaderName::from_static("idempotency-replayed");
            Ok(made(*profile).header(replay, HeaderValue::from_static("true")))
        }
        CreateOutcome::IdempotencyKeyReused => Err(ApiError::new(
            IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used for a different request in the last 24 hours. Use a new key.",
        )),
        CreateOutcome::LimitReached { live_max } => Err(ApiError::new(
            BUSINESS_PROFILE_LIMIT,
            format!(
                "The account has {live_max} business profiles, and that is the most. Delete one that is not needed."
            ),
        )
        .with_details(json!({ "limit": live_max }))),
        CreateOutcome::Forbidden => Err(forbidden()),
    }
}

pub struct ListBusinessProfiles;

impl Endpoint for ListBusinessProfiles {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/business-profiles";
    const SUMMARY: &'static str = "The account's business profiles, newest first.";

    type Ports = BusinessPorts;
    type Caller = Member;
    type Parameters = PageQuery<BusinessProfileCursor>;
    type Body = NoBody;
    type Answer = Reply<Page<BusinessProfile>>;

    fn example() -> Example {
        let data = json!({ "items": [profile_example()], "next_cursor": null });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: BusinessPorts,
        member: Member,
        page: PageQuery<BusinessProfileCursor>,
        _: NoBody,
    ) -> Result<Reply<Page<BusinessProfile>>, ApiError> {
        Ok(Reply::new(ports.profiles.list(member, page).await?))
    }
}

pub struct GetBusinessProfile;

impl Endpoint for GetBusinessProfile {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/business-profiles/{id}";
    const SUMMARY: &'static str = "One business profile.";
    const ERRORS: &'static [ErrorCode] = &[BUSINESS_PROFILE_NOT_FOUND];

    type Ports = BusinessPorts;
    type Caller = Member;
    type Parameters = PathId<BusinessProfileId>;
    type Body = NoBody;
    type Answer = Reply<BusinessProfile>;

    fn example() -> Example {
        Example { data: Some(profile_example()), ..Example::default() }
    }

    async fn handle(
        ports: BusinessPorts,
        member: Member,
        PathId(id): PathId<BusinessProfileId>,
        _: NoBody,
    ) -> Result<Reply<BusinessProfile>, ApiError> {
        ports.profiles.get(member, id).await?.map(shown).ok_or_else(not_found)
    }
}

pub struct ChangeBusinessProfile;

impl Endpoint for ChangeBusinessProfile {
    const METHOD: Method = Method::PATCH;
    const PATH: &'static str = "/business-profiles/{id}";
    const SUMMARY: &'static str =
        "Changes a business profile by a JSON merge patch (RFC 7396): what is absent stays, null clears.";
    const ERRORS: &'static [ErrorCode] =
        &[INVALID_BUSINESS_PROFILE, BUSINESS_PROFILE_NOT_FOUND, BUSINESS_PROFILE_CHANGED];

    type Ports = BusinessPorts;
    type Caller = May<EditBusiness>;
    type Parameters = Both<PathId<BusinessProfileId>, ExpectedVersions>;
    type Body = JsonBody<ChangedFields>;
    type Answer = Reply<BusinessProfile>;

    fn example() -> Example {
        Example { body: Some(json!({ "offering": "Meal plans and race-day food." })), data: Some(profile_example()) }
    }

    async fn handle(
        ports: BusinessPorts,
        May { member, .. }: May<EditBusiness>,
        Both(PathId(id), expected): Both<PathId<BusinessProfileId>, ExpectedVersions>,
        JsonBody(body): JsonBody<ChangedFields>,
    ) -> Result<Reply<BusinessProfile>, ApiError> {
        let changes = BusinessProfileChanges::parse(body.0)?;
        let change = |version| ports.profiles.update(member, id, &changes, version);
        let outcome = expected.apply(change, |outcome| match outcome {
            UpdateOutcome::OtherVersion { context_version } => Some(*context_version),
            _ => None,
        });
        updated(outcome.await?)
    }
}

fn updated(outcome: UpdateOutcome) -> Result<Reply<BusinessProfile>, ApiError> {
    match outcome {
        UpdateOutcome::Updated { profile } => Ok(shown(*profile)),
        UpdateOutcome::OtherVersion { context_version } => Err(ApiError::new(
            BUSINESS_PROFILE_CHANGED,
            "The profile was changed meanwhile. Read it again and repeat the change for its present version.",
        )
        .with_details(json!({ "context_version": context_version }))),
        UpdateOutcome::FollowerRange => Err(InvalidBusinessProfile::follower_range().into()),
        UpdateOutcome::NotFound => Err(not_found()),
    }
}

/// A profile that was deleted.
#[derive(Serialize, JsonSchema)]
pub struct DeletedBusinessProfile {
    /// Its id.
    id: BusinessProfileId,
    /// When it was deleted; a repeat answers the same time.
    deleted_at: Timestamp,
}

pub struct DeleteBusinessProfile;

impl Endpoint for DeleteBusinessProfile {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/business-profiles/{id}";
    const SUMMARY: &'static str = "Deletes a business profile; a repeat is answered like the first time.";
    const ERRORS: &'static [ErrorCode] = &[BUSINESS_PROFILE_NOT_FOUND];

    type Ports = BusinessPorts;
    type Caller = May<EditBusiness>;
    type Parameters = PathId<BusinessProfileId>;
    type Body = NoBody;
    type Answer = Reply<DeletedBusinessProfile>;

    fn example() -> Example {
        let data = json!({ "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "deleted_at": "2026-11-25T09:30:00Z" });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: BusinessPorts,
        May { member, .. }: May<EditBusiness>,
        PathId(id): PathId<BusinessProfileId>,
        _: NoBody,
    ) -> Result<Reply<DeletedBusinessProfile>, ApiError> {
        let deleted_at = ports.profiles.delete(member, id).await?.ok_or_else(not_found)?;
        Ok(Reply::new(DeletedBusinessProfile { id, deleted_at }))
    }
}
