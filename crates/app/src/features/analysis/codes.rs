//! How a request for an analysis, or about a run, can be refused.

use axum::http::StatusCode;
use serde_json::json;

use super::{BeginOutcome, BulkRefusal, InvalidRequest, NotWatched, STREAMS_OF_ACCOUNT_MAX, UnusedLine, WATCHERS_MAX};
use crate::{
    features::{auth::forbidden, business::BUSINESS_PROFILE_NOT_FOUND, profiles::InvalidHandle},
    http::{ApiError, ErrorCode, Exceeded, Quota, RATE_LIMITED, code::IDEMPOTENCY_KEY_REUSED},
};

pub const INVALID_USERNAME: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_username",
    "not an Instagram username, `@username` or profile address",
);

pub const UNKNOWN_ANALYSIS_TYPE: ErrorCode =
    ErrorCode::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_analysis_type", "`LIGHT`, `DEEP` or `XRAY`");

pub const INVALID_BUSINESS_PROFILE_ID: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_business_profile_id",
    "`business_profile_id` is not a UUID",
);

pub const INVALID_COUNT: ErrorCode = ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_count", "`count` is 1 to 100");

pub const ANALYSIS_IN_PROGRESS: ErrorCode =
    ErrorCode::new(StatusCode::CONFLICT, "analysis_in_progress", "`details.run_id` is the run that does the same");

pub const INSUFFICIENT_CREDITS: ErrorCode =
    ErrorCode::new(StatusCode::PAYMENT_REQUIRED, "insufficient_credits", "`details`: `balance`, `required`");

pub const MEMBER_LIMIT_REACHED: ErrorCode = ErrorCode::new(
    StatusCode::PAYMENT_REQUIRED,
    "member_limit_reached",
    "the limit of this member or API key leaves too little for this; `details`: `limit`, `period`, `used`, `required`, `resets_in_s`",
);

pub const BUDGET_EXCEEDED: ErrorCode = ErrorCode::new(
    StatusCode::PAYMENT_REQUIRED,
    "budget_exceeded",
    "the daily cap; `details`: `cap`, `used`, `required`, `resets_in_s` (until the next UTC day)",
);

pub const SUBJECT_ERASED: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "subject_erased",
    "the profile's owner had it erased, so it may not be analysed; nothing is charged",
);

/// The circuit breaker refused, before the charge.
pub const PROVIDER_UNAVAILABLE: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "provider_unavailable",
    "a service that the analysis needs is down, and so is its replacement; nothing is charged; `details.retry_after_s`",
);

pub const START_FAILED: ErrorCode =
    ErrorCode::new(StatusCode::SERVICE_UNAVAILABLE, "start_failed", "the charge was given back; try again");

pub const RUN_NOT_FOUND: ErrorCode = ErrorCode::new(StatusCode::NOT_FOUND, "run_not_found", "unknown, or not yours");

pub const RUN_FINISHED: ErrorCode =
    ErrorCode::new(StatusCode::CONFLICT, "run_finished", "nothing to cancel; `details.status`");

pub const INVALID_AFTER: ErrorCode =
    ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_after", "`after` or `Last-Event-ID` is not the `seq` of an event");

pub const TICKET_REFUSED: ErrorCode = ErrorCode::new(
    StatusCode::UNAUTHORIZED,
    "ticket_refused",
    "used, older than a minute, or not of this run; get another by `POST /runs/{id}/events/ticket`",
);

pub const TRANSPORT_REQUIRED: ErrorCode = ErrorCode::new(
    StatusCode::NOT_ACCEPTABLE,
    "transport_required",
    "send `Accept: text/event-stream`, or open a WebSocket",
);

pub const TOO_MANY_WATCHERS: ErrorCode = ErrorCode::new(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_watchers",
    "the run has `details.limit` open connections; close one, or poll `/runs/{id}/progress`",
);

pub const TOO_MANY_STREAMS: ErrorCode = ErrorCode::new(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_streams",
    "the account has `details.limit` open connections to its runs; close one, or poll `/runs/{id}/progress`",
);

pub const EVENTS_UNAVAILABLE: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "events_unavailable",
    "the run goes on; try again, or poll `/runs/{id}/progress`",
);

const HOUR_S: u32 = 3_600;
/// A connection of somebody who went away counts for a minute at most.
const WATCHERS_RETRY_AFTER_S: u32 = 60;
const EVENTS_RETRY_AFTER_S: u32 = 5;

