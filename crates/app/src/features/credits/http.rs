//! `GET /credits/balance`, `GET /credits/grants`, `GET /credits/transactions`, `GET` and `PUT /credits/budget`.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

use super::{Balance, Budget, CapOutcome, CreditPorts, DAILY_CAP_MAX, DailyCap, Grant, InvalidDailyCap, Transaction};
use crate::{
    features::auth::{ManageBilling, May, Member, forbidden},
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, Registry, Reply, whole_number},
    shared::pagination::{Page, PageQuery},
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<GetBalance>();
    registry.add::<ListGrants>();
    registry.add::<ListTransactions>();
    registry.add::<GetBudget>();
    registry.add::<SetBudget>();
}

const INVALID_DAILY_CAP: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_daily_cap",
    "a whole number from 0 to 1,000,000, or `null`; leaving it out is `invalid_request`",
);

pub struct GetBalance;

impl Endpoint for GetBalance {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/credits/balance";
    const SUMMARY: &'static str = "What the account can spend now.";

    type Ports = CreditPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Balance>;

    fn example() -> Example {
        let data = json!({ "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "balance": 95, "held": 5, "owed": 0 });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: CreditPorts,
        member: Member,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Balance>, ApiError> {
        ports.ledger.balance(member).await?.map(Reply::new).ok_or_else(forbidden)
    }
}

pub struct ListGrants;

impl Endpoint for ListGrants {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/credits/grants";
    const SUMMARY: &'static str = "What the balance is made of, and what has ended, newest first.";

    type Ports = CreditPorts;
    type Caller = Member;
    type Parameters = PageQuery<i64>;
    type Body = NoBody;
    type Answer = Reply<Page<Grant>>;

    fn example() -> Example {
        let data = json!({
            "items": [{
                "id": 3, "source": "plan", "amount": 100, "remaining": 95, "state": "live", "priority": 3,
                "expires_at": "2026-12-28T09:30:00Z", "created_at": "2026-11-25T09:30:00Z",
            }],
            "next_cursor": null,
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: CreditPorts,
        member: Member,
        page: PageQuery<i64>,
        _: NoBody,
    ) -> Result<Reply<Page<Grant>>, ApiError> {
        Ok(Reply::new(ports.ledger.grants(member, page).await?))
    }
}

pub struct ListTransactions;

impl Endpoint for ListTransactions {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/credits/transactions";
    const SUMMARY: &'static str = "Every movement of the account's credits, newest first.";

    type Ports = CreditPorts;
    type Caller = Member;
    type Parameters = PageQuery<i64>;
    type Body = NoBody;
    type Answer = Reply<Page<Transaction>>;

    fn example() -> Example {
        let data = json!({
            "items": [{
                "id": 7, "kind": "charge", "amount": -5, "balance_after": 95, "run_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
                "state": "held",
                "spent_by": { "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "kind": "person", "name": "ann@fuel.example" }, "description": "DEEP analysis", "created_at": "2026-11-25T09:30:00Z",
            }],
            "next_cursor": null,
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: CreditPorts,
        member: Member,
        page: PageQuery<i64>,
        _: NoBody,
    ) -> Result<Reply<Page<Transaction>>, ApiError> {
        Ok(Reply::new(ports.ledger.transactions(member, page).await?))
    }
}

pub struct GetBudget;

impl Endpoint for GetBudget {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/credits/budget";
    const SUMMARY: &'static str = "The account's daily cap (UTC) and what is used of it.";

    type Ports = CreditPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Budget>;

    fn example() -> Example {
        Example { data: Some(budget_example()), ..Example::default() }
    }

    async fn handle(ports: CreditPorts, member: Member, _: NoParameters, _: NoBody) -> Result<Reply<Budget>, ApiError> {
        ports.ledger.budget(member).await?.map(Reply::new).ok_or_else(forbidden)
    }
}

/// A new daily cap.
#[derive(Deserialize, JsonSchema)]
pub struct BudgetBody {
    /// Credits that the account's runs may cost in a UTC day; null for no cap.
    // With `deserialize_with` serde demands the field, though it is an `Option`: leaving it out must not remove the
    // cap.
    #[serde(deserialize_with = "cap")]
    #[schemars(required, range(min = 0, max = 1_000_000))]
    daily_cap: Option<i64>,
}

fn cap<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    let credits = whole_number(&value).and_then(|credits| i64::try_from(credits).ok());
    credits.map(Some).ok_or_else(|| D::Error::custom("daily_cap is neither a whole number nor null"))
}

impl From<InvalidDailyCap> for ApiError {
    fn from(InvalidDailyCap: InvalidDailyCap) -> Self {
        let message =
            format!("daily_cap takes a whole number of credits from 0 to {DAILY_CAP_MAX}, or null for no cap.");
        Self::new(INVALID_DAILY_CAP, message)
    }
}

fn budget_example() -> serde_json::Value {
    json!({ "daily_cap": 50, "used_today": 12, "resets_at": "2026-11-26T00:00:00Z" })
}

pub struct SetBudget;

impl Endpoint for SetBudget {
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/credits/budget";
    const SUMMARY: &'static str = "Sets the account's daily cap, or removes it.";
    const ERRORS: &'static [ErrorCode] = &[INVALID_DAILY_CAP];

    type Ports = CreditPorts;
    type Caller = May<ManageBilling>;
    type Parameters = NoParameters;
    type Body = JsonBody<BudgetBody>;
    type Answer = Reply<Budget>;

    fn example() -> Example {
        Example { body: Some(json!({ "daily_cap": 50 })), data: Some(budget_example()) }
    }

    async fn handle(
        ports: CreditPorts,
        May { member, .. }: May<ManageBilling>,
        _: NoParameters,
        JsonBody(body): JsonBody<BudgetBody>,
    ) -> Result<Reply<Budget>, ApiError> {
        let cap = body.daily_cap.map(DailyCap::try_from).transpose()?;
        match ports.ledger.set_daily_cap(member, cap).await? {
            CapOutcome::Set(budget) => Ok(Reply::new(budget)),
            CapOutcome::Forbidden => Err(forbidden()),
        }
    }
}
