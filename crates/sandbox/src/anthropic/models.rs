//! The Claude models the sandbox plays.

use crate::latency::ModelSpeed;

/// A model and how it behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    /// The alias that is asked for.
    pub(super) name: &'static str,
    /// What answers and is named in the answer.
    pub(super) snapshot: &'static str,
    pub(super) display_name: &'static str,
    /// No shorter prefix is cached, in tokens.
    pub(super) cache_floor: u64,
    pub(super) output_tokens_max: u64,
    pub(super) speed: ModelSpeed,
    /// The efforts it knows; none for a model that has no such parameter.
    pub(super) efforts: &'static [&'static str],
}

const EFFORTS_4_5: &[&str] = &["low", "medium", "high"];
const EFFORTS_4_6: &[&str] = &["low", "medium", "high", "max"];
const EFFORTS_5: &[&str] = &["low", "medium", "high", "xhigh", "max"];

const fn speed(first_token_s: f64, tokens_per_s: f64) -> ModelSpeed {
    ModelSpeed { first_token_s, tokens_per_s }
}

const fn model(
    name: &'static str,
    snapshot: &'static str,
    display_name: &'static str,
    cache_floor: u64,
    output_tokens_max: u64,
    speed: ModelSpeed,
    efforts: &'static [&'static str],
) -> Model {
    Model { name, snapshot, display_name, cache_floor, output_tokens_max, speed, efforts }
}

#[rustfmt::skip]
const MODELS: [Model; 12] = [
    model("claude-haiku-4-5", "claude-haiku-4-5-20251001", "Claude Haiku 4.5", 4_096, 64_000, speed(0.6, 140.0), &[]),
    model("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", 1_024, 64_000, speed(1.3, 65.0), &[]),
    model("claude-sonnet-4-6", "claude-sonnet-4-6", "Claude Sonnet 4.6", 1_024, 128_000, speed(1.2, 68.0), EFFORTS_4_6),
    model("claude-sonnet-5", "claude-sonnet-5", "Claude Sonnet 5", 1_024, 128_000, speed(1.1, 75.0), EFFORTS_5),
    // The floors of the 5.5 models are not confirmed: those of their forerunners are taken.
    model("claude-sonnet-5-5", "claude-sonnet-5-5", "Claude Sonnet 5.5", 1_024, 128_000, speed(1.0, 85.0), EFFORTS_5),
    model("claude-haiku-5-5", "claude-haiku-5-5", "Claude Haiku 5.5", 4_096, 128_000, speed(0.5, 160.0), EFFORTS_5),
    model("claude-opus-4-5", "claude-opus-4-5-20251101", "Claude Opus 4.5", 4_096, 64_000, speed(1.6, 55.0), EFFORTS_4_5),
    model("claude-opus-4-6", "claude-opus-4-6", "Claude Opus 4.6", 4_096, 128_000, speed(1.6, 55.0), EFFORTS_4_6),
    model("claude-opus-4-7", "claude-opus-4-7", "Claude Opus 4.7", 2_048, 128_000, speed(1.6, 55.0), EFFORTS_5),
    model("claude-opus-4-8", "claude-opus-4-8", "Claude Opus 4.8", 1_024, 128_000, speed(1.5, 60.0), EFFORTS_5),
    model("claude-opus-5", "claude-opus-5", "Claude Opus 5", 512, 128_000, speed(1.5, 60.0), EFFORTS_5),
    model("claude-opus-5-5", "claude-opus-5-5", "Claude Opus 5.5", 512, 128_000, speed(1.4, 65.0), EFFORTS_5),
];

impl Model {
    /// By alias or snapshot.
    pub(super) fn find(name: &str) -> Option<Self> {
        MODELS.into_iter().find(|model| model.name == name || model.snapshot == name)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        MODELS.into_iter()
    }
}
