//! The one place for the numbers of each analysis type. Prices also live in the table `analysis_prices`, which is what
//! is charged; a test holds the two equal.

use std::time::Duration;

use jiff::SignedDuration;

use super::{AnalysisType, ModelName};

/// What an analysis type costs, reads and asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TypeConfig {
    /// Price in credits.
    pub credits: u32,
    /// How many of the newest posts are judged.
    pub posts: u32,
    /// How old a cached snapshot may be.
    pub cache_age_max: SignedDuration,
}

impl AnalysisType {
    /// The numbers of this type.
    #[must_use]
    pub const fn config(self) -> TypeConfig {
        match self {
            Self::Light => TypeConfig { credits: 1, posts: 12, cache_age_max: SignedDuration::from_hours(24) },
        }
    }
}

/// The model that judges LIGHT unless the environment names another.
pub const LIGHT_MODEL: ModelName = ModelName::fixed("openai/gpt-4o-mini");

/// Longest answer of LIGHT, in tokens: four times what the schema usually needs.
pub const LIGHT_OUTPUT_TOKENS_MAX: u32 = 1_500;

/// Pauses before the second, third and fourth attempt to scrape.
pub const SCRAPE_PAUSES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(20)];

/// Longest run of the scraping actor, passed to Apify at the start.
pub const SCRAPE_TIMEOUT: Duration = Duration::from_secs(120);

/// One wait for the actor run to end. The run's heart beats before each, so at least once a minute.
pub const SCRAPE_WAIT: Duration = Duration::from_secs(30);

/// Pause before asking about a scrape again when the provider did not answer.
pub const SCRAPE_ASK_PAUSE: Duration = Duration::from_secs(5);

/// How many waits an attempt may take: the actor's own timeout and one more.
pub const SCRAPE_WAITS_MAX: u32 = 6;

/// Pauses before the second and third attempt of an AI call.
pub const AI_PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(3)];

/// Longest pause that a provider's `Retry-After` may ask for; more counts as unavailable.
pub const AI_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Longest single AI call: below a minute, because the run's heart beats before it and not during it.
pub const AI_TIMEOUT: Duration = Duration::from_secs(55);

/// A run without a heartbeat for this long is woken.
pub const STALE_WAKE: SignedDuration = SignedDuration::from_secs(90);

/// A run without a heartbeat for this long is failed and refunded.
pub const STALE_FAIL: SignedDuration = SignedDuration::from_mins(5);

/// How long a woken run has to beat again before it may be swept.
pub const WAKE_GRACE: Duration = Duration::from_secs(10);
