//! The handlers for messages, and for paths that do not exist.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{
    access::authorise,
    answer::answer,
    errors::{AnthropicError, mark, request_id},
    models::Model,
    request,
    state::Anthropic,
};
use crate::shared::{
    clock::{iso, now_ms},
    faults::Kind,
    headers,
    lifecycle::Provider,
    tap::Asked,
};

const REQUESTS_PER_MINUTE: u64 = 4_000;
const INPUT_TOKENS_PER_MINUTE: u64 = 4_000_000;
const OUTPUT_TOKENS_PER_MINUTE: u64 = 800_000;

pub(super) async fn create(
    State(anthropic): State<Arc<Anthropic>>,
    Extension(Asked { arrived, fault }): Extension<Asked>,
    request_headers: HeaderMap,
    body: Bytes,
) -> Result<Response, AnthropicError> {
    let begun = tokio::time::Instant::now();
    let has_gone = |model: Model| {
        fault == Some(Kind::ModelGone) || anthropic.lifecycles.had_gone(Provider::Anthropic, model.name, arrived)
    };
    let request = request::parse(&body, authorise(&request_headers)?, has_gone)?;
    let answer = answer(&anthropic, &request, fault);
    // From the beginning: the sandbox's own work is part of the modelled time, not added to it.
    tokio::time::sleep_until(begun + answer.takes).await;
    // Only now: calls that run side by side do not read what one of them is writing.
    anthropic.cache.fill(&answer.cache, Instant::now());
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
            headers::set(headers, &format!("anthropic-ratelimit-{what}-{name}"), &value);
        }
    }
    Ok(response)
}

pub(super) async fn unknown() -> Response {
    AnthropicError::not_found("Not found").into_response()
}
