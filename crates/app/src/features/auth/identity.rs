//! Who is calling. A handler that takes [`Member`] or [`CallingUser`] needs a token; one that takes neither is public.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};

use super::{AuthError, AuthPorts, Member, Membership};
use crate::{
    http::{ApiError, Ports},
    shared::ids::{AccountId, UserId},
};

/// The user a token was verified for, without a choice of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingUser(pub UserId);

/// Tokens of Supabase have 600 to 2,000 characters.
const TOKEN_CHARS_MAX: usize = 8 * 1024;

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let unauthorized = |code, message| Self::new(StatusCode::UNAUTHORIZED, code, message);
        let forbidden = |code, message| Self::new(StatusCode::FORBIDDEN, code, message);
        match error {
            AuthError::Missing => {
                unauthorized("token_missing", "Send the header Authorization: Bearer <access token>.")
            }
            AuthError::Malformed => unauthorized("token_malformed", "The access token is not a JSON Web Token."),
            AuthError::Invalid => {
                unauthorized("token_invalid", "The access token was not issued for this service. Sign in again.")
            }
            AuthError::Expired => unauthorized("token_expired", "The access token has expired. Refresh it."),
            AuthError::RoleRefused => forbidden(
                "token_role_refused",
                "This key is not a user's access token. Sign in and send the user's token.",
            ),
            AuthError::AnonymousRefused => {
                forbidden("anonymous_user_refused", "Anonymous users cannot use this service. Sign up first.")
            }
            AuthError::KeysUnavailable(cause) => {
                tracing::error!(cause, "signing keys unavailable");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "auth_unavailable",
                    "The token cannot be checked just now. Try again in a few seconds.",
                )
                .with_retry_after(5)
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let value =
        headers.get(header::AUTHORIZATION).ok_or(AuthError::Missing)?.to_str().map_err(|_| AuthError::Malformed)?;
    let (scheme, token) = value.split_once(' ').ok_or(AuthError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::Missing);
    }
    if token.len() > TOKEN_CHARS_MAX {
        return Err(AuthError::Malformed);
    }
    Ok(token.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for CallingUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ports(ports) = Ports::<AuthPorts>::from_request_parts(parts, state).await?;
        let token = bearer(&parts.headers)?.to_owned();
        Ok(Self(ports.authenticator.authenticate(&token).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Member {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let CallingUser(user) = CallingUser::from_request_parts(parts, state).await?;
        let Ports(ports) = Ports::<AuthPorts>::from_request_parts(parts, state).await?;
        let wanted = chosen_account(&parts.headers)?;
        let pick = |accounts: Vec<Membership>| match wanted {
            Some(wanted) => accounts.into_iter().find(|m| m.account_id == wanted),
            None => accounts.into_iter().next(),
        };
        let account = match pick(ports.memberships.accounts_of(user).await?) {
            // The user may have joined it a moment ago.
            None if wanted.is_some() => pick(ports.memberships.accounts_now(user).await?),
            known => known,
        };
        account.map(|m| Self::new(user, m.account_id)).ok_or_else(|| {
            ApiError::new(
                StatusCode::FORBIDDEN,
                "account_forbidden",
                "You are not a member of this account. GET /auth/verify lists yours.",
            )
        })
    }
}

fn chosen_account(headers: &HeaderMap) -> Result<Option<AccountId>, ApiError> {
    let Some(value) = headers.get("x-account-id") else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_account_id",
            "X-Account-Id takes the UUID of one of your accounts.",
        )
    })
}
