//! API keys: made, listed, rotated and revoked. A secret is told once.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{INVALID_SPENDING_LIMIT, OWNER_REQUIRED, checked, owner_required};
use crate::{
    features::{
        auth::{KeySecret, ManageKeys, May, Permission, Role, SpendingLimit, forbidden},
        members::{ApiKey, KeyOutcome, MemberPorts, NewApiKey},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, PathId, Registry, Reply},
    shared::texts,
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<CreateKey>();
    registry.add::<ListKeys>();
    registry.add::<RotateKey>();
    registry.add::<RevokeKey>();
}

const INVALID_KEY: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_key",
    "`name` has 1 to 80 characters, `scopes` are those that a key can have, `expires_at` lies ahead, `overlap_s` is at most a week",
);

const KEY_LIMIT: ErrorCode =
    ErrorCode::new(StatusCode::CONFLICT, "key_limit", "50 live keys are the most: revoke one that is not needed");

const KEY_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "key_not_found", "the account has no such key, or it was revoked");

const NAME_CHARS_MAX: usize = 80;
/// A week: long enough to change a secret wherever it is used.
const OVERLAP_S_MAX: u32 = 7 * 86_400;

/// A key to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// For people.
    #[schemars(length(min = 1, max = 80))]
    name: String,
    /// What it may do besides reading: `analyse`, `edit_leads`, `edit_business`, `export`.
    scopes: Vec<Permission>,
    /// Left out or `null` for never.
    expires_at: Option<Timestamp>,
    /// What it may spend; left out or `null` for as much as there is.
    limit: Option<SpendingLimit>,
}

/// A key with its secret, which is told this once.
#[derive(Serialize, JsonSchema)]
pub struct MadeKey {
    key: ApiKey,
    /// For `Authorization: Bearer`.
    secret: String,
}

fn key_example() -> serde_json::Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "name": "Nightly import", "prefix": "oslira_3f3f3f3f",
        "scopes": ["read", "analyse"], "created_by": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
        "created_at": "2026-11-25T09:30:00Z", "last_used_at": null, "expires_at": null, "earlier_secret_ends_at": null,
        "limit": { "credits": 50, "period": "day" }, "spent": 0, "state": "live",
    })
}

fn made_example() -> serde_json::Value {
    json!({ "key": key_example(), "secret": format!("oslira_{}", "3f".repeat(28)) })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(INVALID_KEY, message)
}

/// The scopes, each once, with reading, which every key may.
fn scopes(asked: &[Permission]) -> Result<Vec<Permission>, ApiError> {
    let possible = Role::Key.permissions();
    if asked.iter().any(|scope| !possible.contains(scope)) {
        return Err(invalid("A key can have the scopes read, analyse, edit_leads, edit_business and export."));
    }
    Ok(possible.iter().copied().filter(|scope| *scope == Permission::Read || asked.contains(scope)).collect())
}

fn not_found() -> ApiError {
    ApiError::new(KEY_NOT_FOUND, "The account has no such key, or it was revoked. GET /api-keys lists them.")
}

/// The outcome as an answer.
fn done(outcome: KeyOutcome) -> Result<ApiKey, ApiError> {
    match outcome {
        KeyOutcome::Done { key } => Ok(*key),
        KeyOutcome::NotFound => Err(not_found()),
        KeyOutcome::OwnerRequired => Err(owner_required()),
        KeyOutcome::Limit { live_max } => {
            Err(ApiError::new(KEY_LIMIT, format!("{live_max} live keys are the most. Revoke one that is not needed.")))
        }
        KeyOutcome::Forbidden => Err(forbidden()),
    }
}

pub struct CreateKey;

impl Endpoint for CreateKey {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api-keys";
    const SUMMARY: &'static str = "Makes a key for a program. Its secret is told this once.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] = &[INVALID_KEY, INVALID_SPENDING_LIMIT, KEY_LIMIT, OWNER_REQUIRED];

    type Ports = MemberPorts;
    type Caller = May<ManageKeys>;
    type Parameters = NoParameters;
    type Body = JsonBody<KeyBody>;
    type Answer = Reply<MadeKey>;

