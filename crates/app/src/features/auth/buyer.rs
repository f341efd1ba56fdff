//! Who wants to buy something. Blocked accounts buy nothing: the database decides that, and what it has decided is remembered for a
//! while, so that a flood from a blocked account is refused before the database.

use std::{marker::PhantomData, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{AuthPorts, BlockedAccounts, May, Member, Needed, identity::bearer};
use crate::{
    http::{ACCOUNT_BLOCKED, ApiError, Caller, CallerKind, Client, ErrorCode, Ports, count_request},
    shared::{ids::AccountId, store::StoreError},
};

/// A member who needs a permission to buy something, for an account that is not known to be blocked.
pub struct Buys<P> {
    pub member: Member,
    blocked: Arc<dyn BlockedAccounts>,
    permission: PhantomData<P>,
}

impl<P> Buys<P> {
    /// What was answered. If the database has refused because the account is blocked, the next request need not ask it.
    ///
    /// # Errors
    /// The refusal that was answered.
    pub async fn heed<T>(&self, answered: Result<T, impl Into<ApiError>>) -> Result<T, ApiError> {
        let answered: Result<T, ApiError> = answered.map_err(Into::into);
        if answered.as_ref().is_err_and(|refused| refused.code() == ACCOUNT_BLOCKED) {
            self.blocked.remember(self.member.account()).await;
        }
        answered
    }
}

impl<S: Send + Sync, P: Needed> FromRequestParts<S> for Buys<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ports(ports) = Ports::<AuthPorts>::from_request_parts(parts, state).await?;
        let AuthPorts { blocked, familiar, .. } = ports;
        let known = match bearer(&parts.headers) {
            Ok(credential) => familiar.recall(parts, credential),
            Err(_) => None,
        };
        // A key that was good lately names its account, so not even the key is looked up for who is blocked.
        if let Some(Client::Account(account)) = known {
            count_request(parts, &Client::Account(account)).await?;
            refuse_blocked(blocked.as_ref(), account).await?;
        }
        let member = Member::from_request_parts(parts, state).await?;
        refuse_blocked(blocked.as_ref(), member.account()).await?;
        Ok(Self { member, blocked, permission: PhantomData })
    }
}

async fn refuse_blocked(blocked: &dyn BlockedAccounts, account: AccountId) -> Result<(), ApiError> {
    if !blocked.is_blocked(account).await {
        return Ok(());
    }
    // The only trace of it beside the request's own line: no statement of the database's.
    tracing::info!(account_id = %account, "a blocked account was refused from memory");
    Err(StoreError::AccountBlocked.into())
}

impl<P: Needed> Caller for Buys<P> {
    const KIND: CallerKind = May::<P>::KIND;

    fn errors() -> Vec<ErrorCode> {
        [May::<P>::errors(), vec![ACCOUNT_BLOCKED]].concat()
    }
}
