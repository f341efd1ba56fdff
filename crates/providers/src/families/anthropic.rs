//! Anthropic's models.

use std::time::Duration;

use jiff::civil::date;
use oslira_app::features::judging::Effort;

use super::{CacheRule, Efforts, Family, Price, price};

/// How a model is told whether to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// Not at all: the effort says it, or the model thinks only when asked to.
    ByEffort,
    /// It thinks unless this word forbids it; otherwise it is told to think as it sees fit.
    Unless(&'static str),
    /// It always thinks as it sees fit.
    Always,
}

impl Thinking {
    /// The `type` of the request's `thinking`.
    #[must_use]
    pub const fn word(self, effort: Effort) -> Option<&'static str> {
        match (self, effort) {
            (Self::ByEffort, _) => None,
            (Self::Unless(word), Effort::Minimal) => Some(word),
            (Self::Unless(_) | Self::Always, _) => Some("adaptive"),
        }
    }
}

const LOW: Option<Efforts> = Some(Efforts { least: "low" });

/// Models before the tokenizer of Claude 5: about 15 % more tokens than `o200k`.
const fn claude_4(name: &'static str, efforts: Option<Efforts>, floor_tokens: u32, price: Price) -> Family {
    Family {
        name,
        efforts,
        thinking: Thinking::ByEffort,
        has_temperature: false,
        cache: Some(CacheRule { breakpoint: true, floor_tokens, life: Duration::from_secs(300) }),
        tokens_percent: 115,
        price: Some(price),
        retires_on: None,
    }
}

/// Their tokenizer counts about 30 % more for the same text than that of Claude 4.
const fn claude_5(name: &'static str, thinking: Thinking, floor_tokens: u32, price: Price) -> Family {
    Family { thinking, tokens_percent: 150, ..claude_4(name, LOW, floor_tokens, price) }
}

/// Dollars for a million tokens, whatever the prompt's length.
const fn flat(input: f64, cached: f64, cache_write: f64, output: f64) -> Price {
    Price { input_tokens_max: u64::MAX, ..price(input, cached, cache_write, output) }
}

/// Longer prompts cost five times as much.
const HAIKU_5_5: Price = Price { input_tokens_max: 100_000, ..price(0.10, 0.01, 0.125, 0.50) };

/// The models that are known. Cache writes are those that are kept for five minutes. Claude's dates are promises ("not
/// before") until Anthropic's list says `retires_at`.
#[rustfmt::skip]
pub(super) const MODELS: [Family; 10] = [
    claude_5("claude-haiku-5-5", Thinking::Unless("disabled"), 512, HAIKU_5_5),
    // It cannot be forbidden to think; between tools, of which there are none, is the least.
    claude_5("claude-sonnet-5-5", Thinking::Unless("between_tools"), 512, flat(2.0, 0.10, 2.50, 10.0)),
    claude_5("claude-opus-5-5", Thinking::Always, 512, flat(4.0, 0.20, 5.0, 20.0)),
    claude_5("claude-opus-5", Thinking::Always, 512, flat(5.0, 0.50, 6.25, 25.0)),
    claude_5("claude-sonnet-5", Thinking::Always, 1_024, flat(2.0, 0.20, 2.50, 10.0)),
    claude_4("claude-haiku-4-5", None, 4_096, flat(1.0, 0.10, 1.25, 5.0)),
    Family {
        retires_on: Some(date(2026, 11, 30)),
        ..claude_4("claude-sonnet-4-5", None, 1_024, flat(3.0, 0.30, 3.75, 15.0))
    },
    claude_4("claude-sonnet-4-6", LOW, 1_024, flat(3.0, 0.30, 3.75, 15.0)),
    Family {
        price: None, retires_on: Some(date(2027, 1, 22)),
        ..claude_4("claude-opus-4-5", LOW, 4_096, flat(5.0, 0.50, 6.25, 25.0))
    },
    Family { price: None, ..claude_4("claude-opus-4-8", LOW, 1_024, flat(5.0, 0.50, 6.25, 25.0)) },
];

/// A newer model than those: its floor is taken for the highest that there is.
pub(super) const UNKNOWN: Family = Family { price: None, ..claude_5("claude-", Thinking::Always, 4_096, HAIKU_5_5) };
