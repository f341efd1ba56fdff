//! `GET` and `DELETE /account`, `POST /account/restore`; `GET /account/export` is in a file of its own.

mod export;

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AccountOutcome, AccountPorts, AccountView, CloseOutcome, RestoreOutcome};
use crate::{
    features::{
        analysis::tell_cancelled,
        auth::{CloseAccount, Holds, Read, forbidden},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, Registry, Reply},
    shared::{
        ids::AccountId,
        telemetry::{Ending, RunEnd, tell_ended},
    },
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<GetAccount>();
    registry.add::<CloseIt>();
    registry.add::<RestoreIt>();
    registry.add::<export::ExportAccount>();
}

const ACCOUNT_NAME_MISMATCH: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "account_name_mismatch",
    "`account_id` and `name` are not the account's, letter for letter; `GET /account` tells them",
);

const SUBSCRIPTION_ACTIVE: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "subscription_active",
    "a subscription would go on taking money: cancel it in `POST /billing/portal`, then close the account",
);

const RESTORE_TOO_LATE: ErrorCode = ErrorCode::new(
    StatusCode::GONE,
    "restore_too_late",
    "the account was closed more than 30 days ago: the next clean-up erases it",
);

fn example(is_open: bool) -> Value {
    let (closed_at, erased_after) = if is_open {
        (Value::Null, Value::Null)
    } else {
        (json!("2026-11-27T09:30:00Z"), json!("2026-12-27T09:30:00Z"))
    };
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "name": "Fuel", "role": "owner",
        "state": if is_open { "open" } else { "closed" }, "created_at": "2026-11-25T09:30:00Z", "blocked_at": null,
        "closed_at": closed_at, "erased_after": erased_after,
    })
}

pub struct GetAccount;

impl Endpoint for GetAccount {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/account";
    const SUMMARY: &'static str = "The account, what the caller is in it, and when it is erased if it is closed.";

    type Ports = AccountPorts;
    type Caller = Holds<Read>;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<AccountView>;

    fn example() -> Example {
        Example { data: Some(example(true)), ..Example::default() }
    }

    async fn handle(
        ports: AccountPorts,
        Holds { member, .. }: Holds<Read>,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<AccountView>, ApiError> {
        match ports.store.account(member).await? {
            AccountOutcome::Found { account } => Ok(Reply::new(account)),
            AccountOutcome::Forbidden => Err(forbidden()),
        }
    }
}

/// That the caller means this account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseBody {
    /// The account: whoever has several could close another one by a request without `X-Account-Id`.
    account_id: AccountId,
    /// Its name, letter for letter.
    name: String,
}

pub struct CloseIt;

impl Endpoint for CloseIt {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/account";
    const SUMMARY: &'static str =
        "Closes the account: nobody acts for it or sees it from now on. An owner can open it again for 30 days.";
    const ERRORS: &'static [ErrorCode] = &[ACCOUNT_NAME_MISMATCH, SUBSCRIPTION_ACTIVE];

    type Ports = AccountPorts;
    type Caller = Holds<CloseAccount>;
    type Parameters = NoParameters;
    type Body = JsonBody<CloseBody>;
    type Answer = Reply<AccountView>;

    fn example() -> Example {
        let body = json!({ "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "name": "Fuel" });
        Example { body: Some(body), data: Some(example(false)) }
    }

    async fn handle(
        ports: AccountPorts,
        Holds { member, .. }: Holds<CloseAccount>,
        _: NoParameters,
        JsonBody(body): JsonBody<CloseBody>,
    ) -> Result<Reply<AccountView>, ApiError> {
        let mismatch = || {
            ApiError::new(
                ACCOUNT_NAME_MISMATCH,
                "These are not the account's id and name. GET /account tells them; X-Account-Id chooses among several accounts.",
            )
        };
        // The database takes no text with a NUL.
        if body.account_id != member.account() || body.name.contains(char::is_control) {
            return Err(mismatch());
        }
        match ports.store.close(member, &body.name).await? {
            CloseOutcome::Closed { account, cancelled } => {
                let known = Ending { account_id: Some(member.account()), ..Ending::default() };
                tell_ended(ports.telemetry.as_ref(), &cancelled, RunEnd::Cancelled, known, ports.clock.now());
                tell_cancelled(ports.progress.as_ref(), ports.profiles.as_ref(), &cancelled).await;
                Ok(Reply::new(account))
            }
            CloseOutcome::NameMismatch => Err(mismatch()),
            CloseOutcome::SubscriptionActive => Err(ApiError::new(
                SUBSCRIPTION_ACTIVE,
                "The account's subscription would go on taking money. Cancel it with POST /billing/portal, then close the account.",
            )),
            CloseOutcome::Forbidden => Err(forbidden()),
        }
    }
}

pub struct RestoreIt;

impl Endpoint for RestoreIt {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/account/restore";
    const SUMMARY: &'static str = "Opens a closed account again, within 30 days.";
    const ERRORS: &'static [ErrorCode] = &[RESTORE_TOO_LATE];

    type Ports = AccountPorts;
    type Caller = Holds<CloseAccount>;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<AccountView>;

    fn example() -> Example {
        Example { data: Some(example(true)), ..Example::default() }
    }

    async fn handle(
        ports: AccountPorts,
        Holds { member, .. }: Holds<CloseAccount>,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<AccountView>, ApiError> {
        match ports.store.restore(member).await? {
            RestoreOutcome::Open { account } => Ok(Reply::new(account)),
            RestoreOutcome::TooLate => Err(ApiError::new(
                RESTORE_TOO_LATE,
                "This account was closed more than 30 days ago and cannot be opened again.",
            )),
            RestoreOutcome::Forbidden => Err(forbidden()),
        }
    }
}