    fn example() -> Example {
        let body =
            json!({ "name": "Nightly import", "scopes": ["analyse"], "limit": { "credits": 50, "period": "day" } });
        Example { body: Some(body), data: Some(made_example()) }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageKeys>,
        _: NoParameters,
        JsonBody(body): JsonBody<KeyBody>,
    ) -> Result<Reply<MadeKey>, ApiError> {
        let name = texts::line(&body.name, NAME_CHARS_MAX)
            .ok_or_else(|| invalid("name takes one line of 1 to 80 characters."))?;
        if body.expires_at.is_some_and(|at| at <= ports.clock.now()) {
            return Err(invalid("expires_at lies ahead."));
        }
        let new = NewApiKey {
            id: ports.ids.run_id().uuid(),
            name,
            scopes: scopes(&body.scopes)?,
            expires_at: body.expires_at,
            limit: checked(body.limit)?,
            secret: KeySecret::new(&ports.ids.secret()),
        };
        let key = done(ports.store.create_key(member, &new).await?)?;
        Ok(Reply::new(MadeKey { key, secret: new.secret.text().to_owned() }))
    }
}

/// The newest 200 keys.
#[derive(Serialize, JsonSchema)]
pub struct Keys {
    /// Newest first, those that are over too.
    items: Vec<ApiKey>,
}

pub struct ListKeys;

impl Endpoint for ListKeys {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/api-keys";
    const SUMMARY: &'static str = "The account's keys with who made them, newest first; the newest 200.";

    type Ports = MemberPorts;
    type Caller = May<ManageKeys>;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Keys>;

    fn example() -> Example {
        Example { data: Some(json!({ "items": [key_example()] })), ..Example::default() }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageKeys>,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Keys>, ApiError> {
        let items = ports.store.keys(member).await?.ok_or_else(forbidden)?;
        Ok(Reply::new(Keys { items }))
    }
}

/// How a secret is changed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// For how many more seconds the present secret is good: up to a week, 0 for none.
    #[schemars(range(max = 604_800))]
    overlap_s: u32,
}

pub struct RotateKey;

impl Endpoint for RotateKey {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api-keys/{id}/rotate";
    const SUMMARY: &'static str = "Gives a key a new secret, told this once; the present one is good a while longer.";
    const ERRORS: &'static [ErrorCode] = &[KEY_NOT_FOUND, INVALID_KEY, OWNER_REQUIRED];

    type Ports = MemberPorts;
    type Caller = May<ManageKeys>;
    type Parameters = PathId<Uuid>;
    type Body = JsonBody<RotateBody>;
    type Answer = Reply<MadeKey>;

    fn example() -> Example {
        Example { body: Some(json!({ "overlap_s": 3600 })), data: Some(made_example()) }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageKeys>,
        PathId(id): PathId<Uuid>,
        JsonBody(body): JsonBody<RotateBody>,
    ) -> Result<Reply<MadeKey>, ApiError> {
        if body.overlap_s > OVERLAP_S_MAX {
            return Err(invalid("overlap_s takes a whole number up to 604,800, which is a week."));
        }
        let secret = KeySecret::new(&ports.ids.secret());
        let key = done(ports.store.rotate_key(member, id, body.overlap_s, &secret).await?)?;
        Ok(Reply::new(MadeKey { key, secret: secret.text().to_owned() }))
    }
}

pub struct RevokeKey;

impl Endpoint for RevokeKey {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/api-keys/{id}";
    const SUMMARY: &'static str = "Ends a key at once. What it has begun goes on.";
    const ERRORS: &'static [ErrorCode] = &[KEY_NOT_FOUND];

    type Ports = MemberPorts;
    type Caller = May<ManageKeys>;
    type Parameters = PathId<Uuid>;
    type Body = NoBody;
    type Answer = Reply<ApiKey>;

    fn example() -> Example {
        Example { data: Some(key_example()), ..Example::default() }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageKeys>,
        PathId(id): PathId<Uuid>,
        _: NoBody,
    ) -> Result<Reply<ApiKey>, ApiError> {
        Ok(Reply::new(done(ports.store.revoke_key(member, id).await?)?))
    }
}
