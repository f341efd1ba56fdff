//! The handlers for chat completions, and for paths that do not exist.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};

use super::{
    access::authorise,
    answer::{Cached, answer},
    errors::{OpenAiError, mark},
    models::Model,
    request,
    state::OpenAi,
};
use crate::shared::{faults::Kind, headers, lifecycle::Provider, tap::Asked};

const REQUESTS_PER_MINUTE: u64 = 10_000;
const TOKENS_PER_MINUTE: u64 = 10_000_000;

pub(super) async fn complete(
    State(openai): State<Arc<OpenAi>>,
    Extension(Asked { arrived, fault }): Extension<Asked>,
    request_headers: HeaderMap,
    body: Bytes,
) -> Result<Response, OpenAiError> {
    let begun = tokio::time::Instant::now();
    authorise(&request_headers)?;
    let has_gone = |model: Model| {
        fault == Some(Kind::ModelGone) || openai.lifecycles.had_gone(Provider::OpenAi, model.name, arrived)
    };
    let request = request::parse(&body, has_gone)?;
    let answer = answer(&openai, &request, fault);
    // From the beginning: the sandbox's own work is part of the modelled time, not added to it.
    tokio::time::sleep_until(begun + answer.takes).await;
    let now = std::time::Instant::now();
    // Only now: calls that run side by side do not read what one of them is writing.
    match &answer.cached {
        Cached::Automatic { key, prompt, kept } => {
            openai.automatic_cache.fill(request.model.name, key, prompt, *kept, now);
        }
        Cached::Breakpoints(used) => openai.explicit_cache.fill(used, now),
    }
    let mut response = Json(answer.body).into_response();
    mark(&mut response);
    for (name, value) in [
        ("openai-processing-ms", answer.takes.as_millis().to_string()),
        ("x-ratelimit-limit-requests", REQUESTS_PER_MINUTE.to_string()),
        ("x-ratelimit-limit-tokens", TOKENS_PER_MINUTE.to_string()),
        ("x-ratelimit-remaining-requests", (REQUESTS_PER_MINUTE - 1).to_string()),
        ("x-ratelimit-remaining-tokens", TOKENS_PER_MINUTE.saturating_sub(answer.total_tokens).to_string()),
        ("x-ratelimit-reset-requests", "6ms".to_owned()),
        ("x-ratelimit-reset-tokens", format!("{}ms", answer.total_tokens * 60_000 / TOKENS_PER_MINUTE)),
    ] {
        headers::set(response.headers_mut(), name, &value);
    }
    Ok(response)
}

pub(super) async fn unknown(method: Method, uri: OriginalUri) -> Response {
    let path = uri.path().trim_start_matches("/openai");
    let message = format!("Invalid URL ({method} {path})");
    OpenAiError::new(StatusCode::NOT_FOUND, "invalid_request_error", None, message).into_response()
}
