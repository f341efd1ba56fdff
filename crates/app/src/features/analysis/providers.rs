//! The outside services an analysis pays for, as ports: a scraper and a language model. A call is one attempt; the
//! workflow repeats it, so implementations MUST NOT retry by themselves.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InstagramHandle, ModelName, Profile};

/// Obtains profiles. Apify's asynchronous start and poll stand behind it now, the global gate later.
#[async_trait]
pub trait ProfileSource: Send + Sync {
    /// Starts a scrape and answers its ticket at once, so that a crash between start and end does not pay twice.
    ///
    /// # Errors
    /// [`ScrapeFault`].
    async fn start(&self, username: &InstagramHandle, depth: u32) -> Result<ScrapeTicket, ScrapeFault>;

    /// Waits up to `wait` for the scrape to end.
    ///
    /// # Errors
    /// [`ScrapeFault`].
    async fn collect(
        &self,
        ticket: &ScrapeTicket,
        username: &InstagramHandle,
        wait: Duration,
    ) -> Result<Collected, ScrapeFault>;
}

/// Names a scrape under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeTicket {
    /// The provider's run id.
    pub provider_run_id: String,
    /// The provider's result set.
    pub dataset_id: String,
}

/// What a scrape gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Collected {
    /// Not finished yet.
    Running,
    /// Finished; `usage` is billed whatever was found.
    Finished {
        /// What was found.
        found: Found,
        /// What the provider bills.
        usage: ScrapeUsage,
    },
}

/// What was found under the username.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A public profile; boxed because it is large.
    Profile(Box<Profile>),
    /// There is no such profile.
    NotFound,
    /// It is private.
    Private,
    /// It is shown to some viewers only (age).
    Restricted,
    /// The scrape ended and is billed, but what it gave is no answer; another scrape may give one.
    Unusable(String),
}

/// What a scrape costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScrapeUsage {
    /// `apify` or `sandbox`.
    pub source: String,
    /// The actor.
    pub actor: String,
    /// Billed results.
    pub results: u32,
    /// Cost in millionths of a dollar.
    pub cost_microusd: u64,
    /// How long the actor ran, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// Why a scrape gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ScrapeFault {
    /// The provider did not answer the question, so the scrape it was about may still succeed: ask again, do not start
    /// (and pay) another one.
    #[error("{0}")]
    Unanswered(String),
    /// Trying again may help: overload, a failed actor run, a lost connection, an unreadable answer.
    #[error("{0}")]
    Passing(String),
    /// Trying again cannot help: a refused key, an exhausted plan, a rejected input.
    #[error("{0}")]
    Lasting(String),
}

/// Asks a language model one question with a strict answer schema.
#[async_trait]
pub trait Model: Send + Sync {
    /// One call, without retries of its own.
    async fn ask(&self, question: &Question) -> Answer;
}

/// One call to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The model.
    pub model: ModelName,
    /// Instructions and business context: byte-identical for a business between runs, so that providers cache it.
    pub system: String,
    /// The fenced profile.
    pub user: String,
    /// Name of the schema, at most 64 of `[A-Za-z0-9_-]`.
    pub schema_name: &'static str,
    /// Strict JSON schema of the answer.
    pub schema: Value,
    /// Longest answer, reasoning included.
    pub output_tokens_max: u32,
    /// Groups calls that share a prefix: the business profile.
    pub cache_key: String,
    /// Longest wait.
    pub timeout: Duration,
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
    /// The provider's response id.
    pub response_id: String,
    /// `openai` or `sandbox`.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// Input tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Reasoning tokens within the output.
    pub reasoning_tokens: u64,
    /// Cost in millionths of a dollar, rounded up; `None` when the model has no price.
    pub cost_microusd: Option<u64>,
    /// How long the call took, in milliseconds.
    pub duration_ms: u64,
    /// Why the model stopped.
    pub finish_reason: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AiFault {
    /// Overloaded, rate limited, unreachable, too slow or unreadable: trying again may help.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// For the log.
        reason: String,
        /// The pause that the provider asks for, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The provider's account has no money left.
    #[error("quota exhausted")]
    QuotaExhausted,
    /// The model refused to answer.
    #[error("refused")]
    Refused,
    /// The answer was cut off at the token limit.
    #[error("truncated")]
    Truncated,
    /// The answer does not fit the schema.
    #[error("answer does not fit the schema: {0}")]
    Invalid(String),
    /// The provider rejected the request: a defect of ours or a wrong key.
    #[error("rejected: {0}")]
    Rejected(String),
}
