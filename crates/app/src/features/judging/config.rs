//! Which models are asked each question, how hard they think and how much they may say.

use std::time::Duration;

use super::{CallKind, Effort, ModelName};

/// How a question is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallConfig {
    /// The model that is asked first.
    pub model: ModelName,
    /// Asked when that one is overloaded, exhausted or gives no usable answer. Another provider's, so that one
    /// provider's outage does not take both.
    pub fallback: ModelName,
    pub effort: Effort,
    /// Longest answer in tokens of OpenAI's `o200k`, reasoning included: about three times what it usually takes.
    pub output_tokens_max: u32,
}

impl CallKind {
    /// The built-in numbers of this call; the environment may name other models ([`ModelChoice`](super::ModelChoice)).
    #[must_use]
    pub fn config(self) -> CallConfig {
        const LUNA: ModelName = ModelName::fixed("openai/gpt-6-luna");
        const TERRA: ModelName = ModelName::fixed("openai/gpt-6.1-terra");
        const HAIKU: ModelName = ModelName::fixed("anthropic/claude-haiku-5-5");
        const SONNET: ModelName = ModelName::fixed("anthropic/claude-sonnet-5-5");
        let (model, fallback, effort, output_tokens_max) = match self {
            Self::Light => (LUNA, HAIKU, Effort::Minimal, 1_500),
            Self::Verdict => (LUNA, HAIKU, Effort::Low, 2_000),
            Self::Needs | Self::Approach | Self::Motives | Self::Money | Self::Deal => {
                (LUNA, HAIKU, Effort::Minimal, 1_500)
            }
            Self::Outreach | Self::Personality => (LUNA, HAIKU, Effort::Minimal, 2_000),
            // The score rests on it.
            Self::Openness => (TERRA, SONNET, Effort::Low, 2_500),
        };
        CallConfig { model, fallback, effort, output_tokens_max }
    }
}

/// Longest single AI call; real ones take up to 16 s. Below a minute, because the run's heartbeat is written before the
/// call and not during it.
pub const AI_TIMEOUT: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_is_another_providers() {
        for call in CallKind::ALL {
            assert_ne!(call.config().model.provider(), call.config().fallback.provider(), "{call:?}");
        }
    }
}
