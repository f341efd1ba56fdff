//! Judgements from language models, in strict structured output.
//!
//! One adapter for every provider: a [`Protocol`] says how a question looks on the wire and what an answer means.
//! Everything else is the same: every answer is classified once, here: what may be tried again, what may not, and what is
//! billed in either case.

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

/// The longest answers in use have a few KiB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// OpenAI, or a server that speaks its Chat Completions; the address goes up to and with `/v1`.
pub type OpenAi = Chat<ChatCompletions>;

/// Anthropic; the address goes up to and without `/v1`.
pub type Anthropic = Chat<Messages>;

/// How a provider is talked to.
pub trait Protocol: Send + Sync {
    /// The provider's name in bills.
    const PROVIDER: &'static str;
    /// Where questions are sent, below the endpoint's address.
    const PATH: &'static str;
    /// Headers that every question needs besides the key.
    const HEADERS: &'static [(&'static str, &'static str)];

    /// What a model of this provider takes and costs, by its own name.
    fn family(model: &str) -> Family;

    /// The body of a question.
    ///
    /// # Errors
    /// When the question is no JSON.
    fn body(question: &Question) -> serde_json::Result<Vec<u8>>;

    /// What an answer says; `None` when it is no answer of this provider.
    fn read(body: &[u8]) -> Option<Reply>;
}

/// An answer, read.
#[derive(Debug)]
pub struct Reply {
    /// The provider's id of the answer; never empty.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// Whether the answer calls itself a sandbox's.
    pub is_sandbox: bool,
    /// The text, if the model ended by itself.
    pub content: Result<String, AiFault>,
    /// What is billed, if the answer says so.
    pub used: Option<Tokens>,
    /// Reasoning tokens within the output.
    pub reasoning_tokens: u64,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
}

/// A language model behind a protocol.
pub struct Chat<P> {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
    gateway: Option<Gateway>,
    clock: Arc<dyn Clock>,
    protocol: std::marker::PhantomData<P>,
}

impl<P: Protocol> Chat<P> {
    /// Asks at an endpoint.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint, clock: Arc<dyn Clock>) -> Self {
        Self { send, endpoint, gateway: None, clock, protocol: std::marker::PhantomData }
    }

    /// The endpoint's address is a gateway's.
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
            // The gateway repeats the first answer's id: a hit is another call, which cost nothing.
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
        if !response.status().is_success() {
            let fault = fault::of_answer(response.status(), response.headers(), response.body(), now);
            return Answer { content: Err(fault), usage: None };
        }
        let Some(reply) = P::read(response.body()).filter(|reply| !reply.id.is_empty()) else {
            return Answer { content: Err(fault::unreadable()), usage: None };
        };
        let duration_ms = u64::try_from(now.duration_since(asked_at).as_millis()).unwrap_or(0);
        let usage = self.usage(question, &reply, response.headers(), duration_ms);
        if usage.is_none() {
            tracing::warn!(response_id = %reply.id, "a model answered without usage: the call's cost is not known");
        }
        Answer { content: reply.content.and_then(json), usage }
    }
}

/// A text that is JSON.
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
