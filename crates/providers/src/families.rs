//! What each model takes, caches and costs, and until when it lives: the one table that requests, bills, warnings and
//! `cargo xtask models` read.
//!
//! A model that is not named in it is treated by its name: one of OpenAI's or Anthropic's newer generations like the
//! newest that is known, with the lowest effort that every generation takes; anything else like a server that only
//! speaks the same protocol, which is sent nothing it might refuse. Neither has a price: a guessed one would be booked.

mod anthropic;
mod openai;

use std::time::Duration;

use jiff::civil::Date;
use oslira_app::features::judging::{Effort, LifecycleStatus, ModelChoice, ModelLifecycle, ModelName};

pub use self::anthropic::Thinking;

/// A model, or all models whose name begins alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// The model's name at its provider; in the entries for unknown models, how the name begins.
    pub name: &'static str,
    /// The efforts it takes; `None` if it has no such parameter.
    pub efforts: Option<Efforts>,
    /// How Claude models are told whether to think; OpenAI's are told by the effort alone.
    pub thinking: Thinking,
    /// Whether it is asked for temperature 0: models that do not reason take it, the others refuse it.
    pub has_temperature: bool,
    /// How it caches prompts; `None` if we ask it for nothing.
    pub cache: Option<CacheRule>,
    /// How many of its tokens a text has for each 100 of the tokens that limits are written in (OpenAI's `o200k`).
    pub tokens_percent: u32,
    /// What its tokens cost; `None` if nobody told.
    pub price: Option<Price>,
    /// The day on which its provider shuts it down, as far as that was announced when this table was written. The
    /// provider's own list is newer.
    pub retires_on: Option<Date>,
}

/// Which efforts of ours a model takes, always sent, because the default would be medium or high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Efforts {
    /// Its word for thinking as little as it can: `none`, `minimal` or `low`.
    pub least: &'static str,
}

impl Efforts {
    /// The model's own word.
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
    /// Whether the request marks where the prefix ends. Without the mark OpenAI's models from gpt-5.6 on would write
    /// prefix and profile together and never read them again.
    pub breakpoint: bool,
    /// No shorter prefix is cached, in the model's tokens.
    pub floor_tokens: u32,
    /// How long an entry is kept after its last use.
    pub life: Duration,
}

/// What tokens cost, in trillionths of a dollar each; standard service tier, default region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// An input token that is neither read from the cache nor written to it.
    pub input: u64,
    /// An input token read from the cache.
    pub cached: u64,
    /// An input token written to the cache, for the time that [`CacheRule::life`] says.
    pub cache_write: u64,
    /// An output token, reasoning included.
    pub output: u64,
    /// Longer prompts cost more, by rates that are not in this table.
    pub input_tokens_max: u64,
}

/// When the prices were read. Sources: litellm 1.110.2 (MIT), `model_prices_and_context_window_backup.json`; the gpt-6
/// models, Haiku 5.5 and Sonnet 5.5 compared with the providers' own pages.
pub const PRICES_AS_OF: Date = jiff::civil::date(2026, 11, 25);

/// From here on OpenAI's models cost more.
const LONG_PROMPT_TOKENS: u64 = 272_000;

/// Dollars for a million tokens, as price lists have them.
const fn price(input: f64, cached: f64, cache_write: f64, output: f64) -> Price {
    Price {
        input: picousd_per_token(input),
        cached: picousd_per_token(cached),
        cache_write: picousd_per_token(cache_write),
        output: picousd_per_token(output),
        input_tokens_max: LONG_PROMPT_TOKENS,
    }
}

/// Exact for every price in use: they are whole millionths of a dollar for a million tokens.
const fn picousd_per_token(usd_per_million: f64) -> u64 {
    (usd_per_million * 1e6 + 0.5) as u64
}

impl Family {
    /// The family of a configured model.
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

    /// A limit on an answer in this model's tokens, rounded up.
    #[must_use]
    pub const fn tokens(self, o200k_tokens: u32) -> u32 {
        (o200k_tokens.saturating_mul(self.tokens_percent)).div_ceil(100)
    }
}

/// What this table knows of the end of every model in use.
#[must_use]
pub fn announced(choice: &ModelChoice) -> Vec<ModelLifecycle> {
    let lifecycle = |model: ModelName| {
        let retires_on = Family::of(&model).retires_on?;
        Some(ModelLifecycle { model, status: LifecycleStatus::Unknown, retires_on: Some(retires_on) })
    };
    choice.in_use().into_keys().filter_map(lifecycle).collect()
}

/// By name, or by the name of a dated snapshot.
fn named(models: &[Family], name: &str) -> Option<Family> {
    let base = base_name(name);
    models.iter().find(|family| family.name == name || Some(family.name) == base).copied()
}

fn beginning(families: &[Family], name: &str) -> Option<Family> {
    families.iter().find(|family| name.starts_with(family.name)).copied()
}

/// The name without the date of a snapshot at its end, as OpenAI (`-2024-07-18`) or Anthropic (`-20251001`) writes it.
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
