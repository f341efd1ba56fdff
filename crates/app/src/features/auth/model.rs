//! Tokens, claims and members.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Permission, Role};
use crate::shared::ids::{AccountId, UserId};

/// A verified user acting for one of their accounts. Only the extractor and tests make one; a handler that needs it
/// says so in its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    user: UserId,
    account: AccountId,
}

impl Member {
    /// For a user whose membership was just read from the database.
    #[must_use]
    pub const fn new(user: UserId, account: AccountId) -> Self {
        Self { user, account }
    }

    #[must_use]
    pub const fn user(self) -> UserId {
        self.user
    }

    #[must_use]
    pub const fn account(self) -> AccountId {
        self.account
    }
}

/// One account of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Membership {
    /// The account.
    pub account_id: AccountId,
    /// Its name, for people.
    pub account_name: String,
    /// What the user is in it.
    pub role: Role,
    /// What the user may do in it.
    pub permissions: Vec<Permission>,
}

/// A closed account, as its owners see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClosedAccount {
    /// The account; `X-Account-Id` chooses it where a closed account can be chosen.
    pub account_id: AccountId,
    /// Its name, for people.
    pub account_name: String,
    pub closed_at: Timestamp,
    /// Until then an owner can open it again; afterwards it is erased.
    pub erased_after: Timestamp,
}

/// Who has spent credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Spender {
    /// A user's, or an API key's.
    pub id: UserId,
    pub kind: SpenderKind,
    /// A person's address, while they belong to the account; a key's name, for those who manage keys and for the key itself.
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpenderKind {
    Person,
    /// A program.
    Key,
}

/// What a member or a key may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpendingLimit {
    /// 0 to 1,000,000.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub credits: i64,
    /// In how long; periods are those of the calendar (UTC), and weeks begin on Monday.
    pub period: LimitPeriod,
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitPeriod {
    Day,
    Week,
    Month,
}

impl LimitPeriod {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// Why a caller was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("no bearer token")]
    Missing,
    #[error("not a token")]
    Malformed,
    #[error("token too long")]
    TooLong,
    /// Wrong signature, key, algorithm, issuer, audience or subject.
    #[error("token not acceptable")]
    Invalid,
    /// Past its `exp`.
    #[error("token expired")]
    Expired,
    /// An anon or service-role key, which are tokens too.
    #[error("token has no user role")]
    RoleRefused,
    /// A signed-in but anonymous user.
    #[error("anonymous user")]
    AnonymousRefused,
    /// The signing keys could not be fetched and none are remembered.
    #[error("signing keys unavailable: {0}")]
    KeysUnavailable(String),
}

/// The claims of a Supabase access token that we read.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    /// Issuer, `{SUPABASE_URL}/auth/v1`.
    pub iss: Option<String>,
    /// Audience: text or a list.
    pub aud: Option<Audience>,
    /// Expiry, seconds since the epoch. RFC 7519 allows fractions; Supabase writes none, and the verifier takes none.
    pub exp: Option<f64>,
    /// Not valid before, seconds since the epoch.
    pub nbf: Option<f64>,
    /// The user's id.
    pub sub: Option<String>,
    /// `authenticated`, `anon` or `service_role`.
    pub role: Option<String>,
    /// Anonymous users carry the role `authenticated` too.
    #[serde(default)]
    pub is_anonymous: bool,
}

/// `aud` comes as one text or as a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether `wanted` is among them.
    #[must_use]
    pub fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

/// A public signing key as the issuer publishes it (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Jwk {
    /// Key type: `EC` or `RSA`.
    pub kty: String,
    /// Key id.
    pub kid: Option<String>,
    /// Algorithm, when the issuer says so.
    pub alg: Option<String>,
    /// Curve of an EC key.
    pub crv: Option<String>,
    /// EC point, x.
    pub x: Option<String>,
    /// EC point, y.
    pub y: Option<String>,
    /// RSA modulus.
    pub n: Option<String>,
    /// RSA exponent.
    pub e: Option<String>,
}

/// The issuer's key set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct JwkSet {
    pub keys: Vec<Jwk>,
}
