//! What operators see of the runs of all accounts. A provider's call belongs to the day (UTC) on which it was recorded.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AnalysisLatency, CacheOfDay, CacheOfType, FailureCode, OutcomesOfDay, OutcomesOfType, Percentiles};
use crate::shared::{analysis_type::AnalysisType, ids::AccountId};

/// What a provider was called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProviderCallKind")]
pub enum CallKind {
    Ai,
    Scrape,
}

/// How long an AI call took with a model, or an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallLatency {
    pub kind: CallKind,
    pub provider: String,
    /// The AI call, or the actor.
    pub name: String,
    /// Of an AI call.
    pub model: Option<String>,
    pub calls: u64,
    pub took: Percentiles,
}

/// How long complete analyses and the providers' calls took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemLatency {
    pub first_day: Date,
    pub last_day: Date,
    /// Exact for up to a thousand analyses in all; of more, each time is within 1 % (or a millisecond).
    pub analyses: Vec<AnalysisLatency>,
    /// Within 1 % (or a millisecond).
    pub calls: Vec<CallLatency>,
}

/// What the analyses of a type cost us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostsOfType {
    pub analysis_type: AnalysisType,
    /// Analyses with a result.
    pub complete: u64,
    pub ai_usd: f64,
    pub scrape_usd: f64,
    /// All of it, those without a result included, for each that has one; null without any.
    pub usd_each: Option<f64>,
}

/// What a provider cost us on a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostsOfDay {
    pub day: Date,
    pub provider: String,
    pub calls: u64,
    pub usd: f64,
}

/// What analyses cost us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemCosts {
    pub first_day: Date,
    pub last_day: Date,
    pub usd: f64,
    pub ai_usd: f64,
    pub scrape_usd: f64,
    /// AI calls without a known price: what they cost is missing here.
    pub unpriced_calls: u64,
    /// The part of the input tokens that providers read from their caches, 0 to 1; null without any.
    pub cached_token_share: Option<f64>,
    pub by_type: Vec<CostsOfType>,
    pub by_day: Vec<CostsOfDay>,
}

/// What of a model's prompts was read from a cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCache {
    pub model: String,
    pub calls: u64,
    /// Answers from the gateway's own cache.
    pub gateway_hits: u64,
    pub input_tokens: u64,
    pub cached_tokens: u64,
    pub cached_token_share: Option<f64>,
}

/// What came from caches: profiles, and tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemCache {
    pub first_day: Date,
    pub last_day: Date,
    pub complete: u64,
    pub cached: u64,
    pub share: Option<f64>,
    pub by_type: Vec<CacheOfType>,
    pub by_day: Vec<CacheOfDay>,
    pub models: Vec<TokenCache>,
}

/// How the calls of a name ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallOutcome {
    pub kind: CallKind,
    pub provider: String,
    pub name: String,
    /// The provider's word, as it was recorded.
    pub outcome: String,
    pub calls: u64,
}

/// How runs and the providers' calls ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemErrors {
    pub first_day: Date,
    pub last_day: Date,
    pub complete: u64,
    pub failed: u64,
    pub failed_by_us: u64,
    pub cancelled: u64,
    pub success_rate: Option<f64>,
    pub by_code: Vec<FailureCode>,
    pub by_type: Vec<OutcomesOfType>,
    pub by_day: Vec<OutcomesOfDay>,
    pub calls: Vec<CallOutcome>,
}

/// What an account cost us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrivingAccount {
    pub account_id: AccountId,
    pub ai_usd: f64,
    pub scrape_usd: f64,
    pub usd: f64,
    /// Of what all accounts cost, 0 to 1; null if nothing cost anything.
    pub share: Option<f64>,
}

/// What an AI call with a model, or an actor, cost us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrivingCall {
    pub kind: CallKind,
    pub provider: String,
    pub name: String,
    pub model: Option<String>,
    pub calls: u64,
    pub usd: f64,
    pub share: Option<f64>,
}

/// What costs us most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemDrivers {
    pub first_day: Date,
    pub last_day: Date,
    /// The twenty dearest.
    pub accounts: Vec<DrivingAccount>,
    /// The twenty dearest.
    pub calls: Vec<DrivingCall>,
}
