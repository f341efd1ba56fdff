//! Judgements from language models, in strict structured output.
//!
//! One adapter for every provider: a [`Protocol`] says how a question looks on the wire and what an answer means. The
//! rest is shared: each answer is classified here, once, as usable, worth a retry or final, and its bill is read in
//! every case.

mod anthropic;
mod fault;
mod gateway;
mod openai;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use oslira_app::{
    features::judging::{AiFault, AiUsage, Answer, Model, Question},
    shared::clock::Clock,
};
use serde::de::IgnoredAny;

pub use anthropic::{Messages, VERSION as ANTHROPIC_VERSION};
pub use gateway::Gateway;
pub use openai::ChatCompletions;

use crate::{
    families::Family,
    prices::{self, Tokens},
    send::{Endpoint, HttpSend, SendError, error_word},
};

/// Real answers have a few KiB at most.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// OpenAI, or a server that speaks its Chat Completions; its base URL ends with `/v1`.
pub type OpenAi = Chat<ChatCompletions>;

/// Anthropic; its base URL is without `/v1`.
pub type Anthropic = Chat<Messages>;

/// The wire format of a provider.
pub trait Protocol: Send + Sync {
    /// The provider's name in usage records.
    const PROVIDER: &'static str;
    /// Where questions are sent, below the base URL.
    const PATH: &'static str;
    /// Headers that every question needs besides the key.
    const HEADERS: &'static [(&'static str, &'static str)];

    /// What a model of this provider accepts and costs; `model` is the name without the provider.
    fn family(model: &str) -> Family;

    /// The body of the request.
    ///
    /// # Errors
    /// When the question cannot be written as JSON.
    fn body(question: &Question) -> serde_json::Result<Vec<u8>>;

    /// What a response says; `None` if it does not have this provider's form.
    fn read(body: &[u8]) -> Option<Reply>;
}

/// A provider's response in the form that all providers share.
#[derive(Debug)]
pub struct Reply {
    /// The provider's id of the response: the key under which its cost is recorded once.
    pub id: String,
    /// The model that answered: the provider's exact name, often with the date of a snapshot.
    pub model: String,
    /// Whether the response itself says that it comes from the sandbox.
    pub is_sandbox: bool,
    /// The text, or why the model did not finish it.
    pub content: Result<String, AiFault>,
    /// The billed tokens, if the response states them.
    pub used: Option<Tokens>,
    /// Reasoning tokens within the output.
    pub reasoning_tokens: u64,
    pub finish_reason: Option<String>,
}

/// The models of one provider, behind its [`Protocol`].
pub struct Chat<P> {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
    gateway: Option<Gateway>,
    clock: Arc<dyn Clock>,
    protocol: std::marker::PhantomData<P>,
}

impl<P: Protocol> Chat<P> {
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint, clock: Arc<dyn Clock>) -> Self {
        Self { send, endpoint, gateway: None, clock, protocol: std::marker::PhantomData }
    }

    /// Says that the endpoint is behind a gateway: its headers are sent and its cache hits recognised.
    #[must_use]
    pub fn through(mut self, gateway: Gateway) -> Self {
        self.gateway = Some(gateway);
        self
    }

    async fn post(&self, question: &Question) -> Result<http::Response<Bytes>, AiFault> {
        let rejected = |why: SendError| AiFault::Rejected(why.to_string());
        let body = P::body(question).map_err(|_| AiFault::Rejected("the question is not JSON".to_owned()))?;
        let mut request = self.endpoint.request(Method::POST, P::PATH, body.into()).map_err(rejected)?;
        for (name, value) in P::HEADERS {
            request.headers_mut().insert(*name, http::HeaderValue::from_static(value));
        }
        if let Some(gateway) = &self.gateway {
            gateway.mark(request.headers_mut(), question.tags).map_err(rejected)?;
        }
        let sent = self.send.send(request, question.timeout, BODY_BYTES_MAX).await;
        sent.map_err(|why| fault::of_send(&why))
    }

    fn usage(&self, question: &Question, reply: &Reply, headers: &HeaderMap, duration_ms: u64) -> Option<AiUsage> {
        let tokens = reply.used?;
        let gateway_hit = self.gateway.as_ref().and_then(|_| gateway::hit(headers));
        let is_hit = gateway_hit == Some(true);
        let is_sandbox = reply.is_sandbox || self.endpoint.is_sandbox();
        Some(AiUsage {
            // A hit repeats the id of the first response. Usage is recorded once per id, and a hit is a call of its own
            // (at no cost), so it gets its own id, which is the same again if the step is replayed.
            response_id: match is_hit {
                true => format!("{}:hit:{}:{}", reply.id, question.tags.run, question.tags.call.as_str()),
                false => reply.id.clone(),
            },
            provider: if is_sandbox { "sandbox" } else { P::PROVIDER }.to_owned(),
            model: reply.model.clone(),
            input_tokens: tokens.input,
            cached_tokens: tokens.cached,
            cache_write_tokens: tokens.cache_written,
            output_tokens: tokens.output,
            reasoning_tokens: reply.reasoning_tokens,
            // By the model that answered: a configured alias may stand for a dated snapshot.
            cost_microusd: if is_hit { Some(0) } else { prices::cost_microusd(P::family(&reply.model), tokens) },
            gateway_hit,
            duration_ms,
            finish_reason: error_word(reply.finish_reason.as_deref()).to_owned(),
        })
    }
}

#[async_trait]
impl<P: Protocol> Model for Chat<P> {
    async fn ask(&self, question: &Question) -> Answer {
        let asked_at = self.clock.now();
        let response = match self.post(question).await {
            Ok(response) => response,
            Err(fault) => return Answer { content: Err(fault), usage: None },
        };
        let now = self.clock.now();
        // An error answer states no usage, so there is nothing to record.
        if !response.status().is_success() {
            let fault = fault::of_answer(response.status(), response.headers(), response.body(), now);
            return Answer { content: Err(fault), usage: None };
        }
        // Without an id the cost could not be recorded exactly once.
        let Some(reply) = P::read(response.body()).filter(|reply| !reply.id.is_empty()) else {
            return Answer { content: Err(fault::unreadable()), usage: None };
        };
        // The wall clock may have been set back in between; then the duration counts as 0.
        let duration_ms = u64::try_from(now.duration_since(asked_at).as_millis()).unwrap_or(0);
        let usage = self.usage(question, &reply, response.headers(), duration_ms);
        if usage.is_none() {
            tracing::warn!(response_id = %reply.id, "a model answered without usage: the call's cost is not known");
        }
        Answer { content: reply.content.and_then(json), usage }
    }
}

/// Checks only that the text is JSON; whether it fits the schema is the caller's check.
fn json(content: String) -> Result<String, AiFault> {
    match serde_json::from_str::<IgnoredAny>(&content) {
        Ok(_) => Ok(content),
        Err(why) => Err(AiFault::Invalid(format!("not JSON at line {} column {}", why.line(), why.column()))),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
