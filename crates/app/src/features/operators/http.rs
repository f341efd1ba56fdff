//! The operators' endpoints: `/operator/…`. What changes something is in files of its own.

mod accounts;
mod events;
mod pauses;
mod runs;

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AccountView, OperatorAction, OperatorActionPorts};
use crate::{
    features::{
        auth::Operator,
        members::{INVALID_EMAIL, address},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, PathId, Registry, Reply},
    shared::{
        ids::AccountId,
        pagination::{Page, PageQuery},
    },
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<ListActions>();
    registry.add::<FindAccount>();
    registry.add::<FindAccountsOf>();
    registry.add::<accounts::AdjustCredits>();
    registry.add::<accounts::BlockAccount>();
    registry.add::<accounts::UnblockAccount>();
    registry.add::<runs::WakeRun>();
    registry.add::<runs::FailRun>();
    registry.add::<runs::RefundRun>();
    registry.add::<events::ReplayEvent>();
    registry.add::<events::DropEvent>();
    registry.add::<pauses::ListPauses>();
    registry.add::<pauses::PauseService>();
    registry.add::<pauses::ResumeService>();
}

const ACCOUNT_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "account_not_found", "no account has this id");

fn account_not_found() -> ApiError {
    ApiError::new(ACCOUNT_NOT_FOUND, "No account has this id. POST /operator/accounts/find looks by an address.")
}

const ACCOUNT_ERASED: ErrorCode = ErrorCode::new(
    StatusCode::GONE,
    "account_erased",
    "the account was erased and cannot be opened again: nobody could use its credits",
);

fn account_erased() -> ApiError {
    ApiError::new(ACCOUNT_ERASED, "The account was erased. Nobody could use what it is given.")
}

pub struct ListActions;

impl Endpoint for ListActions {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/operator/actions";
    const SUMMARY: &'static str = "What operators did, and why, newest first.";

    type Ports = OperatorActionPorts;
    type Caller = Operator;
    type Parameters = PageQuery<i64>;
    type Body = NoBody;
    type Answer = Reply<Page<OperatorAction>>;

    fn example() -> Example {
        let data = json!({
            "items": [{
                "id": 7, "operator_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "action": "find_account",
                "subject_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "reason": "Ticket 123: they miss a refund",
                "outcome": "ok", "details": {}, "at": "2026-11-27T09:30:00Z",
            }],
            "next_cursor": null,
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: OperatorActionPorts,
        operator: Operator,
        page: PageQuery<i64>,
        _: NoBody,
    ) -> Result<Reply<Page<OperatorAction>>, ApiError> {
        Ok(Reply::new(ports.store.actions(&operator, page).await?))
    }
}

fn account_example(blocked_at: Option<&str>) -> Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "name": "Fuel", "state": "open", "plan": "starter",
        "subscription": { "plan": "starter", "status": "active", "period_ends_at": "2026-12-25T09:30:00Z" },
        "created_at": "2026-11-25T09:30:00Z", "blocked_at": blocked_at, "closed_at": null, "erased_at": null, "balance": 42,
        "owed": 0, "daily_credit_cap": null, "people": 3, "active_runs": 1,
    })
}

pub struct FindAccount;

impl Endpoint for FindAccount {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/operator/accounts/{id}";
    const SUMMARY: &'static str = "An account's state and balance, whether it is open or not.";
    const ERRORS: &'static [ErrorCode] = &[ACCOUNT_NOT_FOUND];

    type Ports = OperatorActionPorts;
    type Caller = Operator;
    type Parameters = PathId<AccountId>;
    type Body = NoBody;
    type Answer = Reply<AccountView>;

    fn example() -> Example {
        Example { data: Some(account_example(None)), ..Example::default() }
    }

    async fn handle(
        ports: OperatorActionPorts,
        operator: Operator,
        PathId(id): PathId<AccountId>,
        _: NoBody,
    ) -> Result<Reply<AccountView>, ApiError> {
        let account = ports.store.account(&operator, id).await?;
        account.map(Reply::new).ok_or_else(account_not_found)
    }
}

/// Whose accounts are looked for.
// In the body, because addresses of requests are logged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressBody {
    /// Where the person signs in.
    #[schemars(length(min = 3, max = 254))]
    email: String,
}

/// Accounts that a person belongs to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AccountsForOperators")]
pub struct Accounts {
    /// The longest membership first; at most a hundred.
    items: Vec<AccountView>,
}

pub struct FindAccountsOf;

impl Endpoint for FindAccountsOf {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/accounts/find";
    const SUMMARY: &'static str =
        "The accounts of whoever signs in with an address; none for an address that nobody has.";
    const ERRORS: &'static [ErrorCode] = &[INVALID_EMAIL];

    type Ports = OperatorActionPorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = JsonBody<AddressBody>;
    type Answer = Reply<Accounts>;

    fn example() -> Example {
        Example {
            body: Some(json!({ "email": "ann@fuel.example" })),
            data: Some(json!({ "items": [account_example(None)] })),
        }
    }

    async fn handle(
        ports: OperatorActionPorts,
        operator: Operator,
        _: NoParameters,
        JsonBody(AddressBody { email }): JsonBody<AddressBody>,
    ) -> Result<Reply<Accounts>, ApiError> {
        let items = ports.store.accounts_of(&operator, &address(&email)?).await?;
        Ok(Reply::new(Accounts { items }))
    }
}
