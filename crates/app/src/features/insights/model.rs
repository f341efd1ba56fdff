//! What customers see of their account's runs. A run belongs to the day (UTC) on which it ended.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{features::auth::Spender, shared::analysis_type::AnalysisType};

/// Times that so many of the runs do not exceed: half of them, 95 and 99 in a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    pub p50_ms: u64,
    pub p95_ms: u64,
    pub p99_ms: u64,
}

/// How long complete analyses of a type took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisLatency {
    pub analysis_type: AnalysisType,
    /// Whether their profiles came from the cache.
    pub cached: bool,
    pub runs: u64,
    /// From the request to the stored result.
    pub total: Percentiles,
    /// Until a workflow took them up.
    pub waiting: Option<Percentiles>,
    /// From then until the profile was there: looked up, and scraped if it was not in the cache.
    pub reading: Option<Percentiles>,
    /// From then to the stored result: the models' answers.
    pub judging: Option<Percentiles>,
}

/// How long complete analyses took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyInsight {
    pub first_day: Date,
    pub last_day: Date,
    /// Exact for up to a thousand analyses in all; of more, each time is within 1 % (or a millisecond).
    pub analyses: Vec<AnalysisLatency>,
}

/// The credits of a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditsOfType {
    pub analysis_type: AnalysisType,
    /// Those that ended, however.
    pub runs: u64,
    /// Spent.
    pub credits: u64,
    /// Came back when they ended. What our support gave back later is an adjustment, and not in here.
    pub refunded: u64,
    /// Spent for each complete analysis; null without one.
    pub credits_each: Option<f64>,
}

/// The credits of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditsOfDay {
    pub day: Date,
    pub runs: u64,
    pub credits: u64,
    pub refunded: u64,
}

/// What analyses cost, in credits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditInsight {
    pub first_day: Date,
    pub last_day: Date,
    pub runs: u64,
    pub credits: u64,
    pub refunded: u64,
    pub by_type: Vec<CreditsOfType>,
    /// Days without a run are left out.
    pub by_day: Vec<CreditsOfDay>,
}

/// Cache hits of a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CacheOfType {
    pub analysis_type: AnalysisType,
    pub complete: u64,
    pub cached: u64,
    pub share: Option<f64>,
}

/// Cache hits of a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CacheOfDay {
    pub day: Date,
    pub complete: u64,
    pub cached: u64,
    pub share: Option<f64>,
}

/// How many complete analyses found their profile in the cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CacheInsight {
    pub first_day: Date,
    pub last_day: Date,
    pub complete: u64,
    pub cached: u64,
    /// 0 to 1; null without a complete analysis.
    pub share: Option<f64>,
    pub by_type: Vec<CacheOfType>,
    pub by_day: Vec<CacheOfDay>,
}

/// Runs that failed for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureCode {
    /// As in `error.code` of a run.
    pub code: String,
    pub runs: u64,
    /// Whether it counts against the success rate: what only says something of the profile does not.
    pub is_ours: bool,
}

/// How the runs of a type ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomesOfType {
    pub analysis_type: AnalysisType,
    pub complete: u64,
    pub failed: u64,
    pub failed_by_us: u64,
    pub cancelled: u64,
    pub success_rate: Option<f64>,
}

/// How the runs of a day ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomesOfDay {
    pub day: Date,
    pub complete: u64,
    pub failed: u64,
    pub failed_by_us: u64,
    pub cancelled: u64,
    pub success_rate: Option<f64>,
}

/// How runs ended, and why some failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorInsight {
    pub first_day: Date,
    pub last_day: Date,
    pub complete: u64,
    pub failed: u64,
    /// Of those that failed: not for what the profile is (it does not exist, is private, or was erased).
    pub failed_by_us: u64,
    pub cancelled: u64,
    /// Complete runs among those that are complete or failed by us, 0 to 1; null without any.
    pub success_rate: Option<f64>,
    /// The most frequent first.
    pub by_code: Vec<FailureCode>,
    pub by_type: Vec<OutcomesOfType>,
    pub by_day: Vec<OutcomesOfDay>,
}

/// A type's part of the credits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrivingType {
    pub analysis_type: AnalysisType,
    pub credits: u64,
    /// 0 to 1.
    pub share: f64,
}

/// A spender's part of the credits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrivingSpender {
    pub spender: Spender,
    pub credits: u64,
    /// 0 to 1.
    pub share: f64,
}

/// What credits went for, and who spent them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditDrivers {
    pub first_day: Date,
    pub last_day: Date,
    /// The dearest first.
    pub by_type: Vec<DrivingType>,
    /// The twenty who spent most; by the day on which the analyses were bought.
    pub by_spender: Vec<DrivingSpender>,
}
