//! The handler of a chat completion, and what all handlers share.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::{
    answer::{Cached, answer},
    errors::{OpenAiError, mark},
    models::Model,
    request,
};
use crate::shared::{
    faults::Kind,
    lifecycle::{Arrived, Provider},
    tap::AnswerFault,
};
use crate::{OPENAI_API_KEY, Shared};

const REQUESTS_PER_MINUTE: u64 = 10_000;
const TOKENS_PER_MINUTE: u64 = 10_000_000;

pub(super) async fn complete(
    State(shared): State<Arc<Shared>>,
    Extension(arrived): Extension<Arrived>,
    fault: Option<Extension<AnswerFault>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, OpenAiError> {
    let begun = tokio::time::Instant::now();
    authorise(&headers)?;
    let fault = fault.map(|Extension(AnswerFault(kind))| kind);
    let has_gone = |model: Model| {
        fault == Some(Kind::ModelGone) || shared.lifecycles.had_gone(Provider::OpenAi, model.name, arrived)
    };
    let request = request::parse(&body, has_gone)?;
    let answer = answer(&shared, &request, fault);
    // What the sandbox itself needs is part of the modelled time, not added to it.
    tokio::time::sleep_until(begun + answer.takes).await;
    let now = std::time::Instant::now();
    match &answer.cached {
        Cached::Automatic { key, prompt, kept } => {
            shared.prompt_cache.fill(request.model.name, key, prompt, *kept, now);
        }
        Cached::Breakpoints(used) => shared.explicit_cache.fill(used, now),
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
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

pub(super) async fn unknown(method: Method, uri: OriginalUri) -> Response {
    let path = uri.path().trim_start_matches("/openai");
    let message = format!("Invalid URL ({method} {path})");
    OpenAiError::new(StatusCode::NOT_FOUND, "invalid_request_error", None, message).into_response()
}

pub(super) fn authorise(headers: &HeaderMap) -> Result<(), OpenAiError> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim) {
        Some(OPENAI_API_KEY) => Ok(()),
        None | Some("") => Err(OpenAiError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            None,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer \
             auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're \
             accessing the API from your browser and are prompted for a username and password. You can obtain an API \
             key from https://platform.openai.com/account/api-keys.",
        )),
        Some(key) => {
            let message = format!(
                "Incorrect API key provided: {}. You can find your API key at \
                 https://platform.openai.com/account/api-keys.",
                masked(key)
            );
            Err(OpenAiError::new(StatusCode::UNAUTHORIZED, "invalid_request_error", Some("invalid_api_key"), message))
        }
    }
}

/// `sk-ab***yz`, as OpenAI shows a wrong key.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    let shown = if characters.len() > 12 { 4 } else { 0 };
    let ends = |part: &mut dyn Iterator<Item = &char>| part.take(shown).collect::<String>();
    let tail: String = ends(&mut characters.iter().rev()).chars().rev().collect();
    format!("{}***{tail}", ends(&mut characters.iter()))
}
