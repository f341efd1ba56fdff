//! The people of an account.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::{INVALID_SPENDING_LIMIT, OWNER_REQUIRED, checked, owner_required};
use crate::{
    features::{
        auth::{ManageMembers, May, Member, Role, SpendingLimit, forbidden},
        members::{MemberOutcome, MemberPorts, MemberView, RemoveOutcome},
    },
    http::{
        ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, PERMISSION_MISSING, PathId, Registry,
        Reply,
    },
    shared::ids::UserId,
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<ListMembers>();
    registry.add::<ChangeMember>();
    registry.add::<RemoveMember>();
}

const MEMBER_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "member_not_found", "nobody with this id belongs to the account");

const LAST_OWNER: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "last_owner",
    "the account would be left without an owner: make somebody else one first, or close the account",
);

pub(super) const INVALID_ROLE: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_role",
    "`role` is `owner`, `admin`, `member` or `viewer`",
);

/// A role that a person can have.
pub(super) fn of_a_person(role: Role) -> Result<Role, ApiError> {
    match role {
        Role::Key => Err(ApiError::new(INVALID_ROLE, "A person is an owner, admin, member or viewer.")),
        role => Ok(role),
    }
}

fn last_owner() -> ApiError {
    ApiError::new(
        LAST_OWNER,
        "This is the account's last owner. Make somebody else an owner first, or close the account.",
    )
}

fn not_found() -> ApiError {
    ApiError::new(MEMBER_NOT_FOUND, "Nobody with this id belongs to the account. GET /members lists who does.")
}

/// The people of an account.
#[derive(Serialize, JsonSchema)]
pub struct Members {
    /// The longest membership first.
    items: Vec<MemberView>,
}

pub(super) fn member_example() -> serde_json::Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "email": "ann@fuel.example", "role": "member",
        "joined_at": "2026-11-25T09:30:00Z", "limit": { "credits": 50, "period": "month" }, "spent": 12,
    })
}

pub struct ListMembers;

impl Endpoint for ListMembers {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/members";
    const SUMMARY: &'static str = "Who belongs to the account, what they may spend, and what they have spent.";

    type Ports = MemberPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Members>;

    fn example() -> Example {
        Example { data: Some(json!({ "items": [member_example()] })), ..Example::default() }
    }

    async fn handle(
        ports: MemberPorts,
        member: Member,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Members>, ApiError> {
        let items = ports.store.members(member).await?.ok_or_else(forbidden)?;
        Ok(Reply::new(Members { items }))
    }
}

/// What a member is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    role: Role,
    /// `null` for no limit.
    // With `deserialize_with` serde demands the field, though it is an `Option`: leaving it out must not remove the limit.
    #[serde(deserialize_with = "present")]
    limit: Option<SpendingLimit>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SpendingLimit>, D::Error> {
    Option::deserialize(deserializer)
}

pub struct ChangeMember;

impl Endpoint for ChangeMember {
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/members/{id}";
    const SUMMARY: &'static str = "Sets a member's role and limit, for every charge from now on.";
    const ERRORS: &'static [ErrorCode] =
        &[MEMBER_NOT_FOUND, OWNER_REQUIRED, LAST_OWNER, INVALID_ROLE, INVALID_SPENDING_LIMIT];

    type Ports = MemberPorts;
    type Caller = May<ManageMembers>;
    type Parameters = PathId<UserId>;
    type Body = JsonBody<MemberBody>;
    type Answer = Reply<MemberView>;

    fn example() -> Example {
        let body = json!({ "role": "member", "limit": { "credits": 50, "period": "month" } });
        Example { body: Some(body), data: Some(member_example()) }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageMembers>,
        PathId(id): PathId<UserId>,
        JsonBody(body): JsonBody<MemberBody>,
    ) -> Result<Reply<MemberView>, ApiError> {
        let (role, limit) = (of_a_person(body.role)?, checked(body.limit)?);
        match ports.store.change_member(member, id, role, limit).await? {
            MemberOutcome::Changed { member } => Ok(Reply::new(member)),
            MemberOutcome::NotFound => Err(not_found()),
            MemberOutcome::OwnerRequired => Err(owner_required()),
            MemberOutcome::LastOwner => Err(last_owner()),
            MemberOutcome::Forbidden => Err(forbidden()),
        }
    }
}

/// A membership that has ended.
#[derive(Serialize, JsonSchema)]
pub struct Removed {
    id: UserId,
}

pub struct RemoveMember;

impl Endpoint for RemoveMember {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/members/{id}";
    const SUMMARY: &'static str =
        "Ends a membership: one's own, or for who manages members another's. What the member has begun goes on.";
    const ERRORS: &'static [ErrorCode] = &[MEMBER_NOT_FOUND, OWNER_REQUIRED, LAST_OWNER, PERMISSION_MISSING];

    type Ports = MemberPorts;
    // Anybody may leave.
    type Caller = Member;
    type Parameters = PathId<UserId>;
    type Body = NoBody;
    type Answer = Reply<Removed>;

    fn example() -> Example {
        Example { data: Some(json!({ "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10" })), ..Example::default() }
    }

    async fn handle(
        ports: MemberPorts,
        member: Member,
        PathId(id): PathId<UserId>,
        _: NoBody,
    ) -> Result<Reply<Removed>, ApiError> {
        match ports.store.remove_member(member, id).await? {
            RemoveOutcome::Removed => Ok(Reply::new(Removed { id })),
            RemoveOutcome::NotFound => Err(not_found()),
            RemoveOutcome::OwnerRequired => Err(owner_required()),
            RemoveOutcome::LastOwner => Err(last_owner()),
            RemoveOutcome::Forbidden => Err(forbidden()),
        }
    }
}
