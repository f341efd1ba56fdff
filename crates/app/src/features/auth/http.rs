//! `GET /auth/verify`.

use axum::{Router, routing::get};
use serde::Serialize;

use super::{AuthPorts, Member, Membership};
use crate::{
    http::{ApiError, Ports, Reply},
    shared::ids::{AccountId, UserId},
};

/// The feature's routes.
pub fn routes() -> Router {
    Router::new().route("/auth/verify", get(verify))
}

#[derive(Serialize)]
struct Verified {
    user_id: UserId,
    account_id: AccountId,
    accounts: Vec<Membership>,
}

async fn verify(Ports(ports): Ports<AuthPorts>, member: Member) -> Result<Reply<Verified>, ApiError> {
    Ok(Reply::ok(Verified {
        user_id: member.user(),
        account_id: member.account(),
        accounts: ports.memberships.accounts_of(member.user()).await?,
    }))
}
