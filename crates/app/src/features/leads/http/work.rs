//! `PATCH /leads/{id}/work`, `GET /leads/{id}/activity`.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{LEAD_NOT_FOUND, not_found, outcomes::TOO_MANY_OUTCOMES};
use crate::{
    features::{
        auth::{EditLeads, May, Member},
        leads::{LeadAction, LeadPorts, LeadStatus, Tags, Work, WorkChanges, WorkOutcome},
    },
    http::{ApiError, Both, Endpoint, ErrorCode, Example, JsonBody, NoBody, PathId, Reply},
    shared::{
        ids::{LeadId, UserId},
        pagination::{Page, PageQuery},
    },
};

const INVALID_LEAD_WORK: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_lead_work",
    "`tags` are up to 10, each of 1 to 30 visible characters without a comma",
);

const OWNER_NOT_MEMBER: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "owner_not_member",
    "`owner_id` is a person who belongs to the account; `GET /members` lists them",
);

pub(super) const TOO_MANY_LEAD_CHANGES: ErrorCode = ErrorCode::new(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_lead_changes",
    "`details.limit` is the most that an account changes in a day (UTC); `details.retry_after_s`",
);

pub(super) fn too_many_changes(daily_max: u32, retry_after_s: u32) -> ApiError {
    let message = format!(
        "The account has made {daily_max} changes today, and that is the most. Try again after the time in Retry-After."
    );
    ApiError::new(TOO_MANY_LEAD_CHANGES, message)
        .with_details(json!({ "limit": daily_max, "retry_after_s": retry_after_s }))
        .with_retry_after(retry_after_s)
}

/// What is to change; what is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkBody {
    /// `won` and `lost` mark the lead's outcome too; the others take it back.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LeadStatus")]
    status: Option<LeadStatus>,
    /// A person of the account; null for nobody.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UserId>")]
    owner_id: Option<Option<UserId>>,
    /// All tags that the lead is to have. They are written in small letters.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(max = 10))]
    tags: Option<Vec<String>>,
}

/// A field that was sent: null is a value of its own, and no sign that the field was left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl WorkBody {
    fn parse(self) -> Result<WorkChanges, ApiError> {
        let invalid = || {
            let message = "tags takes up to 10 tags of 1 to 30 visible characters, without commas.";
            ApiError::new(INVALID_LEAD_WORK, message).with_details(json!({ "field": "tags" }))
        };
        let tags = match self.tags {
            Some(tags) => Some(Tags::parse(tags.iter().map(String::as_str)).ok_or_else(invalid)?),
            None => None,
        };
        Ok(WorkChanges { status: self.status, owner_id: self.owner_id, tags })
    }
}

pub struct SetWork;

impl Endpoint for SetWork {
    const METHOD: Method = Method::PATCH;
    const PATH: &'static str = "/leads/{id}/work";
    const SUMMARY: &'static str =
        "Sets a lead's status, owner and tags, as far as they are sent; a repeat changes nothing.";
    const ERRORS: &'static [ErrorCode] =
        &[LEAD_NOT_FOUND, INVALID_LEAD_WORK, OWNER_NOT_MEMBER, TOO_MANY_LEAD_CHANGES, TOO_MANY_OUTCOMES];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = PathId<LeadId>;
    type Body = JsonBody<WorkBody>;
    type Answer = Reply<Work>;

    fn example() -> Example {
        let id = "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10";
        Example {
            body: Some(json!({ "status": "contacted", "owner_id": id, "tags": ["berlin", "vip"] })),
            data: Some(json!({ "lead_id": id, "status": "contacted", "owner_id": id, "tags": ["berlin", "vip"] })),
        }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        PathId(id): PathId<LeadId>,
        JsonBody(body): JsonBody<WorkBody>,
    ) -> Result<Reply<Work>, ApiError> {
        match ports.work.set_work(member, id, &body.parse()?).await? {
            WorkOutcome::Done { work } => Ok(Reply::new(work)),
            WorkOutcome::NotFound => Err(not_found()),
            WorkOutcome::OwnerNotMember => Err(ApiError::new(
                OWNER_NOT_MEMBER,
                "The owner is no person of this account. GET /members lists who is.",
            )),
            WorkOutcome::Limit { daily_max, retry_after_s } => Err(too_many_changes(daily_max, retry_after_s)),
            WorkOutcome::OutcomeLimit { daily_max, retry_after_s } => {
                Err(super::outcomes::too_many(daily_max, retry_after_s))
            }
        }
    }
}

pub struct ListLeadActivity;

impl Endpoint for ListLeadActivity {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/{id}/activity";
    const SUMMARY: &'static str = "Who changed a lead's status, owner, tags, outcome and notes, newest first.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND];

    type Ports = LeadPorts;
    type Caller = Member;
    type Parameters = Both<PathId<LeadId>, PageQuery<i64>>;
    type Body = NoBody;
    type Answer = Reply<Page<LeadAction>>;

    fn example() -> Example {
        let data = json!({
            "items": [{
                "id": 7, "actor_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "action": "status_changed",
                "details": { "from": "new", "to": "contacted" }, "at": "2026-11-25T09:30:00Z",
            }],
            "next_cursor": null,
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        member: Member,
        Both(PathId(id), page): Both<PathId<LeadId>, PageQuery<i64>>,
        _: NoBody,
    ) -> Result<Reply<Page<LeadAction>>, ApiError> {
        Ok(Reply::new(ports.work.actions(member, id, page).await?.ok_or_else(not_found)?))
    }
}
