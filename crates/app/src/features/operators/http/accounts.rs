//! `POST /operator/accounts/{id}/credits`, `…/block` and `…/unblock`.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ACCOUNT_ERASED, ACCOUNT_NOT_FOUND, account_erased, account_example, account_not_found};
use crate::{
    features::{
        auth::Operator,
        operators::{AccountView, AdjustOutcome, CreditAdjustment, OperatorCommandPorts},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, PathId, Reply},
    shared::ids::AccountId,
};

const INVALID_ADJUSTMENT: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_adjustment",
    "`credits` is 1 to 10,000, or as much below zero; `key` is 1 to 100 letters, digits, dots, dashes and underscores",
);

const ADJUSTMENT_KEY_REUSED: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "adjustment_key_reused",
    "the account was adjusted by another number of credits with this key",
);

const BALANCE_TOO_LOW: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "balance_too_low",
    "the account has fewer credits than are to be taken; `details.balance`",
);

/// Credits to give or to take.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentBody {
    /// How many; below zero, so many are taken.
    #[schemars(range(min = -10_000, max = 10_000))]
    credits: i64,
    /// Your own name for it, such as a ticket's number: a repeat with the same key moves nothing more. Name nobody.
    #[schemars(length(min = 1, max = 100))]
    key: String,
}

/// An account after an adjustment.
#[derive(Serialize, JsonSchema)]
pub struct Adjusted {
    account_id: AccountId,
    /// What was given, or taken.
    credits: i64,
    /// What it has now. Of what was given, debts were paid first.
    balance: i64,
    /// Whether an earlier request has done it.
    is_repeated: bool,
}

pub struct AdjustCredits;

impl Endpoint for AdjustCredits {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/accounts/{id}/credits";
    const SUMMARY: &'static str = "Gives an account credits, or takes some, never more than it has; once for each key.";
    const ERRORS: &'static [ErrorCode] =
        &[ACCOUNT_NOT_FOUND, ACCOUNT_ERASED, INVALID_ADJUSTMENT, ADJUSTMENT_KEY_REUSED, BALANCE_TOO_LOW];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = PathId<AccountId>;
    type Body = JsonBody<AdjustmentBody>;
    type Answer = Reply<Adjusted>;

    fn example() -> Example {
        Example {
            body: Some(json!({ "credits": 20, "key": "ticket-123" })),
            data: Some(json!({
                "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "credits": 20, "balance": 62, "is_repeated": false,
            })),
        }
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        PathId(id): PathId<AccountId>,
        JsonBody(AdjustmentBody { credits, key }): JsonBody<AdjustmentBody>,
    ) -> Result<Reply<Adjusted>, ApiError> {
        let adjustment = CreditAdjustment::parse(credits, &key).ok_or_else(|| {
            ApiError::new(
                INVALID_ADJUSTMENT,
                "credits takes a whole number from -10,000 to 10,000, but not 0; key 1 to 100 letters, digits, dots, dashes and underscores.",
            )
        })?;
        let done = |balance, is_repeated| Ok(Reply::new(Adjusted { account_id: id, credits, balance, is_repeated }));
        match ports.desk.adjust(&operator, id, &adjustment).await? {
            AdjustOutcome::Done { balance } => done(balance, false),
            AdjustOutcome::Repeated { balance } => done(balance, true),
            AdjustOutcome::KeyReused => Err(ApiError::new(
                ADJUSTMENT_KEY_REUSED,
                "This account was adjusted by another number of credits with this key. Use a new key.",
            )),
            AdjustOutcome::BalanceTooLow { balance } => {
                Err(ApiError::new(BALANCE_TOO_LOW, "The account has fewer credits than that. Nothing was taken.")
                    .with_details(json!({ "balance": balance })))
            }
            AdjustOutcome::Erased => Err(account_erased()),
            AdjustOutcome::NotFound => Err(account_not_found()),
        }
    }
}

pub struct BlockAccount;

impl Endpoint for BlockAccount {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/accounts/{id}/block";
    const SUMMARY: &'static str =
        "Keeps an account from buying anything, from now on. What it has stays its own, and what is under way goes on.";
    const ERRORS: &'static [ErrorCode] = &[ACCOUNT_NOT_FOUND];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = PathId<AccountId>;
    type Body = NoBody;
    type Answer = Reply<AccountView>;

    fn example() -> Example {
        Example { data: Some(account_example(Some("2026-11-27T09:30:00Z"))), ..Example::default() }
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        PathId(id): PathId<AccountId>,
        _: NoBody,
    ) -> Result<Reply<AccountView>, ApiError> {
        let account = ports.desk.block(&operator, id).await?.ok_or_else(account_not_found)?;
        ports.blocked.remember(id).await;
        Ok(Reply::new(account))
    }
}

pub struct UnblockAccount;

impl Endpoint for UnblockAccount {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/accounts/{id}/unblock";
    const SUMMARY: &'static str = "Lets an account buy again.";
    const ERRORS: &'static [ErrorCode] = &[ACCOUNT_NOT_FOUND];

    type Ports = OperatorCommandPorts;
    type Caller = Operator;
    type Parameters = PathId<AccountId>;
    type Body = NoBody;
    type Answer = Reply<AccountView>;

    fn example() -> Example {
        Example { data: Some(account_example(None)), ..Example::default() }
    }

    async fn handle(
        ports: OperatorCommandPorts,
        operator: Operator,
        PathId(id): PathId<AccountId>,
        _: NoBody,
    ) -> Result<Reply<AccountView>, ApiError> {
        let account = ports.desk.unblock(&operator, id).await?.ok_or_else(account_not_found)?;
        ports.blocked.forget(id).await;
        Ok(Reply::new(account))
    }
}
