//! `GET /credits/balance`, `GET /credits/transactions`.

use axum::{Router, http::StatusCode, routing::get};

use super::{Balance, Transaction};
use crate::{
    features::auth::Member,
    http::{ApiError, App, Page, PageQuery, Reply},
};

/// The feature's routes.
pub fn routes() -> Router {
    Router::new().route("/credits/balance", get(balance)).route("/credits/transactions", get(transactions))
}

async fn balance(app: App, member: Member) -> Result<Reply<Balance>, ApiError> {
    let balance = app.credits.balance(member).await?;
    balance.map(Reply::ok).ok_or_else(|| {
        ApiError::new(StatusCode::FORBIDDEN, "account_forbidden", "You are not a member of this account any more.")
    })
}

async fn transactions(app: App, member: Member, page: PageQuery<i64>) -> Result<Reply<Page<Transaction>>, ApiError> {
    Ok(Reply::ok(app.credits.transactions(member, page).await?))
}
