//! `GET /credits/balance`, `GET /credits/transactions`, `GET` and `PUT /credits/budget`.

use axum::{Router, http::StatusCode, routing::get};
use serde::{Deserialize, Deserializer};

use super::{Balance, Budget, CapChange, CreditPorts, DAILY_CAP_MAX, DailyCap, InvalidDailyCap, Transaction};
use crate::{
    features::auth::Member,
    http::{ApiError, JsonBody, Ports, Reply},
    shared::pagination::{Page, PageQuery},
};

/// The feature's routes.
pub fn routes() -> Router {
    Router::new()
        .route("/credits/balance", get(balance))
        .route("/credits/transactions", get(transactions))
        .route("/credits/budget", get(budget).put(set_budget))
}

fn forbidden() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "account_forbidden", "You are not a member of this account any more.")
}

async fn balance(Ports(ports): Ports<CreditPorts>, member: Member) -> Result<Reply<Balance>, ApiError> {
    ports.ledger.balance(member).await?.map(Reply::ok).ok_or_else(forbidden)
}

async fn transactions(
    Ports(ports): Ports<CreditPorts>,
    member: Member,
    page: PageQuery<i64>,
) -> Result<Reply<Page<Transaction>>, ApiError> {
    Ok(Reply::ok(ports.ledger.transactions(member, page).await?))
}

async fn budget(Ports(ports): Ports<CreditPorts>, member: Member) -> Result<Reply<Budget>, ApiError> {
    ports.ledger.budget(member).await?.map(Reply::ok).ok_or_else(forbidden)
}

#[derive(Deserialize)]
struct BudgetBody {
    // A function of its own makes serde ask for the field: leaving it out must not take a cap away.
    #[serde(deserialize_with = "present")]
    daily_cap: Option<i64>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::deserialize(deserializer)
}

impl From<InvalidDailyCap> for ApiError {
    fn from(InvalidDailyCap: InvalidDailyCap) -> Self {
        let message =
            format!("daily_cap takes a whole number of credits from 0 to {DAILY_CAP_MAX}, or null for no cap.");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_daily_cap", message)
    }
}

async fn set_budget(
    Ports(ports): Ports<CreditPorts>,
    member: Member,
    JsonBody(body): JsonBody<BudgetBody>,
) -> Result<Reply<Budget>, ApiError> {
    let cap = body.daily_cap.map(DailyCap::try_from).transpose()?;
    match ports.ledger.set_daily_cap(member, cap).await? {
        CapChange::Done(budget) => Ok(Reply::ok(budget)),
        CapChange::OwnerRequired => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "owner_required",
            "Only an owner of the account may change its daily cap.",
        )),
        CapChange::Forbidden => Err(forbidden()),
    }
}
