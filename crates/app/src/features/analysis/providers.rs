//! The outside services an analysis pays for, as ports: a scraper and a language model. A call is one attempt; the
//! workflow repeats it, so implementations MUST NOT retry by themselves.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AnalysisType, CallKind, InstagramHandle, ModelName, Post, Profile};
use crate::shared::ids::RunId;

/// Obtains profiles. Apify's asynchronous start and poll stand behind it now, the global gate later.
#[async_trait]
pub trait ProfileSource: Send + Sync {
    /// Starts a scrape and answers its ticket at once, so that a crash between start and end does not pay twice.
    ///
    /// # Errors
    /// [`ScrapeFault`].
    async fn start(&self, username: &InstagramHandle, part: ScrapePart) -> Result<ScrapeTicket, ScrapeFault>;

    /// Waits up to `wait` for the scrape to end.
    ///
    /// # Errors
    /// [`ScrapeFault`].
    async fn collect(
        &self,
        ticket: &ScrapeTicket,
        username: &InstagramHandle,
        part: ScrapePart,
        wait: Duration,
    ) -> Result<Collected, ScrapeFault>;
}

/// What one scrape reads of a profile. A deep analysis needs both, started at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScrapePart {
    /// The profile with its [`DETAILS_POSTS`](super::config::DETAILS_POSTS) newest posts.
    Details,
    /// This many of the newest posts.
    Posts(u32),
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
    /// The posts of a public profile, newest first.
    Posts(Vec<Post>),
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
    /// Trying again will help: we asked for more at once than our plan runs. No outage of the provider's.
    #[error("{0}")]
    Crowded(String),
    /// Trying again cannot help, with this input: it was rejected.
    #[error("{0}")]
    Lasting(String),
    /// Trying again cannot help, with any input: a refused key, an account without money or plan.
    #[error("{0}")]
    Exhausted(String),
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
    /// Longest answer, reasoning included, in tokens of OpenAI's `o200k`; other models get as many of their own as the
    /// same text takes.
    pub output_tokens_max: u32,
    /// How hard to think, for models that can be told.
    pub effort: Effort,
    /// What the call is for: gateways keep it beside their logs.
    pub tags: CallTags,
    /// Names the calls that share a prefix, and with it a cache: the call and the business profile.
    pub cache_key: String,
    /// Longest wait.
    pub timeout: Duration,
}

/// How hard a reasoning model thinks. There is no `High`: it multiplies price and latency and no rubric of ours needs it.
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
    /// The run.
    pub run: RunId,
    /// Its type.
    pub analysis_type: AnalysisType,
    /// The call.
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
    /// The provider's response id.
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
    /// Cost in millionths of a dollar, rounded up; 0 for an answer from the gateway's cache, `None` when the model has no
    /// price.
    pub cost_microusd: Option<u64>,
    /// Whether the gateway answered from its own cache; `None` without a gateway.
    pub gateway_hit: Option<bool>,
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
    /// The provider has no such model any more, or not for us.
    #[error("the model is gone")]
    ModelGone,
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
