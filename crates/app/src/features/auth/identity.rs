//! Who is calling. A handler that takes [`Member`] or [`CallingUser`] needs a token; one that takes neither is public.

use std::marker::PhantomData;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{
    AuthError, AuthPorts, KeyAccess, KeySecret, Member, Membership, Needed,
    codes::{
        ACCOUNT_FORBIDDEN, ANONYMOUS_USER_REFUSED, AUTH_UNAVAILABLE, INVALID_ACCOUNT_ID, KEY_INVALID,
        KEYS_RETRY_AFTER_S, PERSON_REQUIRED, TOKEN_EXPIRED, TOKEN_INVALID, TOKEN_MALFORMED, TOKEN_MISSING,
        TOKEN_ROLE_REFUSED, forbidden,
    },
};
use crate::{
    http::{ApiError, Caller, CallerKind, Client, ErrorCode, PERMISSION_MISSING, Ports, RATE_LIMITED, count_request},
    shared::ids::{AccountId, UserId},
};

/// The user a token was verified for, or the API key, without a choice of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingUser(pub UserId);

/// Tokens of Supabase have 600 to 2,000 characters.
pub const TOKEN_CHARS_MAX: usize = 8 * 1024;

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => {
                Self::new(TOKEN_MISSING, "Send the header Authorization: Bearer with an access token or an API key.")
            }
            AuthError::Malformed => Self::new(TOKEN_MALFORMED, "The access token is not a JSON Web Token."),
            // What a user or an app stores in `user_metadata` and `app_metadata` is part of every token.
            AuthError::TooLong => Self::new(
                TOKEN_MALFORMED,
                "The access token is longer than 8,192 characters, which is the most. Keep less in the user's metadata and sign in again.",
            ),
            AuthError::Invalid => {
                Self::new(TOKEN_INVALID, "The access token was not issued for this service. Sign in again.")
            }
            AuthError::Expired => Self::new(TOKEN_EXPIRED, "The access token has expired. Refresh it."),
            AuthError::RoleRefused => Self::new(
                TOKEN_ROLE_REFUSED,
                "This key is not a user's access token. Sign in and send the user's token.",
            ),
            AuthError::AnonymousRefused => {
                Self::new(ANONYMOUS_USER_REFUSED, "Anonymous users cannot use this service. Sign up first.")
            }
            AuthError::KeysUnavailable(cause) => {
                tracing::error!(cause, "signing keys unavailable");
                Self::new(AUTH_UNAVAILABLE, "The token cannot be checked just now. Try again in a few seconds.")
                    .with_retry_after(KEYS_RETRY_AFTER_S)
            }
        }
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let value =
        headers.get(header::AUTHORIZATION).ok_or(AuthError::Missing)?.to_str().map_err(|_| AuthError::Malformed)?;
    let (scheme, token) = value.split_once(' ').ok_or(AuthError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::Missing);
    }
    if token.len() > TOKEN_CHARS_MAX {
        return Err(AuthError::TooLong);
    }
    Ok(token.trim())
}

/// What the caller proves themselves with. Whoever sends nothing is counted by their address.
pub(super) async fn credential(parts: &mut Parts) -> Result<String, ApiError> {
    let sent = bearer(&parts.headers).map(str::to_owned);
    if sent.is_err() {
        let client = Client::by_address(&parts.headers);
        count_request(parts, &client).await?;
    }
    Ok(sent?)
}

pub(super) fn person_required() -> ApiError {
    ApiError::new(PERSON_REQUIRED, "An API key cannot do this. Sign in and send the user's token.")
}

/// Whose credential a request carries.
enum Principal {
    Person(UserId),
    Key(KeyAccess),
}

impl Principal {
    /// What the database takes for the user.
    const fn id(&self) -> UserId {
        match self {
            Self::Person(user) => *user,
            Self::Key(access) => access.key_id,
        }
    }

    async fn of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ports(ports) = Ports::<AuthPorts>::from_request_parts(parts, state).await?;
        let credential = credential(parts).await?;
        if !KeySecret::is_meant(&credential) {
            let signed_in = ports.familiar.sign_in(parts, ports.authenticator.as_ref(), &credential).await;
            return signed_in.map(Self::Person);
        }
        // Before the database is asked whose key it is.
        let client = ports.familiar.recall(parts, &credential);
        let client = client.unwrap_or_else(|| Client::by_address(&parts.headers));
        count_request(parts, &client).await?;
        let access = key_behind(&ports, &credential).await?;
        ports.familiar.note(parts, &credential, Client::Account(access.membership.account_id));
        Ok(Self::Key(access))
    }
}

async fn key_behind(ports: &AuthPorts, credential: &str) -> Result<KeyAccess, ApiError> {
    let known = match KeySecret::parse(credential) {
        Some(secret) => ports.keys.resolve(&secret.hash()).await?,
        None => None,
    };
    known.ok_or_else(|| {
        ApiError::new(
            KEY_INVALID,
            "There is no such API key, or it is over. GET /api-keys lists those of an account, for who manages them.",
        )
    })
}

