//! The models the sandbox plays.

use crate::latency::ModelSpeed;

/// A model and how it behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    /// The alias that is asked for.
    pub(super) name: &'static str,
    /// The dated snapshot that answers and is named in the answer.
    pub(super) snapshot: &'static str,
    pub(super) speed: ModelSpeed,
    /// The reasoning efforts it knows; none for a model that does not reason.
    pub(super) efforts: &'static [&'static str],
    /// Whether what a call adds to the prompt cache is counted and billed (gpt-5.6 and later).
    pub(super) bills_cache_writes: bool,
}

const GPT_5_MINI_SPEED: ModelSpeed = ModelSpeed { first_token_s: 1.0, tokens_per_s: 71.0 };
const GPT_4O_MINI_SPEED: ModelSpeed = ModelSpeed { first_token_s: 0.5, tokens_per_s: 80.0 };
const GPT_5_SPEED: ModelSpeed = ModelSpeed { first_token_s: 1.2, tokens_per_s: 80.0 };
const GPT_5_EFFORTS: &[&str] = &["minimal", "low", "medium", "high"];
const GPT_5_1_EFFORTS: &[&str] = &["none", "low", "medium", "high"];

const MODELS: [Model; 12] = [
    model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", GPT_4O_MINI_SPEED, &[]),
    model("gpt-4o", "gpt-4o-2024-08-06", GPT_5_MINI_SPEED, &[]),
    model("gpt-4.1", "gpt-4.1-2025-04-14", GPT_5_MINI_SPEED, &[]),
    model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", GPT_5_MINI_SPEED, &[]),
    model("gpt-5", "gpt-5-2025-08-07", GPT_5_SPEED, GPT_5_EFFORTS),
    model("gpt-5-mini", "gpt-5-mini-2025-08-07", GPT_5_MINI_SPEED, GPT_5_EFFORTS),
    model("gpt-5-nano", "gpt-5-nano-2025-08-07", GPT_5_MINI_SPEED, GPT_5_EFFORTS),
    model("gpt-5.1", "gpt-5.1-2025-11-13", GPT_5_MINI_SPEED, GPT_5_1_EFFORTS),
    model("gpt-5.4-mini", "gpt-5.4-mini", GPT_5_MINI_SPEED, GPT_5_1_EFFORTS),
    model("gpt-5.4-nano", "gpt-5.4-nano", GPT_5_MINI_SPEED, GPT_5_1_EFFORTS),
    Model { bills_cache_writes: true, ..model("gpt-5.6-luna", "gpt-5.6-luna", GPT_5_MINI_SPEED, GPT_5_1_EFFORTS) },
    Model { bills_cache_writes: true, ..model("gpt-5.6-terra", "gpt-5.6-terra", GPT_5_SPEED, GPT_5_1_EFFORTS) },
];

const fn model(
    name: &'static str,
    snapshot: &'static str,
    speed: ModelSpeed,
    efforts: &'static [&'static str],
) -> Model {
    Model { name, snapshot, speed, efforts, bills_cache_writes: false }
}

impl Model {
    /// By alias or snapshot.
    pub(super) fn find(name: &str) -> Option<Self> {
        MODELS.into_iter().find(|model| model.name == name || model.snapshot == name)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        MODELS.into_iter()
    }

    /// The models that think before they answer, and take no `temperature` and no `max_tokens`.
    pub(super) fn reasons(self) -> bool {
        !self.efforts.is_empty()
    }
}
