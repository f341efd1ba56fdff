//! The OpenAI models that the sandbox emulates.

use jiff::civil::{Date, date};

use crate::shared::{
    latency::{ModelSpeed, speed},
    lifecycle::Announced,
};

/// A model and how it behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    /// The alias by which it is asked for.
    pub(super) name: &'static str,
    /// The name in the answer; since gpt-5.4 the alias itself.
    pub(super) snapshot: &'static str,
    pub(super) speed: ModelSpeed,
    /// The reasoning efforts that it takes; empty for a model that does not reason.
    pub(super) efforts: &'static [&'static str],
    /// Whether it caches up to breakpoints and bills what it writes (gpt-5.6 and later), or caches automatically.
    pub(super) has_breakpoints: bool,
    /// The day of its announced shutdown.
    pub(super) retires_on: Option<Date>,
}

const GPT_5_MINI_SPEED: ModelSpeed = speed(1.0, 71.0);
const GPT_4O_MINI_SPEED: ModelSpeed = speed(0.5, 80.0);
const GPT_5_SPEED: ModelSpeed = speed(1.2, 80.0);
const GPT_6_LUNA_SPEED: ModelSpeed = speed(0.75, 130.0);
// Assumed: no speeds have been published.
const GPT_6_TERRA_SPEED: ModelSpeed = speed(1.0, 100.0);
const GPT_6_SOL_SPEED: ModelSpeed = speed(1.2, 80.0);

const GPT_5_EFFORTS: &[&str] = &["minimal", "low", "medium", "high"];
const GPT_5_1_EFFORTS: &[&str] = &["none", "low", "medium", "high"];
const GPT_5_4_EFFORTS: &[&str] = &["none", "low", "medium", "high", "xhigh"];
const GPT_5_6_EFFORTS: &[&str] = &["none", "low", "medium", "high", "xhigh", "max"];
const GPT_6_SOL_EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];

const MODELS: [Model; 16] = [
    model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", GPT_4O_MINI_SPEED, &[]).until(date(2027, 1, 14)),
    model("gpt-4o", "gpt-4o-2024-08-06", GPT_5_MINI_SPEED, &[]),
    model("gpt-4.1", "gpt-4.1-2025-04-14", GPT_5_MINI_SPEED, &[]),
    model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", GPT_5_MINI_SPEED, &[]),
    model("gpt-5", "gpt-5-2025-08-07", GPT_5_SPEED, GPT_5_EFFORTS).until(date(2026, 12, 11)),
    model("gpt-5-mini", "gpt-5-mini-2025-08-07", GPT_5_MINI_SPEED, GPT_5_EFFORTS).until(date(2026, 12, 11)),
    model("gpt-5-nano", "gpt-5-nano-2025-08-07", GPT_5_MINI_SPEED, GPT_5_EFFORTS),
    model("gpt-5.1", "gpt-5.1-2025-11-13", GPT_5_MINI_SPEED, GPT_5_1_EFFORTS),
    model("gpt-5.4-mini", "gpt-5.4-mini", GPT_5_MINI_SPEED, GPT_5_4_EFFORTS),
    model("gpt-5.4-nano", "gpt-5.4-nano", GPT_5_MINI_SPEED, GPT_5_4_EFFORTS).until(date(2027, 4, 1)),
    newer("gpt-5.6-luna", GPT_5_MINI_SPEED, GPT_5_6_EFFORTS),
    newer("gpt-5.6-terra", GPT_5_SPEED, GPT_5_6_EFFORTS),
    newer("gpt-6-luna", GPT_6_LUNA_SPEED, GPT_5_6_EFFORTS),
    newer("gpt-6.1-terra", GPT_6_TERRA_SPEED, GPT_5_6_EFFORTS),
    newer("gpt-6.1-sol", GPT_6_SOL_SPEED, GPT_6_SOL_EFFORTS),
    newer("gpt-6.2-sol", GPT_6_SOL_SPEED, GPT_6_SOL_EFFORTS),
];

const fn model(
    name: &'static str,
    snapshot: &'static str,
    speed: ModelSpeed,
    efforts: &'static [&'static str],
) -> Model {
    Model { name, snapshot, speed, efforts, has_breakpoints: false, retires_on: None }
}

/// A model of gpt-5.6 or later: without dated snapshots, and with a cache that has breakpoints.
const fn newer(name: &'static str, speed: ModelSpeed, efforts: &'static [&'static str]) -> Model {
    Model { has_breakpoints: true, ..model(name, name, speed, efforts) }
}

impl Model {
    const fn until(self, retires_on: Date) -> Self {
        Self { retires_on: Some(retires_on), ..self }
    }

    /// Finds a model by its alias or its snapshot.
    pub(super) fn find(name: &str) -> Option<Self> {
        MODELS.into_iter().find(|model| model.name == name || model.snapshot == name)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        MODELS.into_iter()
    }

    /// Whether it can think before it answers. Such a model takes no `max_tokens`.
    pub(super) fn reasons(self) -> bool {
        !self.efforts.is_empty()
    }

    /// The announced end, which `/control/models` can change.
    pub(super) fn announced(self) -> Announced {
        Announced { model: self.name, retires_on: self.retires_on }
    }
}
