//! `GET /auth/verify`.

use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{AuthPorts, ClosedAccount, Holds, Membership, Read};
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
    /// The account that this request would act for; null when that is closed.
    account_id: Option<AccountId>,
    /// All open accounts of the user; `X-Account-Id` chooses one.
    accounts: Vec<Membership>,
    /// Closed ones that the user owns: `POST /account/restore` opens one again.
    closed_accounts: Vec<ClosedAccount>,
}

pub struct Verify;

impl Endpoint for Verify {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/auth/verify";
    const SUMMARY: &'static str = "Who the token belongs to, and which accounts they may act for.";

    type Ports = AuthPorts;
    type Caller = Holds<Read>;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Verified>;

    fn example() -> Example {
        let account = json!({ "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_name": "Fuel", "role": "viewer", "permissions": ["read"] });
        let data = json!({ "user_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "accounts": [account], "closed_accounts": [] });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: AuthPorts,
        Holds { member, .. }: Holds<Read>,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Verified>, ApiError> {
        let user = member.user();
        let closed_accounts = ports.memberships.closed_accounts_of(user).await?;
        let is_closed = |account| closed_accounts.iter().any(|closed| closed.account_id == account);
        // The remembered list may be older than the end of one of them.
        let mut accounts = ports.memberships.accounts_of(user).await?;
        accounts.retain(|account| !is_closed(account.account_id));
        let account_id = Some(member.account()).filter(|account| !is_closed(*account));
        Ok(Reply::new(Verified { user_id: user, account_id, accounts, closed_accounts }))
    }
}
