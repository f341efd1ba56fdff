//! The latency model: how long the real services take, times one scale.

use std::time::Duration;

use crate::shared::error::SandboxError;
use crate::shared::random::Seeded;

/// How long an actor run takes to start.
const ACTOR_START_S: f64 = 3.0;
/// How long it then takes for each wave.
const ACTOR_WAVE_S: f64 = 3.5;
/// How many profiles or post lists a wave reads at the same time.
pub(crate) const ACTOR_WAVE_SIZE: usize = 5;
/// Both times vary by this share.
const ACTOR_SPREAD: f64 = 0.2;
/// The share of the time to the first token that a wholly cached prompt saves.
const CACHED_SAVES: f64 = 0.3;
/// A larger scale is refused as a mistake.
const SCALE_MAX: f64 = 100.0;

/// How fast one model answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelSpeed {
    /// Seconds until the first token.
    pub(crate) first_token_s: f64,
    /// Output tokens per second from then on, reasoning included.
    pub(crate) tokens_per_s: f64,
}

/// Short form for the tables of models.
pub(crate) const fn speed(first_token_s: f64, tokens_per_s: f64) -> ModelSpeed {
    ModelSpeed { first_token_s, tokens_per_s }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    scale: f64,
}

impl Latency {
    /// A latency model whose every duration is multiplied by `scale`.
    pub(crate) fn new(scale: f64) -> Result<Self, SandboxError> {
        // Refuses NaN too, for which every comparison is false.
        if (0.0..=SCALE_MAX).contains(&scale) {
            Ok(Self { scale })
        } else {
            Err(SandboxError::Config(format!("the time scale must lie between 0 and {SCALE_MAX}, not {scale}")))
        }
    }

    /// Modelled seconds as a real duration.
    pub(crate) fn scaled(self, seconds: f64) -> Duration {
        Duration::from_secs_f64((seconds * self.scale).max(0.0))
    }

    /// When each wave of an actor run ends, counted from its creation; the first entry is the end of the start-up.
    pub(crate) fn actor_plan_ms(self, items: usize, random: &mut Seeded) -> Vec<u64> {
        let mut spread = |seconds: f64| seconds * random.between(1.0 - ACTOR_SPREAD, 1.0 + ACTOR_SPREAD);
        let mut elapsed_s = spread(ACTOR_START_S);
        let mut ends = vec![self.scaled(elapsed_s).as_millis() as u64];
        for _ in 0..items.div_ceil(ACTOR_WAVE_SIZE) {
            elapsed_s += spread(ACTOR_WAVE_S);
            ends.push(self.scaled(elapsed_s).as_millis() as u64);
        }
        ends
    }

    /// Time to the first token, shorter the more of the prompt is cached, then the output tokens at the model's rate.
    pub(crate) fn completion(self, speed: ModelSpeed, cached_share: f64, output_tokens: u64) -> Duration {
        let first_token_s = speed.first_token_s * (1.0 - CACHED_SAVES * cached_share.clamp(0.0, 1.0));
        self.scaled(first_token_s + output_tokens as f64 / speed.tokens_per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_profile_takes_6_to_8_seconds_and_six_profiles_two_waves() {
        let latency = Latency::new(1.0).unwrap();
        for seed in 0..200 {
            let mut random = Seeded::from_texts(&[&seed.to_string()]);
            let one = latency.actor_plan_ms(1, &mut random);
            assert_eq!(one.len(), 2);
            assert!((5_200..=7_800).contains(one.last().unwrap()), "{one:?}");
            let six = latency.actor_plan_ms(6, &mut random);
            assert_eq!(six.len(), 3);
            assert!((8_000..=12_000).contains(six.last().unwrap()), "{six:?}");
        }
    }

    #[test]
    fn fast_is_a_twentieth_and_a_cached_prompt_starts_sooner() {
        let speed = speed(0.5, 80.0);
        assert_eq!(Latency::new(1.0).unwrap().completion(speed, 0.0, 160), Duration::from_millis(2_500));
        assert_eq!(Latency::new(1.0).unwrap().completion(speed, 1.0, 160), Duration::from_millis(2_350));
        assert_eq!(Latency::new(0.05).unwrap().completion(speed, 0.0, 160), Duration::from_millis(125));
    }

    #[test]
    fn a_scale_that_is_no_number_is_refused() {
        assert!(Latency::new(f64::NAN).is_err());
    }
}