impl<S: Send + Sync> FromRequestParts<S> for CallingUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Principal::of(parts, state).await.map(|principal| Self(principal.id()))
    }
}

/// A person who signed in: what no program may do.
pub struct Person(pub UserId);

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Principal::of(parts, state).await? {
            Principal::Person(user) => Ok(Self(user)),
            Principal::Key(_) => Err(person_required()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Member {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let principal = Principal::of(parts, state).await?;
        let Ports(ports) = Ports::<AuthPorts>::from_request_parts(parts, state).await?;
        let wanted = chosen_account(&parts.headers)?;
        let user = match principal {
            Principal::Person(user) => user,
            Principal::Key(KeyAccess { key_id, membership: Membership { account_id, .. } }) => {
                let is_its_account = wanted.is_none_or(|wanted| wanted == account_id);
                return is_its_account.then(|| Self::new(key_id, account_id)).ok_or_else(forbidden);
            }
        };
        let pick = |accounts: Vec<Membership>| match wanted {
            Some(wanted) => accounts.into_iter().find(|m| m.account_id == wanted),
            // The oldest membership: the same account every time.
            None => accounts.into_iter().next(),
        };
        let account = match pick(ports.memberships.accounts_of(user).await?) {
            // The remembered list may be a minute old, and the user may have joined since: ask the database before
            // refusing.
            None if wanted.is_some() => pick(ports.memberships.accounts_now(user).await?),
            known => known,
        };
        account.map(|m| Self::new(user, m.account_id)).ok_or_else(forbidden)
    }
}

fn chosen_account(headers: &HeaderMap) -> Result<Option<AccountId>, ApiError> {
    let Some(value) = headers.get("x-account-id") else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed
        .map(Some)
        .ok_or_else(|| ApiError::new(INVALID_ACCOUNT_ID, "X-Account-Id takes the UUID of one of your accounts."))
}

/// A member who needs a permission. The database decides whether they have it: a role that was remembered here could be out
/// of date.
pub struct May<P> {
    pub member: Member,
    permission: PhantomData<P>,
}

impl<S: Send + Sync, P: Needed> FromRequestParts<S> for May<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let member = Member::from_request_parts(parts, state).await?;
        Ok(Self { member, permission: PhantomData })
    }
}

/// The same where a closed account can be chosen too, by one of its owners; without a choice, only by those who have no other.
/// The database decides what they may do.
pub struct Holds<P> {
    pub member: Member,
    permission: PhantomData<P>,
}

impl<S: Send + Sync, P: Needed> FromRequestParts<S> for Holds<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let refused = match Member::from_request_parts(parts, state).await {
            Ok(member) => return Ok(Self { member, permission: PhantomData }),
            Err(refused) if refused.code() == ACCOUNT_FORBIDDEN => refused,
            Err(refused) => return Err(refused),
        };
        let Principal::Person(user) = Principal::of(parts, state).await? else { return Err(refused) };
        let Ports(ports) = Ports::<AuthPorts>::from_request_parts(parts, state).await?;
        let wanted = chosen_account(&parts.headers)?;
        let closed = ports.memberships.closed_accounts_of(user).await?;
        let chosen = closed.into_iter().find(|closed| wanted.is_none_or(|wanted| wanted == closed.account_id));
        let member = chosen.map(|closed| Member::new(user, closed.account_id)).ok_or(refused)?;
        Ok(Self { member, permission: PhantomData })
    }
}

impl Caller for CallingUser {
    const KIND: CallerKind = CallerKind::SignedIn;

    fn errors() -> Vec<ErrorCode> {
        vec![
            TOKEN_MISSING,
            TOKEN_MALFORMED,
            TOKEN_INVALID,
            TOKEN_EXPIRED,
            TOKEN_ROLE_REFUSED,
            ANONYMOUS_USER_REFUSED,
            AUTH_UNAVAILABLE,
            KEY_INVALID,
            RATE_LIMITED,
        ]
    }
}

impl Caller for Person {
    const KIND: CallerKind = CallerKind::SignedIn;

    fn errors() -> Vec<ErrorCode> {
        [CallingUser::errors(), vec![PERSON_REQUIRED]].concat()
    }
}

impl Caller for Member {
    const KIND: CallerKind = CallerKind::Member;

    fn errors() -> Vec<ErrorCode> {
        [CallingUser::errors(), vec![INVALID_ACCOUNT_ID, ACCOUNT_FORBIDDEN]].concat()
    }
}

impl<P: Needed> Caller for May<P> {
    const KIND: CallerKind = CallerKind::Permitted(P::NAME);

    fn errors() -> Vec<ErrorCode> {
        [Member::errors(), vec![PERMISSION_MISSING]].concat()
    }
}

impl<P: Needed> Caller for Holds<P> {
    const KIND: CallerKind = May::<P>::KIND;

    fn errors() -> Vec<ErrorCode> {
        May::<P>::errors()
    }
}
