//! Judgements from OpenAI's Chat Completions, in strict structured output.
//!
//! Every answer is classified once, here: what may be tried again, what may not, and what is billed in either case.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use oslira_app::{
    features::analysis::{AiFault, AiUsage, Answer, Model, Question},
    shared::clock::Clock,
};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{
    prices::{self, Tokens},
    send::{Endpoint, HttpSend, SendError, error_word},
};

mod wire;

/// The longest answers in use have a few KiB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// 429s that no pause heals.
const OUT_OF_MONEY: [&str; 3] = ["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"];

/// The language model.
pub struct OpenAi {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
}

impl OpenAi {
    /// `endpoint` is the address up to and with `/v1`.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint, clock: Arc<dyn Clock>) -> Self {
        Self { send, endpoint, clock }
    }

    async fn post(&self, question: &Question) -> Result<http::Response<Bytes>, AiFault> {
        let body = serde_json::to_vec(&wire::Request::from(question))
            .map_err(|_| AiFault::Rejected("the question is not JSON".to_owned()))?;
        let request = self
            .endpoint
            .request(Method::POST, "/chat/completions", body.into())
            .map_err(|why| AiFault::Rejected(why.to_string()))?;
        self.send.send(request, question.timeout, BODY_BYTES_MAX).await.map_err(|why: SendError| unavailable(&why))
    }

    fn usage(&self, response: &wire::Response, duration_ms: u64) -> Option<AiUsage> {
        let used = response.usage.as_ref()?;
        let prompt = used.prompt_tokens_details.as_ref();
        let tokens = Tokens {
            input: used.prompt_tokens,
            cached: prompt.and_then(|details| details.cached_tokens).unwrap_or(0),
            cache_written: prompt.and_then(|details| details.cache_write_tokens).unwrap_or(0),
            output: used.completion_tokens,
        };
        let fingerprint = response.system_fingerprint.as_deref().unwrap_or_default();
        let is_sandbox = fingerprint.starts_with("sandbox") || self.endpoint.is_sandbox();
        let reasoning = used.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens);
        let finish_reason = response.choices.first().and_then(|choice| choice.finish_reason.as_deref());
        Some(AiUsage {
            response_id: response.id.clone(),
            provider: if is_sandbox { "sandbox" } else { "openai" }.to_owned(),
            model: response.model.clone(),
            input_tokens: tokens.input,
            cached_tokens: tokens.cached,
            output_tokens: tokens.output,
            reasoning_tokens: reasoning.unwrap_or(0),
            cost_microusd: prices::cost_microusd(&response.model, tokens),
            duration_ms,
            finish_reason: error_word(finish_reason).to_owned(),
        })
    }
}

#[async_trait]
impl Model for OpenAi {
    async fn ask(&self, question: &Question) -> Answer {
        let asked_at = self.clock.now();
        let response = match self.post(question).await {
            Ok(response) => response,
            Err(fault) => return Answer { content: Err(fault), usage: None },
        };
        let now = self.clock.now();
        if !response.status().is_success() {
            let fault = failure(response.status(), response.headers(), response.body(), now);
            return Answer { content: Err(fault), usage: None };
        }
        let read = serde_json::from_slice::<wire::Response>(response.body()).ok();
        let Some(read) = read.filter(|read| !read.id.is_empty()) else {
            return Answer { content: Err(unavailable("the answer is not a completion")), usage: None };
        };
        let duration_ms = u64::try_from(now.duration_since(asked_at).as_millis()).unwrap_or(0);
        let usage = self.usage(&read, duration_ms);
        if usage.is_none() {
            tracing::warn!(response_id = %read.id, "OpenAI answered without usage: the call's cost is not known");
        }
        Answer { content: content(read), usage }
    }
}

/// The text, if the model ended by itself and the text is JSON.
fn content(response: wire::Response) -> Result<String, AiFault> {
    let choice = response.choices.into_iter().next().ok_or_else(|| AiFault::Invalid("no choice".to_owned()))?;
    if choice.message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
        return Err(AiFault::Refused);
    }
    match choice.finish_reason.as_deref() {
        Some("stop") => {}
        Some("length") => return Err(AiFault::Truncated),
        Some("content_filter") => return Err(AiFault::Refused),
        other => return Err(AiFault::Invalid(format!("finish_reason {}", error_word(other)))),
    }
    let content = choice.message.content.filter(|content| !content.is_empty());
    let content = content.ok_or_else(|| AiFault::Invalid("no content".to_owned()))?;
    match serde_json::from_str::<IgnoredAny>(&content) {
        Ok(_) => Ok(content),
        Err(why) => Err(AiFault::Invalid(format!("not JSON at line {} column {}", why.line(), why.column()))),
    }
}

/// What a status and its error object mean.
fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> AiFault {
    let failure = serde_json::from_slice::<wire::Failure>(body).ok().map(|failure| failure.error);
    let kind = failure.as_ref().and_then(|error| error.kind.as_deref());
    let code = failure.as_ref().and_then(|error| error.code.as_ref()).and_then(Value::as_str);
    if [kind, code].into_iter().flatten().any(|word| OUT_OF_MONEY.contains(&word)) {
        return AiFault::QuotaExhausted;
    }
    let reason = format!("{} {}", status.as_u16(), error_word(code.or(kind)));
    let lasts = status.is_client_error()
        && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT);
    if lasts {
        return AiFault::Rejected(reason);
    }
    AiFault::Unavailable { reason, retry_after_ms: retry_after_ms(status, headers, now) }
}

fn unavailable(why: &(impl std::fmt::Display + ?Sized)) -> AiFault {
    AiFault::Unavailable { reason: why.to_string(), retry_after_ms: None }
}

/// The pause that the provider asks for. The reset of the request limit is in every answer and says something only
/// when that limit may be what struck.
fn retry_after_ms(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let at = |date: &str| {
        let then = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
        Some(then.duration_since(now))
    };
    let pause = header("retry-after-ms")
        .and_then(|text| text.parse().ok().map(SignedDuration::from_millis))
        .or_else(|| header("retry-after").and_then(|text| seconds(text).or_else(|| at(text))))
        .or_else(|| {
            let reset = (status == StatusCode::TOO_MANY_REQUESTS).then(|| header("x-ratelimit-reset-requests"));
            reset.flatten().and_then(|text| text.parse::<SignedDuration>().ok())
        })?;
    Some(u64::try_from(pause.as_millis()).unwrap_or(0))
}

fn seconds(text: &str) -> Option<SignedDuration> {
    text.parse::<f64>().ok().and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
