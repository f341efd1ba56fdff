//! The handler of a message, and what all handlers share.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::{
    answer::answer,
    errors::{AnthropicError, mark, request_id},
    models::Model,
    request::{self, Version},
};
use crate::shared::{
    clock::{iso, now_ms},
    faults::Kind,
    lifecycle::{Arrived, Provider},
    tap::AnswerFault,
};
use crate::{ANTHROPIC_API_KEY, Shared};

const REQUESTS_PER_MINUTE: u64 = 4_000;
const INPUT_TOKENS_PER_MINUTE: u64 = 4_000_000;
const OUTPUT_TOKENS_PER_MINUTE: u64 = 800_000;

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(arrived): Extension<Arrived>,
    fault: Option<Extension<AnswerFault>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, AnthropicError> {
    let begun = tokio::time::Instant::now();
    let fault = fault.map(|Extension(AnswerFault(kind))| kind);
    let has_gone = |model: Model| {
        fault == Some(Kind::ModelGone) || shared.lifecycles.had_gone(Provider::Anthropic, model.name, arrived)
    };
    let request = request::parse(&body, authorise(&headers)?, has_gone)?;
    let answer = answer(&shared, &request, fault);
    // What the sandbox itself needs is part of the modelled time, not added to it.
    tokio::time::sleep_until(begun + answer.takes).await;
    shared.explicit_cache.fill(&answer.cache, Instant::now());
    let mut response = Json(answer.body).into_response();
    mark(&mut response, &request_id());
    for (what, limit, used) in [
        ("requests", REQUESTS_PER_MINUTE, 1),
        ("input-tokens", INPUT_TOKENS_PER_MINUTE, answer.input_tokens),
        ("output-tokens", OUTPUT_TOKENS_PER_MINUTE, answer.output_tokens),
    ] {
        let headers = response.headers_mut();
        for (name, value) in [
            ("limit", limit.to_string()),
            ("remaining", limit.saturating_sub(used).to_string()),
            ("reset", iso(now_ms() + 1_000)),
        ] {
            let name = format!("anthropic-ratelimit-{what}-{name}").parse::<axum::http::HeaderName>();
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
                headers.insert(name, value);
            }
        }
    }
    Ok(response)
}

pub(super) async fn unknown() -> Response {
    AnthropicError::not_found("Not found").into_response()
}

/// The key comes by its own header or, as the official client sends it since 1.0, as a bearer; the version decides which
/// parameters there are.
pub(super) fn authorise(headers: &HeaderMap) -> Result<Version, AnthropicError> {
    let refused = |message: &str| AnthropicError::new(StatusCode::UNAUTHORIZED, "authentication_error", message);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let bearer = || header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    match header("x-api-key").or_else(bearer) {
        Some(ANTHROPIC_API_KEY) => {}
        None | Some("") => return Err(refused("x-api-key header is required")),
        Some(_) => return Err(refused("invalid x-api-key")),
    }
    match header("anthropic-version") {
        Some("2023-06-01") => Ok(Version::V2023),
        Some("2026-10-21") => Ok(Version::V2026),
        None => Err(AnthropicError::invalid("anthropic-version: header is required")),
        Some(other) => Err(AnthropicError::invalid(format!("anthropic-version: \"{other}\" is not a valid version"))),
    }
}
