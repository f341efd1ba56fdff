//! The Claude models that the sandbox emulates.

use jiff::civil::{Date, date};

use crate::shared::{
    latency::{ModelSpeed, speed},
    lifecycle::Announced,
    prompt_cache::{Rules, Tokenizer},
};

/// A model and how it behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    /// The alias by which it is asked for.
    pub(super) name: &'static str,
    /// The name in the answer, with a date for models up to 4.5.
    pub(super) snapshot: &'static str,
    pub(super) display_name: &'static str,
    pub(super) speed: ModelSpeed,
    /// The shortest prefix it caches, and how it counts tokens.
    pub(super) cache: Rules,
    pub(super) input_tokens_max: u64,
    pub(super) output_tokens_max: u64,
    /// The efforts that it takes; empty for a model without this parameter.
    pub(super) efforts: &'static [&'static str],
    pub(super) default_effort: &'static str,
    pub(super) thinking: ThinkingRules,
    /// Whether it takes sampling parameters, and a last message that begins its own answer (prefill).
    pub(super) takes_sampling_and_prefill: bool,
    /// Whether `tool_choice` can make it use a tool.
    pub(super) takes_forced_tools: bool,
    pub(super) deprecation: Option<Deprecation>,
}

/// Whether and how a model thinks before it answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThinkingRules {
    /// Whether it thinks unless it is told otherwise. Such a model shows its thoughts only if it is asked to.
    pub(super) by_default: bool,
    /// The types of `thinking` it takes.
    pub(super) types: &'static [&'static str],
    /// Whether thinking can be turned off at efforts above `high` too.
    pub(super) off_at_any_effort: bool,
}

/// What was announced about a model's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deprecation {
    /// The day of the announcement.
    pub(super) since: Date,
    pub(super) retires_on: Date,
}

const EFFORTS_4_5: &[&str] = &["low", "medium", "high"];
const EFFORTS_4_6: &[&str] = &["low", "medium", "high", "max"];
const EFFORTS_5: &[&str] = &["low", "medium", "high", "xhigh", "max"];

/// For models that think only when they are asked to.
const fn asked(types: &'static [&'static str]) -> ThinkingRules {
    ThinkingRules { by_default: false, types, off_at_any_effort: true }
}

/// For models that think unless they are told not to.
const fn adaptive(types: &'static [&'static str], off_at_any_effort: bool) -> ThinkingRules {
    ThinkingRules { by_default: true, types, off_at_any_effort }
}

const BUDGET: ThinkingRules = asked(&["enabled", "disabled"]);
const ADAPTIVE_OR_BUDGET: ThinkingRules = asked(&["adaptive", "enabled", "disabled"]);
/// How many tokens Claude 5 counts for a text of which earlier models count 100.
const TOKENS_PERCENT_5: usize = 130;

const MODELS: [Model; 12] = [
    Model {
        default_effort: "medium",
        takes_forced_tools: true,
        thinking: adaptive(&["adaptive", "disabled"], false),
        ..claude_5("claude-haiku-5-5", "Claude Haiku 5.5", 512, speed(0.8, 220.0))
    },
    Model {
        thinking: adaptive(&["adaptive", "between_tools"], false),
        // Assumed: no speed has been published.
        ..claude_5("claude-sonnet-5-5", "Claude Sonnet 5.5", 512, speed(1.2, 90.0))
    },
    Model { default_effort: "medium", ..claude_5("claude-opus-5-5", "Claude Opus 5.5", 512, speed(1.4, 65.0)) },
    later("claude-opus-5", "Claude Opus 5", 512, speed(1.5, 60.0), EFFORTS_5),
    Model {
        takes_forced_tools: true,
        thinking: adaptive(&["adaptive", "enabled", "disabled"], true),
        ..claude_5("claude-sonnet-5", "Claude Sonnet 5", 1_024, speed(1.1, 75.0))
    },
    later("claude-opus-4-8", "Claude Opus 4.8", 1_024, speed(1.5, 60.0), EFFORTS_5),
    later("claude-opus-4-7", "Claude Opus 4.7", 2_048, speed(1.6, 55.0), EFFORTS_5),
    later("claude-sonnet-4-6", "Claude Sonnet 4.6", 1_024, speed(1.2, 68.0), EFFORTS_4_6),
    later("claude-opus-4-6", "Claude Opus 4.6", 4_096, speed(1.6, 55.0), EFFORTS_4_6),
    Model {
        efforts: EFFORTS_4_5,
        // The day of the announcement is assumed: sixty days before the retirement, the shortest notice.
        deprecation: Some(Deprecation { since: date(2026, 11, 23), retires_on: date(2027, 1, 22) }),
        ..model("claude-opus-4-5", "claude-opus-4-5-20251101", "Claude Opus 4.5", 4_096, speed(1.6, 55.0))
    },
    model("claude-haiku-4-5", "claude-haiku-4-5-20251001", "Claude Haiku 4.5", 4_096, speed(0.6, 140.0)),
    Model {
        // Assumed as above.
        deprecation: Some(Deprecation { since: date(2026, 10, 1), retires_on: date(2026, 11, 30) }),
        ..model("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", 1_024, speed(1.3, 65.0))
    },
];

/// A model of the 4.5 line.
const fn model(
    name: &'static str,
    snapshot: &'static str,
    display_name: &'static str,
    cache_floor: u64,
    speed: ModelSpeed,
) -> Model {
    Model {
        name,
        snapshot,
        display_name,
        speed,
        cache: Rules { floor: cache_floor, tokenizer: Tokenizer::PLAIN },
        input_tokens_max: 200_000,
        output_tokens_max: 64_000,
        efforts: &[],
        default_effort: "high",
        thinking: BUDGET,
        takes_sampling_and_prefill: true,
        takes_forced_tools: true,
        deprecation: None,
    }
}

/// A model after 4.5: without dated snapshots, with a larger context, and with adaptive thinking on request.
const fn later(
    name: &'static str,
    display_name: &'static str,
    cache_floor: u64,
    speed: ModelSpeed,
    efforts: &'static [&'static str],
) -> Model {
    Model {
        efforts,
        input_tokens_max: 1_000_000,
        output_tokens_max: 128_000,
        thinking: ADAPTIVE_OR_BUDGET,
        ..model(name, name, display_name, cache_floor, speed)
    }
}

/// A model of Claude 5 that thinks by itself: with its tokenizer, and without the parameters that it dropped.
const fn claude_5(name: &'static str, display_name: &'static str, cache_floor: u64, speed: ModelSpeed) -> Model {
    Model {
        cache: Rules { floor: cache_floor, tokenizer: Tokenizer::of_percent(TOKENS_PERCENT_5) },
        thinking: adaptive(&["adaptive"], true),
        takes_sampling_and_prefill: false,
        takes_forced_tools: false,
        ..later(name, display_name, cache_floor, speed, EFFORTS_5)
    }
}

impl Model {
    /// Finds a model by its alias or its snapshot.
    pub(super) fn find(name: &str) -> Option<Self> {
        MODELS.into_iter().find(|model| model.name == name || model.snapshot == name)
    }

    /// All models, the newest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        MODELS.into_iter()
    }

    /// The announced end, which `/control/models` can change.
    pub(super) fn announced(self) -> Announced {
        Announced { model: self.name, retires_on: self.deprecation.map(|deprecation| deprecation.retires_on) }
    }

    pub(super) fn takes_thinking(self, kind: &str) -> bool {
        self.thinking.types.contains(&kind)
    }
}
