//! `GET /credits/balance`, `GET /credits/transactions`, `GET` and `PUT /credits/budget`.

use axum::{Router, http::StatusCode, routing::get};
use serde::{Deserialize, Deserializer};

use super::{Balance, Budget, CapChange, DAILY_CAP_MAX, DailyCap, InvalidDailyCap, Transaction};
use crate::{
    features::auth::Member,
    http::{ApiError, App, JsonBody, Page, PageQuery, Reply},
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

async fn balance(app: App, member: Member) -> Result<Reply<Balance>, ApiError> {
    app.credits.balance(member).await?.map(Reply::ok).ok_or_else(forbidden)
}

async fn transactions(app: App, member: Member, page: PageQuery<i64>) -> Result<Reply<Page<Transaction>>, ApiError> {
    Ok(Reply::ok(app.credits.transactions(member, page).await?))
}

async fn budget(app: App, member: Member) -> Result<Reply<Budget>, ApiError> {
    app.credits.budget(member).await?.map(Reply::ok).ok_or_else(forbidden)
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

async fn set_budget(app: App, member: Member, JsonBody(body): JsonBody<BudgetBody>) -> Result<Reply<Budget>, ApiError> {
    let cap = body.daily_cap.map(DailyCap::try_from).transpose()?;
    match app.credits.set_daily_cap(member, cap).await? {
        CapChange::Done(budget) => Ok(Reply::ok(budget)),
        CapChange::OwnerRequired => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "owner_required",
            "Only an owner of the account may change its daily cap.",
        )),
        CapChange::Forbidden => Err(forbidden()),
    }
}
