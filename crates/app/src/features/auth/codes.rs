//! How a caller can be refused.

use axum::http::StatusCode;

use crate::http::{ApiError, ErrorCode};

/// No bearer token.
pub const TOKEN_MISSING: ErrorCode = ErrorCode::new(
    StatusCode::UNAUTHORIZED,
    "token_missing",
    "send `Authorization: Bearer` with a user's access token",
);

/// Not a token.
pub const TOKEN_MALFORMED: ErrorCode =
    ErrorCode::new(StatusCode::UNAUTHORIZED, "token_malformed", "the access token is no JSON Web Token");

/// A token of somebody else's.
pub const TOKEN_INVALID: ErrorCode =
    ErrorCode::new(StatusCode::UNAUTHORIZED, "token_invalid", "the access token was not issued for this service");

/// Past its time.
pub const TOKEN_EXPIRED: ErrorCode =
    ErrorCode::new(StatusCode::UNAUTHORIZED, "token_expired", "refresh the access token");

/// A key that is no user.
pub const TOKEN_ROLE_REFUSED: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "token_role_refused",
    "an anon or service-role key instead of a user's token",
);

/// Signed in, but nobody.
pub const ANONYMOUS_USER_REFUSED: ErrorCode =
    ErrorCode::new(StatusCode::FORBIDDEN, "anonymous_user_refused", "an anonymous user");

/// The signing keys cannot be had.
pub const AUTH_UNAVAILABLE: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "auth_unavailable",
    "the token cannot be checked just now; try again",
);

/// The chosen account is none.
pub const INVALID_ACCOUNT_ID: ErrorCode =
    ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_account_id", "`X-Account-Id` is not a UUID");

/// Somebody else's account.
pub const ACCOUNT_FORBIDDEN: ErrorCode =
    ErrorCode::new(StatusCode::FORBIDDEN, "account_forbidden", "not a member of the account, or it is closed");

/// A member who is no owner.
pub const OWNER_REQUIRED: ErrorCode =
    ErrorCode::new(StatusCode::FORBIDDEN, "owner_required", "only an owner of the account may do this");

/// What somebody hears who is no member: there may be such an account, or not.
pub fn forbidden() -> ApiError {
    ApiError::new(
        ACCOUNT_FORBIDDEN,
        "You are not a member of this account, or it is closed. GET /auth/verify lists yours.",
    )
}
