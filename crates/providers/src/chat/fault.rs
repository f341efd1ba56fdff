//! Classifies failed calls. OpenAI, Anthropic and the gateway in front of them use nearly the same error bodies.

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use oslira_app::features::judging::{AiFault, UnavailableCause};
use serde_json::Value;

use crate::send::{SendError, error_word};

/// Error types and codes for an account without money. Some come with status 429, but no retry helps.
const OUT_OF_MONEY: [&str; 8] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "billing_hard_limit_reached",
    "billing_error",
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
    "linked_organization_billing_unavailable",
];

/// OpenAI's code for a model that was shut down, never existed, or is not open to our project.
const MODEL_GONE: &str = "model_not_found";

/// OpenAI's code for a call from a place that it does not serve. It depends on where the Worker runs, not on the key.
const WRONG_REGION: &str = "unsupported_country_region_territory";

/// How Anthropic's message about such a model begins: its `not_found_error` alone may also mean a wrong URL.
const NAMES_MODEL: &str = "model:";

/// How Anthropic's message about an empty account begins when it comes as an `invalid_request_error` with status 400.
const EMPTY_BALANCE: &str = "Your credit balance is too low";

/// The gateway's code for a provider that did not answer. The gateway sends it with status 400, but it may pass.
const GATEWAY_NO_ANSWER: i64 = 2005;

/// The call got no answer.
pub fn of_send(error: &SendError) -> AiFault {
    let cause = match error {
        SendError::Timeout => UnavailableCause::TimedOut,
        SendError::Unreachable(_) | SendError::Broken(_) => UnavailableCause::Unreachable,
        SendError::TooLarge => return AiFault::Invalid(error.to_string()),
    };
    AiFault::Unavailable { cause, reason: error.to_string(), retry_after_ms: None }
}

/// The answer has a 2xx status but is not a completion: useless to us, but the provider is up, and may bill it.
pub fn unreadable() -> AiFault {
    AiFault::Invalid("the answer is not a completion".to_owned())
}

/// What an error status and its body mean. `error` is an object; in the gateway's own errors it is a list of objects; a
/// proxy in between may send HTML. The message may repeat our prompt or key, so it is never logged or shown.
pub fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> AiFault {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.get("error").map(|error| error.get(0).unwrap_or(error)).unwrap_or(&Value::Null);
    let word = |pointer: &str| error.pointer(pointer).and_then(Value::as_str);
    let (kind, code) = (word("/type"), word("/code"));
    let is_empty = status == StatusCode::BAD_REQUEST
        && kind == Some("invalid_request_error")
        && word("/message").is_some_and(|message| message.starts_with(EMPTY_BALANCE));
    let mut words = [kind, code, word("/details/error_code")].into_iter().flatten();
    if is_empty || words.any(|word| OUT_OF_MONEY.contains(&word)) {
        return AiFault::QuotaExhausted;
    }
    let names_model = word("/message").is_some_and(|message| message.starts_with(NAMES_MODEL));
    if code == Some(MODEL_GONE) || (kind == Some("not_found_error") && names_model) {
        return AiFault::ModelGone;
    }
    let reason = format!("{} {}", status.as_u16(), error_word(code.or(kind)));
    if status == StatusCode::PAYMENT_REQUIRED {
        return AiFault::QuotaExhausted;
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && code != Some(WRONG_REGION) {
        return AiFault::KeyRefused(reason);
    }
    // 409 is a lock timeout on the server; the official clients retry it too.
    let lasts = status.is_client_error()
        && error.get("code").and_then(Value::as_i64) != Some(GATEWAY_NO_ANSWER)
        && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT);
    if lasts {
        return AiFault::Rejected(reason);
    }
    let retry_after_ms = retry_after_ms(status, headers, now);
    AiFault::Unavailable { cause: cause(status), reason, retry_after_ms }
}

/// Anthropic's own status for overload; the others send 503.
const OVERLOADED: u16 = 529;

fn cause(status: StatusCode) -> UnavailableCause {
    match status {
        StatusCode::TOO_MANY_REQUESTS => UnavailableCause::RateLimited,
        StatusCode::SERVICE_UNAVAILABLE => UnavailableCause::Overloaded,
        other if other.as_u16() == OVERLOADED => UnavailableCause::Overloaded,
        _ => UnavailableCause::ServerError,
    }
}

/// The pause that the provider asks for. `x-ratelimit-reset-requests` comes with every answer, so it counts only with a
/// 429, where the request limit may be the cause.
fn retry_after_ms(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let at = |date: &str| {
        let then = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
        Some(then.duration_since(now))
    };
    // From the most to the least exact; `retry-after` is a number of seconds or an HTTP date.
    let pause = header("retry-after-ms")
        .and_then(|text| text.parse().ok().map(SignedDuration::from_millis))
        .or_else(|| header("retry-after").and_then(|text| seconds(text).or_else(|| at(text))))
        .or_else(|| {
            let reset = (status == StatusCode::TOO_MANY_REQUESTS).then(|| header("x-ratelimit-reset-requests"));
            reset.flatten().and_then(|text| text.parse::<SignedDuration>().ok())
        })?;
    // A negative pause is a date in the past: retry at once.
    Some(u64::try_from(pause.as_millis()).unwrap_or(0))
}

fn seconds(text: &str) -> Option<SignedDuration> {
    text.parse::<f64>().ok().and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok())
}
