//! What operators are told of one run, and of all since a moment.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    features::analysis::{Phase, RunStatus},
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, RunId},
    },
};

/// A scrape of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScrapeTimes {
    pub actor: String,
    /// The provider's word.
    pub outcome: String,
    /// Profiles or posts.
    pub results: u64,
    pub took_ms: u64,
    pub usd: f64,
}

/// An AI call of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AiCallTimes {
    /// What it was for.
    pub call: String,
    pub provider: String,
    pub model: String,
    pub took_ms: u64,
    /// All of the prompt's; the next two are parts of it.
    pub input_tokens: u64,
    /// Read from the provider's cache.
    pub cached_tokens: u64,
    /// Written to the provider's cache.
    pub cache_write_tokens: u64,
    /// All of the answer's; the next is a part of it.
    pub output_tokens: u64,
    pub reasoning_tokens: u64,
    /// Null for a model without a known price.
    pub usd: Option<f64>,
    /// The provider's word.
    pub finish_reason: Option<String>,
    /// Whether our gateway answered from its own cache; null without a gateway.
    pub gateway_hit: Option<bool>,
}

/// Where the time of a run went, and what its calls took and cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunTimings {
    pub id: RunId,
    pub account_id: AccountId,
    pub analysis_type: AnalysisType,
    pub status: RunStatus,
    /// The last one that it reached.
    pub phase: Option<Phase>,
    /// Whether its profile came from the cache; null unless it is complete.
    pub cache_hit: Option<bool>,
    /// Why it failed.
    pub error_code: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// From the request to the first step of its workflow: the start of the engine. Null before it.
    pub waiting_ms: Option<u64>,
    /// From then until the profile was there. Null before it, and where no model was asked.
    pub reading_ms: Option<u64>,
    /// From then to the end.
    pub judging_ms: Option<u64>,
    /// From the request to the end.
    pub total_ms: Option<u64>,
    /// In the order in which they were recorded.
    pub scrapes: Vec<ScrapeTimes>,
    /// The same.
    pub calls: Vec<AiCallTimes>,
}

/// How the runs of a type went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunHealth {
    pub analysis_type: AnalysisType,
    /// Asked for in this time. The others ended in it.
    pub begun: u64,
    pub complete: u64,
    pub failed: u64,
    /// Of these, those of which no profile is to blame.
    pub failed_by_us: u64,
    pub cancelled: u64,
    /// Those whose credits came back when they ended.
    pub refunded: u64,
    /// 95 of 100 complete ones took no longer, from the request to the result; lines of bulks left out. Null without any.
    pub p95_ms: Option<u64>,
}

/// Events of Stripe's that have not been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookHealth {
    /// Of those that were received, or put back, in this time.
    pub unapplied: u64,
    /// How long the oldest of them has waited; 0 without any.
    pub oldest_wait_s: u64,
    /// Of those from before.
    pub unapplied_before: u64,
}

/// Messages that a queue has given up in this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetters {
    pub queue: String,
    /// Since a day passed without one: some may be older than what is asked about.
    pub messages: u64,
    pub last_at: Timestamp,
}

/// How a scheduled job did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobHealth {
    pub job: String,
    /// How often it did its work in this time.
    pub ok: u64,
    pub failed: u64,
    /// How often it began and never ended.
    pub died: u64,
    /// When it last did its work, also before this time.
    pub last_ok_at: Option<Timestamp>,
    /// Whether that is too long ago.
    pub is_silent: bool,
}

/// An alarm that began in this time, or has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RaisedAlarm {
    /// Which one (docs/insights.md).
    pub alarm: String,
    /// Which of several; else empty.
    pub subject: String,
    /// What was found when it began, and the limit.
    pub value: f64,
    pub threshold: f64,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

/// How everything went since a moment, by the database's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthSummary {
    pub since: Timestamp,
    /// Now.
    pub until: Timestamp,
    /// The share of complete runs, without what was cancelled and what a profile is to blame for: 0 to 1; null without any.
    pub success_rate: Option<f64>,
    /// Every type once.
    pub runs: Vec<RunHealth>,
    pub webhooks: WebhookHealth,
    pub dead_letters: Vec<DeadLetters>,
    /// Every scheduled job once.
    pub jobs: Vec<JobHealth>,
    /// Newest first; at most a hundred.
    pub alarms: Vec<RaisedAlarm>,
}