pub const EMPTY_LIST: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "empty_list",
    "no name in the list can be used; `details.unused` says why, line by line",
);

pub const LIST_TOO_LONG: ErrorCode =
    ErrorCode::new(StatusCode::UNPROCESSABLE_ENTITY, "list_too_long", "a list may have 2,000 lines");

pub const INVALID_BULK_OPTION: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_bulk_option",
    "`pilot` is at least 1, `fresh_within_days` 1 to 365",
);

pub const OVER_CEILING: ErrorCode = ErrorCode::new(
    StatusCode::PAYMENT_REQUIRED,
    "over_ceiling",
    "the list would cost more than your `max_credits`; `details`: `max_credits`, `required`",
);

pub const NOTHING_TO_CONTINUE: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "nothing_to_continue",
    "no lines wait behind a pilot, or its 24 hours are over",
);

impl From<InvalidRequest> for ApiError {
    fn from(error: InvalidRequest) -> Self {
        match error {
            InvalidRequest::Username(why) => Self::new(INVALID_USERNAME, invalid_username(why)),
            InvalidRequest::AnalysisType => {
                Self::new(UNKNOWN_ANALYSIS_TYPE, "analysis_type takes LIGHT, DEEP or XRAY.")
            }
            InvalidRequest::BusinessProfileId => {
                Self::new(INVALID_BUSINESS_PROFILE_ID, "business_profile_id takes the UUID of a business profile.")
            }
        }
    }
}

const fn invalid_username(why: InvalidHandle) -> &'static str {
    match why {
        InvalidHandle::Name => {
            "username takes an Instagram username (1 to 30 letters, digits, dots, underscores), @username or a profile URL."
        }
        InvalidHandle::Letters => {
            "An Instagram username has the letters a to z only; this one has others, which may look the same. Type it anew."
        }
        InvalidHandle::Post => {
            "This link is of a post and does not say whose. Open the post, then copy the username or the profile's link."
        }
        InvalidHandle::Page => {
            "This link is of a page of Instagram, not of a profile. Open the profile, then copy its username or its link."
        }
        InvalidHandle::Site => {
            "This link is not of Instagram. Send an Instagram username or the link of a profile there."
        }
    }
}

pub(super) fn run_not_found() -> ApiError {
    ApiError::new(RUN_NOT_FOUND, "There is no such run in your accounts.")
}

pub(super) fn ticket_refused() -> ApiError {
    ApiError::new(
        TICKET_REFUSED,
        "The ticket was used, is older than a minute, or is not of this run. Get another by POST /runs/{id}/events/ticket.",
    )
}

impl From<NotWatched> for ApiError {
    fn from(error: NotWatched) -> Self {
        match error {
            NotWatched::RunNotFound => run_not_found(),
            NotWatched::TicketRefused => ticket_refused(),
            NotWatched::Full => Self::new(
                TOO_MANY_WATCHERS,
                "The run has as many open connections as it may have. Close one, or poll /runs/{id}/progress.",
            )
            .with_details(json!({ "limit": WATCHERS_MAX }))
            .with_retry_after(WATCHERS_RETRY_AFTER_S),
            NotWatched::AccountFull => Self::new(
                TOO_MANY_STREAMS,
                "The account has as many open connections to its runs as it may have. Close one, or poll /runs/{id}/progress.",
            )
            .with_details(json!({ "limit": STREAMS_OF_ACCOUNT_MAX }))
            .with_retry_after(WATCHERS_RETRY_AFTER_S),
            NotWatched::NoTransport => Self::new(
                TRANSPORT_REQUIRED,
                "Events are streamed: send Accept: text/event-stream, or open a WebSocket. To ask once, use /runs/{id}/progress.",
            ),
            NotWatched::BoardUnavailable(cause) => {
                tracing::warn!(cause, "progress object unavailable");
                Self::new(
                    EVENTS_UNAVAILABLE,
                    "The run goes on, but its events cannot be sent just now. Try again, or poll /runs/{id}/progress.",
                )
                .with_retry_after(EVENTS_RETRY_AFTER_S)
            }
            NotWatched::Store(error) => error.into(),
        }
    }
}

