//! `GET /auth/verify`.

use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{AuthPorts, Member, Membership};
use crate::{
    http::{ApiError, Endpoint, Example, NoBody, NoParameters, Registry, Reply},
    shared::ids::{AccountId, UserId},
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<Verify>();
}

/// The user of an access token.
#[derive(Serialize, JsonSchema)]
pub struct Verified {
    /// The user.
    user_id: UserId,
    /// The account that this request would act for.
    account_id: AccountId,
    /// All accounts of the user; `X-Account-Id` chooses one.
    accounts: Vec<Membership>,
}

pub struct Verify;

impl Endpoint for Verify {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/auth/verify";
    const SUMMARY: &'static str = "Who the token belongs to, and which accounts they may act for.";

    type Ports = AuthPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Verified>;

    fn example() -> Example {
        let account = json!({ "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_name": "Fuel", "role": "viewer", "permissions": ["read"] });
        let data = json!({ "user_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "accounts": [account] });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(ports: AuthPorts, member: Member, _: NoParameters, _: NoBody) -> Result<Reply<Verified>, ApiError> {
        Ok(Reply::new(Verified {
            user_id: member.user(),
            account_id: member.account(),
            accounts: ports.memberships.accounts_of(member.user()).await?,
        }))
    }
}
