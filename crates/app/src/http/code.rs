//! Error codes: each is declared once, with its status and its meaning, beside the feature whose answer it is.

use axum::http::StatusCode;

/// A stable code: programs read it, so it never changes. The sentence beside it in an answer may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    pub status: StatusCode,
    pub code: &'static str,
    /// What it means and what to do, for `docs/errors.md`.
    pub meaning: &'static str,
}

impl ErrorCode {
    #[must_use]
    pub const fn new(status: StatusCode, code: &'static str, meaning: &'static str) -> Self {
        Self { status, code, meaning }
    }
}

pub const INTERNAL_ERROR: ErrorCode =
    ErrorCode::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "a fault of ours; tell us the `requestId`");
pub const DATABASE_UNAVAILABLE: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "database_unavailable",
    "the outcome may be unknown: repeat with the same `Idempotency-Key`",
);
/// Who may call an endpoint says which permission it needs.
pub const PERMISSION_MISSING: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "permission_missing",
    "the caller's role in the account, or the key's scopes, do not allow this",
);
pub const OPERATOR_REQUIRED: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "operator_required",
    "only people whom the database's owner has made operators may do this",
);
pub const ACCOUNT_BLOCKED: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "account_blocked",
    "we have blocked the account: it buys nothing until we lift that, and can do everything else; ask our support",
);
/// Answered before the request reaches a route.
pub const ADDRESS_TOO_LONG: ErrorCode =
    ErrorCode::new(StatusCode::URI_TOO_LONG, "address_too_long", "more than 8,192 characters");
pub const HEADERS_TOO_LARGE: ErrorCode = ErrorCode::new(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers_too_large",
    "names and values of all headers have more than 32,768 bytes",
);
pub const BODY_TOO_SLOW: ErrorCode =
    ErrorCode::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body took longer than 10 seconds; send it again");
pub const UPLOADS_BUSY: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "uploads_busy",
    "too many bytes of unfinished bodies, from your address or in all; nothing was done: send it again after `Retry-After`",
);
pub const RATE_LIMITED: ErrorCode = ErrorCode::new(
    StatusCode::TOO_MANY_REQUESTS,
    "rate_limited",
    "too many requests, or the account's hourly limit of analyses: `RateLimit` names which; `details.retry_after_s`",
);
pub const ROUTE_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "route_not_found", "there is nothing at this address");
pub const METHOD_NOT_ALLOWED: ErrorCode =
    ErrorCode::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "`Allow` lists the methods of this address");

// The meanings repeat the numbers of constants such as `BODY_BYTES_MAX`, because a constant text cannot be formatted.

/// What any endpoint can answer.
pub const ANYWHERE: &[ErrorCode] =
    &[INTERNAL_ERROR, DATABASE_UNAVAILABLE, ADDRESS_TOO_LONG, HEADERS_TOO_LARGE, BODY_TOO_SLOW, UPLOADS_BUSY];
/// What the router answers where there is no endpoint.
pub const NOWHERE: &[ErrorCode] = &[ROUTE_NOT_FOUND, METHOD_NOT_ALLOWED];

pub const UNSUPPORTED_MEDIA_TYPE: ErrorCode = ErrorCode::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported_media_type",
    "send `Content-Type: application/json`",
);

pub const MALFORMED_JSON: ErrorCode = ErrorCode::new(StatusCode::BAD_REQUEST, "malformed_json", "the body is not JSON");

pub const JSON_TOO_COMPLEX: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "json_too_complex",
    "nested more than 16 deep, or more than 4,096 values in one list or object",
);

pub const UNREADABLE_BODY: ErrorCode =
    ErrorCode::new(StatusCode::BAD_REQUEST, "unreadable_body", "the body ended early");

pub const BODY_TOO_LARGE: ErrorCode = ErrorCode::new(
    StatusCode::PAYLOAD_TOO_LARGE,
    "body_too_large",
    "more than 65,536 bytes (an event of Stripe's: 1 MiB)",
);

pub const INVALID_REQUEST: ErrorCode =
    ErrorCode::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", "a field is missing or has a wrong type");

pub const INVALID_ID: ErrorCode = ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_id", "the path's id is not a UUID");

pub const INVALID_QUERY: ErrorCode = ErrorCode::new(
    StatusCode::BAD_REQUEST,
    "invalid_query",
    "the query string cannot be read, or a filter has a wrong value: `details.field` names it",
);

pub const INVALID_LIMIT: ErrorCode = ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_limit", "`limit` is 1 to 100");

pub const INVALID_CURSOR: ErrorCode = ErrorCode::new(
    StatusCode::BAD_REQUEST,
    "invalid_cursor",
    "`cursor` is the `next_cursor` of the page before, in the same `sort`",
);

pub const INVALID_IDEMPOTENCY_KEY: ErrorCode =
    ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", "not 1 to 255 visible ASCII characters");

pub const IDEMPOTENCY_KEY_REUSED: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "idempotency_key_reused",
    "the key was used for another request in the last 24 hours",
);
