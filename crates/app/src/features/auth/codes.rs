//! How a caller can be refused. The three lists are written out because constant slices cannot be concatenated.

use axum::http::StatusCode;

use crate::http::{ApiError, ErrorCode};

pub const TOKEN_MISSING: ErrorCode = ErrorCode::new(
    StatusCode::UNAUTHORIZED,
    "token_missing",
    "send `Authorization: Bearer` with a user's access token or an API key",
);

pub const TOKEN_MALFORMED: ErrorCode = ErrorCode::new(
    StatusCode::UNAUTHORIZED,
    "token_malformed",
    "the access token is not a JSON Web Token, or has more than 8,192 characters",
);

pub const TOKEN_INVALID: ErrorCode =
    ErrorCode::new(StatusCode::UNAUTHORIZED, "token_invalid", "the access token was not issued for this service");

pub const TOKEN_EXPIRED: ErrorCode =
    ErrorCode::new(StatusCode::UNAUTHORIZED, "token_expired", "refresh the access token");

pub const TOKEN_ROLE_REFUSED: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "token_role_refused",
    "an anon or service-role key instead of a user's token",
);

pub const ANONYMOUS_USER_REFUSED: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "anonymous_user_refused",
    "anonymous users cannot use the API; sign up first",
);

pub const AUTH_UNAVAILABLE: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "auth_unavailable",
    "the token cannot be checked just now; try again",
);

/// When a token can be checked again at the earliest; the keys are not asked for before.
pub(super) const KEYS_RETRY_AFTER_S: u32 = 5;

pub const KEY_INVALID: ErrorCode = ErrorCode::new(
    StatusCode::UNAUTHORIZED,
    "key_invalid",
    "there is no such API key, or it has expired, was revoked or rotated, or its account is closed",
);

pub const PERSON_REQUIRED: ErrorCode =
    ErrorCode::new(StatusCode::FORBIDDEN, "person_required", "an API key cannot do this; sign in as a person");

pub const INVALID_REASON: ErrorCode = ErrorCode::new(
    StatusCode::BAD_REQUEST,
    "invalid_reason",
    "`X-Operator-Reason` is missing, or is not 10 to 500 visible ASCII characters",
);

pub const INVALID_ACCOUNT_ID: ErrorCode =
    ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_account_id", "`X-Account-Id` is not a UUID");

pub const ACCOUNT_FORBIDDEN: ErrorCode =
    ErrorCode::new(StatusCode::FORBIDDEN, "account_forbidden", "not a member of the account, or it is closed");

/// The same answer for an unknown account and for another customer's, so that nobody can find out which accounts exist.
pub fn forbidden() -> ApiError {
    ApiError::new(
        ACCOUNT_FORBIDDEN,
        "You are not a member of this account, or it is closed. GET /auth/verify lists yours.",
    )
}
