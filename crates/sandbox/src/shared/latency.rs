//! The latency model: how long the real services take, times one scale. What varies is drawn from one seed, so that the same
//! actor takes as long for the same usernames every time, on every machine.

use std::{collections::BTreeSet, time::Duration};

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
    seed: u64,
}

impl Latency {
    /// A latency model whose every duration is multiplied by `scale`; another seed draws other durations.
    pub(crate) fn new(scale: f64, seed: u64) -> Result<Self, SandboxError> {
        // Refuses NaN too, for which every comparison is false.
        if (0.0..=SCALE_MAX).contains(&scale) {
            Ok(Self { scale, seed })
        } else {
            Err(SandboxError::Config(format!("the time scale must lie between 0 and {SCALE_MAX}, not {scale}")))
        }
    }

    /// Modelled seconds as a real duration.
    pub(crate) fn scaled(self, seconds: f64) -> Duration {
        Duration::from_secs_f64((seconds * self.scale).max(0.0))
    }

    /// When each wave of an actor run ends, in milliseconds from its creation; the first entry is the end of the start-up.
    /// Depends on the seed, the actor and what it is asked for alone, whatever the order.
    pub(crate) fn actor_plan_ms(self, actor: &str, asked: &[String]) -> Vec<u64> {
        let seed = self.seed.to_string();
        let mut texts = vec!["actor run", &seed, actor];
        texts.extend(asked.iter().map(String::as_str).collect::<BTreeSet<_>>());
        let mut random = Seeded::from_texts(&texts);
        let mut spread = |seconds: f64| seconds * random.between(1.0 - ACTOR_SPREAD, 1.0 + ACTOR_SPREAD);
        let mut elapsed_s = spread(ACTOR_START_S);
        let mut ends = vec![self.scaled(elapsed_s).as_millis() as u64];
        for _ in 0..asked.len().div_ceil(ACTOR_WAVE_SIZE) {
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

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_profile_takes_6_to_8_seconds_and_six_profiles_two_waves() {
        for seed in 0..200 {
            let latency = Latency::new(1.0, seed).unwrap();
            let one = latency.actor_plan_ms("profiles", &names(&["a"]));
            assert_eq!(one.len(), 2);
            assert!((5_200..=7_800).contains(one.last().unwrap()), "{one:?}");
            let six = latency.actor_plan_ms("profiles", &names(&["a", "b", "c", "d", "e", "f"]));
            assert_eq!(six.len(), 3);
            assert!((8_000..=12_000).contains(six.last().unwrap()), "{six:?}");
        }
    }

    #[test]
    fn seed_actor_and_usernames_say_how_long_a_run_takes_and_nothing_else_does() {
        let plan = |seed, actor, asked: &[&str]| Latency::new(1.0, seed).unwrap().actor_plan_ms(actor, &names(asked));
        let of = plan(1, "profiles", &["a", "b"]);
        // So on every machine, and after every update.
        assert_eq!(of, [2_985, 6_523]);
        assert_eq!(of, plan(1, "profiles", &["b", "a"]));
        for other in [plan(2, "profiles", &["a", "b"]), plan(1, "posts", &["a", "b"]), plan(1, "profiles", &["ab"])] {
            assert_ne!(of, other);
        }
    }

    #[test]
    fn fast_is_a_twentieth_and_a_cached_prompt_starts_sooner() {
        let speed = speed(0.5, 80.0);
        let latency = |scale| Latency::new(scale, 0).unwrap();
        assert_eq!(latency(1.0).completion(speed, 0.0, 160), Duration::from_millis(2_500));
        assert_eq!(latency(1.0).completion(speed, 1.0, 160), Duration::from_millis(2_350));
        assert_eq!(latency(0.05).completion(speed, 0.0, 160), Duration::from_millis(125));
    }

    #[test]
    fn a_scale_that_is_no_number_is_refused() {
        assert!(Latency::new(f64::NAN, 0).is_err());
    }
}
