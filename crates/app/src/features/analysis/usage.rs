//! What providers bill, as it is recorded: once per bill, whatever became of the work. The SQL function
//! `system.record_usage` reads the fields by their names.

use serde::{Deserialize, Serialize};

use crate::features::{
    judging::{AiUsage, CallKind},
    profiles::{Found, InstagramHandle, ScrapeUsage},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageRecord {
    Ai(AiBill),
    Scrape(ScrapeBill),
}

/// What one AI call will be billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiBill {
    pub call: CallKind,
    /// `openai`, `anthropic` or `sandbox`.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// Input tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Input tokens written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Reasoning tokens within the output.
    pub reasoning_tokens: u64,
    /// In millionths of a dollar; `None` when the model has no price.
    pub cost_microusd: Option<u64>,
    pub duration_ms: u64,
    pub finish_reason: String,
    /// Whether the gateway answered from its own cache; `None` without a gateway.
    pub gateway_hit: Option<bool>,
}

impl AiBill {
    pub(super) fn of(call: CallKind, usage: &AiUsage) -> Self {
        // Without the response id, which is the key that a bill is recorded under.
        Self {
            call,
            provider: usage.provider.clone(),
            model: usage.model.clone(),
            input_tokens: usage.input_tokens,
            cached_tokens: usage.cached_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            output_tokens: usage.output_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            cost_microusd: usage.cost_microusd,
            duration_ms: usage.duration_ms,
            finish_reason: usage.finish_reason.clone(),
            gateway_hit: usage.gateway_hit,
        }
    }
}

/// What one scrape will be billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeBill {
    pub actor: String,
    pub username: InstagramHandle,
    /// Billed results.
    pub results: u32,
    /// In millionths of a dollar.
    pub cost_microusd: u64,
    /// How long the actor ran; `None` when the provider does not say.
    pub duration_ms: Option<u64>,
    pub outcome: ScrapeOutcome,
}

/// What a billed scrape found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScrapeOutcome {
    Profile,
    Posts,
    NotFound,
    Private,
    /// The profile is shown to some viewers only.
    Restricted,
    /// The scrape ended, but what it gave answers nothing.
    Unusable,
}

impl ScrapeOutcome {
    /// As it is written everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Posts => "posts",
            Self::NotFound => "not_found",
            Self::Private => "private",
            Self::Restricted => "restricted",
            Self::Unusable => "unusable",
        }
    }
}

impl ScrapeBill {
    pub(super) fn of(username: &InstagramHandle, found: &Found, usage: &ScrapeUsage) -> Self {
        Self {
            actor: usage.actor.clone(),
            username: username.clone(),
            results: usage.results,
            cost_microusd: usage.cost_microusd,
            duration_ms: usage.duration_ms,
            outcome: match found {
                Found::Profile(_) => ScrapeOutcome::Profile,
                Found::Posts(_) => ScrapeOutcome::Posts,
                Found::NotFound => ScrapeOutcome::NotFound,
                Found::Private => ScrapeOutcome::Private,
                Found::Restricted => ScrapeOutcome::Restricted,
                Found::Unusable(_) => ScrapeOutcome::Unusable,
            },
        }
    }

    /// The same scrape where somebody else has counted what it cost.
    pub(super) fn without_amounts(&self) -> Self {
        Self { results: 0, cost_microusd: 0, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_models_bill_is_what_the_database_reads() {
        let usage = AiUsage {
            response_id: "response-1".to_owned(),
            provider: "openai".to_owned(),
            model: "gpt-6-luna".to_owned(),
            input_tokens: 2_000,
            cached_tokens: 1_024,
            cache_write_tokens: 64,
            output_tokens: 300,
            reasoning_tokens: 20,
            cost_microusd: None,
            gateway_hit: Some(true),
            duration_ms: 1_500,
            finish_reason: "stop".to_owned(),
        };
        let expected = json!({
            "call": "approach", "provider": "openai", "model": "gpt-6-luna", "input_tokens": 2_000,
            "cached_tokens": 1_024, "cache_write_tokens": 64, "output_tokens": 300, "reasoning_tokens": 20,
            "cost_microusd": null, "duration_ms": 1_500, "finish_reason": "stop", "gateway_hit": true,
        });
        assert_eq!(json!(AiBill::of(CallKind::Approach, &usage)), expected);
    }

    #[test]
    fn a_scrapes_bill_is_what_the_database_reads() {
        let usage = ScrapeUsage {
            source: "apify".to_owned(),
            actor: "apify~instagram-scraper".to_owned(),
            results: 50,
            cost_microusd: 135_000,
            duration_ms: None,
        };
        for (found, outcome) in [
            (Found::Posts(vec![]), "posts"),
            (Found::NotFound, "not_found"),
            (Found::Private, "private"),
            (Found::Restricted, "restricted"),
            (Found::Unusable("an empty list".to_owned()), "unusable"),
        ] {
            let expected = json!({
                "actor": "apify~instagram-scraper", "username": "someone", "results": 50, "cost_microusd": 135_000,
                "duration_ms": null, "outcome": outcome,
            });
            let bill = ScrapeBill::of(&"someone".parse().unwrap(), &found, &usage);
            assert_eq!((json!(bill), bill.outcome.as_str()), (expected, outcome));
        }
    }
}
