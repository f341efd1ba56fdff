//! `GET` and `POST /lead-filters`, `PUT` and `DELETE /lead-filters/{id}`.

use axum::http::{Method, StatusCode, header};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::work::{TOO_MANY_LEAD_CHANGES, too_many_changes};
use crate::{
    features::{
        auth::{EditLeads, May, Member, forbidden},
        leads::{FilterDeletion, FilterName, FilterOutcome, LeadPorts, NewFilter, SavedFilter, SavedQuery},
    },
    http::{
        ApiError, Both, Endpoint, ErrorCode, Example, ExpectedVersions, JsonBody, NoBody, NoParameters, PathId, Reply,
        etag,
    },
    shared::ids::LeadFilterId,
};

const INVALID_LEAD_FILTER: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_lead_filter",
    "`details.field` is the field: `name` has 1 to 80 characters, `query` holds parameters as `GET /leads` takes them",
);

const LEAD_FILTER_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "lead_filter_not_found", "unknown, or not yours");

const LEAD_FILTER_NAME_TAKEN: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "lead_filter_name_taken",
    "another filter of the account has this name; change that one, or choose another name",
);

const LEAD_FILTER_LIMIT: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "lead_filter_limit",
    "`details.limit` is the most that an account has; delete one",
);

const LEAD_FILTER_CHANGED: ErrorCode = ErrorCode::new(
    StatusCode::PRECONDITION_FAILED,
    "lead_filter_changed",
    "`If-Match` named another version; `details.version` is the present one",
);

fn not_found() -> ApiError {
    ApiError::new(LEAD_FILTER_NOT_FOUND, "There is no such filter in this account. GET /lead-filters lists them.")
}

fn done(outcome: FilterOutcome) -> Result<Reply<SavedFilter>, ApiError> {
    match outcome {
        FilterOutcome::Done { filter } => {
            let tag = etag(filter.version);
            Ok(Reply::new(*filter).header(header::ETAG, tag))
        }
        FilterOutcome::NotFound => Err(not_found()),
        FilterOutcome::NameTaken => Err(ApiError::new(
            LEAD_FILTER_NAME_TAKEN,
            "Another filter of the account has this name. Change that one, or choose another name.",
        )),
        FilterOutcome::OtherVersion { version } => Err(ApiError::new(
            LEAD_FILTER_CHANGED,
            "The filter was changed meanwhile. Read it again and repeat the change for its present version.",
        )
        .with_details(json!({ "version": version }))),
        FilterOutcome::FilterLimit { of_account_max } => Err(ApiError::new(
            LEAD_FILTER_LIMIT,
            format!("The account has {of_account_max} filters, and that is the most. Delete one that is not needed."),
        )
        .with_details(json!({ "limit": of_account_max }))),
        FilterOutcome::Limit { daily_max, retry_after_s } => Err(too_many_changes(daily_max, retry_after_s)),
        FilterOutcome::Forbidden => Err(forbidden()),
    }
}

/// A query of the leads, by a name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterBody {
    /// Unique in the account, whatever its capitals.
    #[schemars(length(min = 1, max = 80))]
    name: String,
    /// Parameters of `GET /leads`.
    query: SavedQuery,
}

impl FilterBody {
    fn parse(self) -> Result<NewFilter, ApiError> {
        let invalid = |field: &str, message: String| {
            ApiError::new(INVALID_LEAD_FILTER, message).with_details(json!({ "field": field }))
        };
        let name = FilterName::parse(&self.name)
            .ok_or_else(|| invalid("name", "name takes one line of visible text of 1 to 80 characters.".to_owned()))?;
        let query = self
            .query
            .checked()
            .map_err(|error| invalid(&format!("query.{}", error.parameter), format!("query.{error}")))?;
        Ok(NewFilter { name, query })
    }
}

fn body_example() -> Value {
    json!({ "name": "Mine and open", "query": { "owner": "me", "status": "contacted,replied", "score_min": 70 } })
}

fn filter_example() -> Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "name": "Mine and open",
        "query": { "owner": "me", "status": "contacted,replied", "score_min": 70, "sort": "newest" },
        "created_by": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "version": 1, "created_at": "2026-11-25T09:30:00Z",
        "updated_at": "2026-11-25T09:30:00Z",
    })
}

