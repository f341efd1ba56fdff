//! The endpoints of members, invitations and keys.

mod activity;
mod invitations;
mod keys;
mod members;

use axum::http::StatusCode;

pub use invitations::{INVALID_EMAIL, address};

use crate::{
    features::auth::SpendingLimit,
    http::{ApiError, ErrorCode, Registry},
};

pub fn endpoints(registry: &mut impl Registry) {
    members::endpoints(registry);
    invitations::endpoints(registry);
    keys::endpoints(registry);
    activity::endpoints(registry);
}

const CREDITS_MAX: i64 = 1_000_000;

const INVALID_SPENDING_LIMIT: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_spending_limit",
    "`limit` has `credits` from 0 to 1,000,000 and a `period`, or is `null`",
);

const OWNER_REQUIRED: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "owner_required",
    "only an owner of the account makes or changes owners; and a member with a limit cannot let others spend",
);

fn checked(limit: Option<SpendingLimit>) -> Result<Option<SpendingLimit>, ApiError> {
    match limit {
        Some(SpendingLimit { credits, .. }) if !(0..=CREDITS_MAX).contains(&credits) => {
            Err(ApiError::new(INVALID_SPENDING_LIMIT, "limit.credits takes a whole number from 0 to 1,000,000."))
        }
        limit => Ok(limit),
    }
}

fn owner_required() -> ApiError {
    ApiError::new(
        OWNER_REQUIRED,
        "Only an owner does this: make or change owners, or, for whoever has a limit, decide what others may spend.",
    )
}
