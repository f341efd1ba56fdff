//! The table of Anthropic's models.

use std::time::Duration;

use jiff::civil::date;
use oslira_app::features::judging::Effort;

use super::{CacheRule, Efforts, Family, Price, price};

/// How a model is told whether to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// Nothing is sent: the effort says it, or the model thinks only when asked to.
    ByEffort,
    /// It thinks adaptively unless this word is sent, which turns thinking off or down to the least it allows.
    Unless(&'static str),
    /// It always thinks adaptively.
    Always,
}

impl Thinking {
    /// The value of `thinking.type` in the request; `None` to leave `thinking` out.
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

/// Models with the tokenizer before Claude 5: about 15 % more tokens than `o200k`.
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

/// Models with the tokenizer of Claude 5: about 30 % more tokens for the same text than Claude 4.
const fn claude_5(name: &'static str, thinking: Thinking, floor_tokens: u32, price: Price) -> Family {
    Family { thinking, tokens_percent: 150, ..claude_4(name, LOW, floor_tokens, price) }
}

/// A price in dollars per million tokens that does not depend on the prompt's length.
const fn flat(input: f64, cached: f64, cache_write: f64, output: f64) -> Price {
    Price { input_tokens_max: u64::MAX, ..price(input, cached, cache_write, output) }
}

/// Longer prompts cost five times as much.
const HAIKU_5_5: Price = Price { input_tokens_max: 100_000, ..price(0.10, 0.01, 0.125, 0.50) };

/// The known models. Cache writes are priced for the five-minute cache. A `retires_on` is here only for models with an
/// announced end: Anthropic's "not before" dates are a minimum, not an end.
#[rustfmt::skip]
pub(super) const MODELS: [Family; 10] = [
    claude_5("claude-haiku-5-5", Thinking::Unless("disabled"), 512, HAIKU_5_5),
    // Its thinking cannot be turned off. `between_tools` is the least, and our requests have no tools.
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

/// Any other Claude model, probably a newer one. Its cache floor is assumed to be the highest known.
pub(super) const UNKNOWN: Family = Family { price: None, ..claude_5("claude-", Thinking::Always, 4_096, HAIKU_5_5) };