/// The account's filters, at most 100.
#[derive(Serialize, JsonSchema)]
pub struct SavedFilters {
    /// By their names.
    items: Vec<SavedFilter>,
}

pub struct ListFilters;

impl Endpoint for ListFilters {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/lead-filters";
    const SUMMARY: &'static str = "The queries of the leads that the account keeps, by name.";

    type Ports = LeadPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<SavedFilters>;

    fn example() -> Example {
        Example { data: Some(json!({ "items": [filter_example()] })), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        member: Member,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<SavedFilters>, ApiError> {
        Ok(Reply::new(SavedFilters { items: ports.filters.filters(member).await? }))
    }
}

pub struct SaveFilter;

impl Endpoint for SaveFilter {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/lead-filters";
    const SUMMARY: &'static str = "Keeps a query of the leads by a name; a repeat is answered like the first time.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] =
        &[INVALID_LEAD_FILTER, LEAD_FILTER_NAME_TAKEN, LEAD_FILTER_LIMIT, TOO_MANY_LEAD_CHANGES];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = NoParameters;
    type Body = JsonBody<FilterBody>;
    type Answer = Reply<SavedFilter>;

    fn example() -> Example {
        Example { body: Some(body_example()), data: Some(filter_example()) }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        _: NoParameters,
        JsonBody(body): JsonBody<FilterBody>,
    ) -> Result<Reply<SavedFilter>, ApiError> {
        done(ports.filters.save_filter(member, &body.parse()?).await?)
    }
}

pub struct ChangeFilter;

impl Endpoint for ChangeFilter {
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/lead-filters/{id}";
    const SUMMARY: &'static str = "Sets a filter's name and query.";
    const ERRORS: &'static [ErrorCode] = &[
        INVALID_LEAD_FILTER,
        LEAD_FILTER_NOT_FOUND,
        LEAD_FILTER_NAME_TAKEN,
        LEAD_FILTER_CHANGED,
        TOO_MANY_LEAD_CHANGES,
    ];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = Both<PathId<LeadFilterId>, ExpectedVersions>;
    type Body = JsonBody<FilterBody>;
    type Answer = Reply<SavedFilter>;

    fn example() -> Example {
        Example { body: Some(body_example()), data: Some(filter_example()) }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        Both(PathId(id), expected): Both<PathId<LeadFilterId>, ExpectedVersions>,
        JsonBody(body): JsonBody<FilterBody>,
    ) -> Result<Reply<SavedFilter>, ApiError> {
        let filter = body.parse()?;
        let change = |version| ports.filters.change_filter(member, id, &filter, version);
        let outcome = expected.apply(change, |outcome| match outcome {
            FilterOutcome::OtherVersion { version } => Some(*version),
            _ => None,
        });
        done(outcome.await?)
    }
}

/// A filter that was deleted.
#[derive(Serialize, JsonSchema)]
pub struct DeletedFilter {
    /// Its id.
    id: LeadFilterId,
    /// When it was deleted; a repeat answers the same time.
    deleted_at: Timestamp,
}

pub struct DeleteFilter;

impl Endpoint for DeleteFilter {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/lead-filters/{id}";
    const SUMMARY: &'static str = "Deletes a filter for good; a repeat is answered like the first time.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_FILTER_NOT_FOUND];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = PathId<LeadFilterId>;
    type Body = NoBody;
    type Answer = Reply<DeletedFilter>;

    fn example() -> Example {
        let data = json!({ "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "deleted_at": "2026-11-25T09:30:00Z" });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        PathId(id): PathId<LeadFilterId>,
        _: NoBody,
    ) -> Result<Reply<DeletedFilter>, ApiError> {
        match ports.filters.delete_filter(member, id).await? {
            FilterDeletion::Deleted { deleted_at } => Ok(Reply::new(DeletedFilter { id, deleted_at })),
            FilterDeletion::NotFound => Err(not_found()),
            FilterDeletion::Forbidden => Err(forbidden()),
        }
    }
}
