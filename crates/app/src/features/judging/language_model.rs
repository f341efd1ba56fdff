//! The language model as a port. A call is one attempt; the workflow repeats it, so implementations MUST NOT retry by
//! themselves.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CallKind, ModelName};
use crate::shared::{analysis_type::AnalysisType, ids::RunId};

/// Asks a language model one question with a strict answer schema.
#[async_trait]
pub trait Model: Send + Sync {
    /// One call, without retries of its own.
    async fn ask(&self, question: &Question) -> Answer;
}

/// One call to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub model: ModelName,
    /// Instructions and business context: byte-identical for a business between runs, so that providers cache it.
    pub system: String,
    /// The fenced profile.
    pub user: String,
    /// Name of the schema, at most 64 of `[A-Za-z0-9_-]`.
    pub schema_name: &'static str,
    /// Strict JSON schema of the answer.
    pub schema: Value,
    /// Longest answer, reasoning included, in tokens of OpenAI's `o200k`; other models get as many of their own as the
    /// same text takes.
    pub output_tokens_max: u32,
    /// How hard to think, for models that can be told.
    pub effort: Effort,
    /// What the call is for: gateways keep it beside their logs.
    pub tags: CallTags,
    /// The same for all calls that share a prefix (call and business profile). OpenAI keeps a cache for each key.
    pub cache_key: String,
    /// Longest wait for the whole answer.
    pub timeout: Duration,
}

/// How hard a reasoning model thinks. There is no `High`: it multiplies price and latency and no rubric of ours needs
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// As little as the model can.
    Minimal,
    /// A little.
    Low,
    /// The usual amount.
    Medium,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTags {
    pub run: RunId,
    pub analysis_type: AnalysisType,
    pub call: CallKind,
}

/// What came back; a failed call may be billed too.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The answer's JSON text, or why there is none.
    pub content: Result<String, AiFault>,
    /// What is billed; `None` when the provider never answered.
    pub usage: Option<AiUsage>,
}

/// What a call costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AiUsage {
    /// The provider's response id: a bill is recorded once for each.
    pub response_id: String,
    /// `openai`, `anthropic` or `sandbox`.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// Input tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Input tokens written to the provider's cache, where that is billed.
    pub cache_write_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Reasoning tokens within the output.
    pub reasoning_tokens: u64,
    /// Cost in millionths of a dollar, rounded up; 0 for an answer from the gateway's cache, `None` when the model has
    /// no price.
    pub cost_microusd: Option<u64>,
    /// Whether the gateway answered from its own cache; `None` without a gateway.
    pub gateway_hit: Option<bool>,
    pub duration_ms: u64,
    pub finish_reason: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AiFault {
    /// No answer this time; another attempt may get one.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// Decides whether this is an outage.
        cause: UnavailableCause,
        /// For the log only; nothing is decided by it.
        reason: String,
        /// The pause that the provider asks for, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// Our account with the provider has no money left.
    #[error("quota exhausted")]
    QuotaExhausted,
    /// The provider has no such model any more, or not for us.
    #[error("the model is gone")]
    ModelGone,
    #[error("refused")]
    Refused,
    /// The answer was cut off at the token limit.
    #[error("truncated")]
    Truncated,
    #[error("answer does not fit the schema: {0}")]
    Invalid(String),
    /// The provider rejected the request: a defect of ours.
    #[error("rejected: {0}")]
    Rejected(String),
    /// The provider refuses our key: it would refuse every question.
    #[error("the key is refused: {0}")]
    KeyRefused(String),
}

/// Why a provider gave no answer this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnavailableCause {
    /// We asked for more than our plan allows at once.
    RateLimited,
    /// The provider says that it has too much to do.
    Overloaded,
    /// The provider, or the gateway in front of it, failed.
    ServerError,
    /// No connection, or it broke.
    Unreachable,
    /// No whole answer within the time that we gave it. A provider that says that it ran out of time has answered.
    TimedOut,
}