/// What the refusal of a bulk means to the caller, whose list has these lines that cannot be used.
pub(super) fn bulk_refusal(refusal_of: &BulkRefusal, unused: &[UnusedLine]) -> ApiError {
    match refusal_of {
        BulkRefusal::OverCeiling { max_credits, required } => ApiError::new(
            OVER_CEILING,
            "The list would cost more than max_credits allows. Nothing was charged; shorten the list or raise max_credits.",
        )
        .with_details(json!({ "max_credits": max_credits, "required": required })),
        BulkRefusal::NothingToDo => ApiError::new(
            EMPTY_LIST,
            "There is no Instagram username in the list. details.unused says what is wrong with each line.",
        )
        .with_details(json!({ "unused": unused })),
        BulkRefusal::NothingToContinue => ApiError::new(
            NOTHING_TO_CONTINUE,
            "No lines of this run wait to be continued, or the 24 hours after its start are over.",
        ),
        BulkRefusal::NotFound => run_not_found(),
        BulkRefusal::AsOne(begun) => refused(begun, "bulk-analyses"),
    }
}

/// What the database's refusal of a charge means to the caller.
pub(super) fn refusal(outcome: &BeginOutcome) -> ApiError {
    refused(outcome, "analyses")
}

/// The same; `counted` is what the hourly limit is of.
fn refused(outcome: &BeginOutcome, counted: &'static str) -> ApiError {
    match outcome {
        // `start` takes these two out before; naming them keeps the match free of a catch-all.
        BeginOutcome::Started(_) | BeginOutcome::Replay(_) => ApiError::internal("an accepted run was refused"),
        BeginOutcome::IdempotencyKeyReused => ApiError::new(
            IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used for a different request in the last 24 hours. Use a new key.",
        ),
        BeginOutcome::Duplicate { run_id } => ApiError::new(
            ANALYSIS_IN_PROGRESS,
            "This analysis is already running and was not charged again. details.run_id names the run.",
        )
        .with_details(json!({ "run_id": run_id })),
        BeginOutcome::InsufficientCredits { balance, required } => ApiError::new(
            INSUFFICIENT_CREDITS,
            "The account does not have enough credits for this analysis. Buy credits and try again.",
        )
        .with_details(json!({ "balance": balance, "required": required })),
        BeginOutcome::RateLimited { retry_after_s, limit, left } => {
            let quota = Quota { name: counted, most: *limit, window_s: HOUR_S };
            ApiError::new(RATE_LIMITED, over_the_hour(*left))
                .with_details(json!({ "retry_after_s": retry_after_s }))
                .with_exceeded(Exceeded { quota, left: *left, reset_s: *retry_after_s })
        }
        BeginOutcome::ProviderUnavailable { retry_after_s } => ApiError::new(
            PROVIDER_UNAVAILABLE,
            "Analyses are paused because a service we depend on is out. Nothing was charged; try again after the time in Retry-After.",
        )
        .with_details(json!({ "retry_after_s": retry_after_s }))
        .with_retry_after(*retry_after_s),
        BeginOutcome::BudgetExceeded { cap, used, required, resets_in_s } => ApiError::new(
            BUDGET_EXCEEDED,
            "The account's daily cap does not allow this analysis. Nothing was charged; an owner can change the cap, or try again after the time in Retry-After.",
        )
        .with_details(json!({ "cap": cap, "used": used, "required": required, "resets_in_s": resets_in_s }))
        .with_retry_after(*resets_in_s),
        BeginOutcome::MemberLimitReached { limit, period, used, required, resets_in_s } => ApiError::new(
            MEMBER_LIMIT_REACHED,
            "Your own limit in this account does not allow this analysis. Nothing was charged; an owner or admin can change the limit, or try again after the time in Retry-After.",
        )
        .with_details(json!({
            "limit": limit, "period": period, "used": used, "required": required, "resets_in_s": resets_in_s,
        }))
        .with_retry_after(*resets_in_s),
        BeginOutcome::Forbidden => forbidden(),
        BeginOutcome::BusinessProfileNotFound => ApiError::new(
            BUSINESS_PROFILE_NOT_FOUND,
            "There is no such business profile in this account.",
        ),
        BeginOutcome::SubjectErased => ApiError::new(
            SUBJECT_ERASED,
            "This profile may not be analysed: its owner had it erased. Nothing was charged; take it off your list.",
        ),
        BeginOutcome::UnknownAnalysisType => InvalidRequest::AnalysisType.into(),
    }
}

const fn over_the_hour(left: u32) -> &'static str {
    match left {
        0 => "The account's hourly limit of analyses is used up. Try again after the time in Retry-After.",
        _ => {
            "The account's hourly limit of analyses leaves too few for this list. Try again after the time in Retry-After, or send a shorter list."
        }
    }
}
