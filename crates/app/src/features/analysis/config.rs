//! The one place for the numbers of each analysis type. Prices also live in the table `analysis_prices`, which is what
//! is charged; a test holds the two equal.

use std::time::Duration;

use jiff::SignedDuration;

use crate::{
    features::{
        judging::{CallKind, ProfileBudget},
        profiles::DETAILS_POSTS,
        scoring::Weights,
    },
    shared::analysis_type::AnalysisType,
};

/// What an analysis type costs, reads, asks and weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TypeConfig {
    /// Price in credits.
    pub credits: u32,
    /// How many of the newest posts are judged.
    pub posts: u32,
    /// How old a cached snapshot may be.
    pub cache_age_max: SignedDuration,
    /// The questions, slowest first: [`AI_CALLS_AT_ONCE`] of them are asked at the same time. Which sections a question is asked
    /// in is chosen by the figures in `docs/performance.md`.
    pub calls: &'static [CallKind],
    /// How long the fenced profile may be, in tokens: what is cut is the captions of the oldest posts.
    pub profile_tokens_max: usize,
    /// How its score is blended.
    pub weights: Weights,
    /// How long it usually takes on a profile that is not cached, in seconds: what an estimate answers until there are
    /// runs to measure.
    pub usual_s: u32,
}

impl TypeConfig {
    /// How much of a profile the models are shown.
    #[must_use]
    pub const fn profile_budget(self) -> ProfileBudget {
        ProfileBudget { posts_max: self.posts, tokens_max: self.profile_tokens_max }
    }
}

impl AnalysisType {
    #[must_use]
    pub const fn config(self) -> TypeConfig {
        match self {
            Self::Light => TypeConfig {
                credits: 1,
                posts: DETAILS_POSTS,
                cache_age_max: SignedDuration::from_hours(24),
                calls: &[CallKind::Light],
                profile_tokens_max: 3_000,
                weights: Weights::QUICK,
                usual_s: 12,
            },
            Self::Deep => TypeConfig {
                credits: 5,
                posts: 50,
                cache_age_max: SignedDuration::from_hours(12),
                calls: &[
                    CallKind::Verdict,
                    CallKind::Outreach,
                    CallKind::Personality,
                    CallKind::Needs,
                    CallKind::Approach,
                ],
                profile_tokens_max: 9_000,
                weights: Weights::QUICK,
                usual_s: 25,
            },
            Self::Xray => TypeConfig {
                credits: 6,
                posts: 50,
                cache_age_max: SignedDuration::from_hours(6),
                calls: &[
                    CallKind::Openness,
                    CallKind::Verdict,
                    CallKind::Outreach,
                    CallKind::Personality,
                    CallKind::Motives,
                    CallKind::Deal,
                    CallKind::Money,
                ],
                profile_tokens_max: 9_000,
                weights: Weights::PSYCHOGRAPHIC,
                usual_s: 35,
            },
        }
    }
}

/// The most posts that any type judges: a snapshot of a profile that has no more than it shows is this deep.
#[must_use]
pub fn posts_max() -> u32 {
    AnalysisType::ALL.into_iter().map(|kind| kind.config().posts).max().unwrap_or(DETAILS_POSTS)
}

/// Pauses before the second, third and fourth attempt to scrape.
pub const SCRAPE_PAUSES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(20)];

/// How long one poll waits for the actor run to end. The heartbeat comes before each poll, so at least once a minute.
pub const SCRAPE_POLL_WAIT: Duration = Duration::from_secs(30);

/// How often a call that got no answer in time is repeated. Then a scrape fails, and a question goes to the next model.
pub const UNANSWERED_REPEATS: u32 = 1;

/// A branch that has waited so long for a result, whatever it was told meanwhile, ends the run.
pub const SILENCE_MAX: Duration = Duration::from_mins(4);

/// The least that a poll of a local stack waits, however fast its pauses are.
const POLL_WAIT_MIN: Duration = Duration::from_secs(1);

/// How long one poll waits where pauses are scaled by `scale`, and how many polls wait [`SCRAPE_POLLS_MAX`] times the
/// full wait: the actor is not faster either.
#[must_use]
pub fn polls(scale: f64) -> (Duration, u32) {
    let wait = SCRAPE_POLL_WAIT.mul_f64(scale).max(POLL_WAIT_MIN);
    let full = SCRAPE_POLL_WAIT.as_secs_f64() / wait.as_secs_f64();
    (wait, (f64::from(SCRAPE_POLLS_MAX) * full).round() as u32)
}

/// A scrape may wait so many times as long in the line as it may take: with ten scrapes at once, some thousands are served before.
pub const SCRAPE_WAITS_FACTOR: u32 = 10;

/// Pause before the next poll when nobody answered one.
pub const SCRAPE_UNANSWERED_PAUSE: Duration = Duration::from_secs(5);

/// After this many unanswered polls of one scrape, a minute's worth of pauses, another one is asked for.
pub const SCRAPE_UNANSWERED_MAX: u32 = 12;

/// After this many polls that found the scrape still running, it counts as failed: six times 30 s is a minute more than
/// the actor's own timeout.
pub const SCRAPE_POLLS_MAX: u32 = 6;

/// So many AI calls of a run are under way at the same time; the others wait for one to end. A Worker's invocation may have six
/// connections that wait for an answer, of all kinds together, and the database needs one while models think.
pub const AI_CALLS_AT_ONCE: usize = 5;

/// Pauses before the second and third attempt of an AI call; each model of a call gets three attempts.
pub const AI_PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(3)];

/// Longest pause that a provider's `Retry-After` may ask for; if it asks for more, the next model is asked at once.
pub const AI_PAUSE_MAX: Duration = Duration::from_secs(30);

/// A run without a heartbeat for this long is woken. A healthy run is silent for at most 70 s: an AI call of up to 40 s
/// and the longest pause after it.
pub const STALE_WAKE: SignedDuration = SignedDuration::from_secs(90);

/// A run without a heartbeat for this long is failed and refunded. SQL's `private.active_duplicate` has the same limit.
pub const STALE_FAIL: SignedDuration = SignedDuration::from_mins(5);

/// How long a woken run has to beat again before it may be swept.
pub const WAKE_GRACE: Duration = Duration::from_secs(10);
/// By how much the clocks of the Worker and of the database may differ over such a time.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_facts_weigh_at_least_forty_percent() {
        for kind in AnalysisType::ALL {
            let weights = kind.config().weights;
            let facts = weights.ideal_customer + weights.engagement + weights.activity + weights.authenticity;
            assert!((weights.fit + weights.receptiveness + facts - 1.0).abs() < 1e-9, "{kind:?}");
            assert!(facts >= 0.4, "{kind:?}");
        }
    }

    #[test]
    fn a_local_stack_polls_more_often_and_gives_up_no_sooner() {
        assert_eq!(polls(1.0), (SCRAPE_POLL_WAIT, SCRAPE_POLLS_MAX));
        assert_eq!(polls(0.1), (Duration::from_secs(3), 60));
        assert_eq!(polls(0.0), (Duration::from_secs(1), 180));
    }

    #[test]
    fn every_type_asks_for_exactly_one_verdict() {
        for kind in AnalysisType::ALL {
            assert_eq!(kind.config().calls.iter().filter(|call| call.gives_verdict()).count(), 1, "{kind:?}");
        }
    }
}
