//! What each model accepts, caches and costs, and when its provider shuts it down: the one table that requests, bills,
//! warnings and `cargo xtask models` read.
//!
//! A model that is not in the table is judged by its name. A newer generation of OpenAI or Anthropic is treated like
//! the newest known one, with an effort that every generation accepts. Anything else is treated like a server that only
//! speaks the same protocol, and is sent no parameter that it might refuse. Neither has a price, because a guessed
//! price would end up in the cost records.

mod anthropic;
mod openai;

use std::time::Duration;

use jiff::civil::Date;
use oslira_app::features::judging::{Effort, LifecycleStatus, ModelChoice, ModelLifecycle, ModelName};

pub use self::anthropic::Thinking;

/// A model, or all models whose names begin the same way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// The model's name at its provider; in the entries for unknown models, how the name begins.
    pub name: &'static str,
    /// The reasoning efforts it accepts; `None` if it has no such parameter.
    pub efforts: Option<Efforts>,
    /// How Claude models are told whether to think; for OpenAI's the effort says it.
    pub thinking: Thinking,
    /// Whether it is sent temperature 0: models that do not reason accept it, the others refuse it.
    pub has_temperature: bool,
    /// How it caches prompts; `None` if we send nothing about caching.
    pub cache: Option<CacheRule>,
    /// Its tokens per 100 tokens of `o200k` for the same text. Our limits are written in `o200k`, OpenAI's tokenizer.
    pub tokens_percent: u32,
    /// What its tokens cost; `None` if not known.
    pub price: Option<Price>,
    /// The shutdown date that was announced when this table was written. The provider's own list of models is newer.
    pub retires_on: Option<Date>,
}

/// The model's words for our efforts. One is always sent, because the default is medium or high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Efforts {
    /// Its word for the least reasoning: `none`, `minimal` or `low`.
    pub least: &'static str,
}

impl Efforts {
    #[must_use]
    pub const fn word(self, effort: Effort) -> &'static str {
        match effort {
            Effort::Minimal => self.least,
            Effort::Low => "low",
            Effort::Medium => "medium",
        }
    }
}

/// How a provider caches the beginning of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheRule {
    /// Whether the request marks where the prefix ends. Without the mark, OpenAI's models from gpt-5.6 on cache prefix
    /// and profile as one entry that no later call can use.
    pub breakpoint: bool,
    /// The shortest prefix that is cached, in the model's tokens.
    pub floor_tokens: u32,
    /// How long a cache entry is kept after its last use.
    pub life: Duration,
}

/// Prices in trillionths of a dollar (10^-12) per token; standard service tier, default region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// An input token that is neither read from the cache nor written to it.
    pub input: u64,
    /// An input token read from the cache.
    pub cached: u64,
    /// An input token written to the cache, kept for [`CacheRule::life`].
    pub cache_write: u64,
    /// An output token, reasoning included.
    pub output: u64,
    /// The longest prompt to which these prices apply; longer ones cost more, and those rates are not in this table.
    pub input_tokens_max: u64,
}

/// The date of the prices. Sources: litellm 1.110.2 (MIT), `model_prices_and_context_window_backup.json`; the gpt-6
/// models, Haiku 5.5 and Sonnet 5.5 compared with the providers' own pages.
pub const PRICES_AS_OF: Date = jiff::civil::date(2026, 11, 25);

/// OpenAI charges more for the whole request when the prompt is longer than this.
const LONG_PROMPT_TOKENS: u64 = 272_000;

/// From dollars per million tokens, the unit of the providers' price lists.
const fn price(input: f64, cached: f64, cache_write: f64, output: f64) -> Price {
    Price {
        input: picousd_per_token(input),
        cached: picousd_per_token(cached),
        cache_write: picousd_per_token(cache_write),
        output: picousd_per_token(output),
        input_tokens_max: LONG_PROMPT_TOKENS,
    }
}

/// Exact for every price in use: each is a whole number of millionths of a dollar per million tokens. A price in
/// millionths of a dollar per token would be a fraction.
const fn picousd_per_token(usd_per_million: f64) -> u64 {
    (usd_per_million * 1e6 + 0.5) as u64
}

impl Family {
    #[must_use]
    pub fn of(model: &ModelName) -> Self {
        match model.provider() {
            "openai" => Self::of_openai(model.model()),
            _ => Self::of_anthropic(model.model()),
        }
    }

    /// The family of one of OpenAI's models, or of a model on a server that speaks Chat Completions.
    #[must_use]
    pub fn of_openai(name: &str) -> Self {
        named(&openai::MODELS, name).or_else(|| beginning(&openai::UNKNOWN, name)).unwrap_or(openai::COMPATIBLE)
    }

    /// The family of one of Anthropic's models.
    #[must_use]
    pub fn of_anthropic(name: &str) -> Self {
        named(&anthropic::MODELS, name).unwrap_or(anthropic::UNKNOWN)
    }

    /// Converts a limit from `o200k` tokens to this model's tokens, rounded up.
    #[must_use]
    pub const fn tokens(self, o200k_tokens: u32) -> u32 {
        (o200k_tokens.saturating_mul(self.tokens_percent)).div_ceil(100)
    }
}

/// The shutdown dates in this table of the models in use.
#[must_use]
pub fn announced(choice: &ModelChoice) -> Vec<ModelLifecycle> {
    let lifecycle = |model: ModelName| {
        let retires_on = Family::of(&model).retires_on?;
        Some(ModelLifecycle { model, status: LifecycleStatus::Unknown, retires_on: Some(retires_on) })
    };
    choice.in_use().into_keys().filter_map(lifecycle).collect()
}

/// Finds a model by its name or by the name of one of its dated snapshots.
fn named(models: &[Family], name: &str) -> Option<Family> {
    let base = base_name(name);
    models.iter().find(|family| family.name == name || Some(family.name) == base).copied()
}

fn beginning(families: &[Family], name: &str) -> Option<Family> {
    families.iter().find(|family| name.starts_with(family.name)).copied()
}

/// The name without a snapshot date at its end, as OpenAI (`-2024-07-18`) or Anthropic (`-20251001`) writes it; `None`
/// if there is no date.
#[must_use]
pub fn base_name(name: &str) -> Option<&str> {
    ["-0000-00-00", "-00000000"].into_iter().find_map(|form| {
        let (base, date) = name.split_at_checked(name.len().checked_sub(form.len())?)?;
        let is_date = date.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
        is_date.then_some(base)
    })
}

#[cfg(test)]
mod tests;
