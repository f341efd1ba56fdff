//! The prompt cache of OpenAI's models before gpt-5.6: automatic, exact prefixes of at least 1,024 tokens, in steps of
//! 128.
//!
//! Requests are routed by their first 256 tokens and their `prompt_cache_key`, and a prefix is found only where a
//! request is routed to. So another model, another key or another first step of tokens never finds it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{prefix::Prefix, tokenizer::BYTES_PER_TOKEN};

const STEP_TOKENS: u64 = 128;
const PREFIX_TOKENS_MIN: u64 = 1_024;
/// With more prefixes than this, expired ones are removed before new ones are added.
const PREFIXES_MAX: usize = 200_000;

/// The hashes of prefixes, with the time until which each is kept.
#[derive(Default)]
pub(crate) struct AutomaticCache(Mutex<HashMap<u64, Instant>>);

impl AutomaticCache {
    /// How many of the prompt's tokens are cached.
    pub(crate) fn read(&self, model: &str, key: &str, prompt: &str, now: Instant) -> u64 {
        let cache = self.0.lock();
        let known = |prefix: &u64| cache.get(prefix).is_some_and(|kept_until| now < *kept_until);
        // Only whole steps from the beginning: behind the first unknown one nothing can be cached.
        countable(prefixes(model, key, prompt).take_while(known).count())
    }

    /// Keeps every whole step of an answered prompt for this long. A longer time that an earlier call asked for stands.
    pub(crate) fn fill(&self, model: &str, key: &str, prompt: &str, kept: Duration, now: Instant) {
        let mut cache = self.0.lock();
        if cache.len() > PREFIXES_MAX {
            cache.retain(|_, kept_until| now < *kept_until);
        }
        for prefix in prefixes(model, key, prompt) {
            let kept_until = cache.entry(prefix).or_insert(now);
            *kept_until = (*kept_until).max(now + kept);
        }
    }
}

const STEP_BYTES: usize = STEP_TOKENS as usize * BYTES_PER_TOKEN;

fn countable(steps: usize) -> u64 {
    let tokens = steps as u64 * STEP_TOKENS;
    if tokens >= PREFIX_TOKENS_MIN { tokens } else { 0 }
}

/// A hash for every whole step of the prompt, each over everything before it, and over model and key.
fn prefixes(model: &str, key: &str, prompt: &str) -> impl Iterator<Item = u64> {
    prompt.as_bytes().chunks_exact(STEP_BYTES).scan(Prefix::of_scope(&[model, key]), |prefix, step| {
        prefix.extend(step);
        Some(prefix.hash())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Duration = Duration::from_secs(600);

    /// Makes one call; returns what was cached before it.
    fn call(cache: &AutomaticCache, model: &str, key: &str, prompt: &str, now: Instant) -> u64 {
        let cached = cache.read(model, key, prompt, now);
        cache.fill(model, key, prompt, KEPT, now);
        cached
    }

    fn prompt(prefix_tokens: usize, tail: &str) -> String {
        format!("{}{tail}", "abcd".repeat(prefix_tokens))
    }

    #[test]
    fn a_prefix_counts_from_1024_tokens_in_steps_of_128() {
        let cache = AutomaticCache::default();
        let now = Instant::now();
        assert_eq!(call(&cache, "m", "k", &prompt(1_300, "first"), now), 0);
        assert_eq!(call(&cache, "m", "k", &prompt(1_300, "second, and longer"), now), 1_280);
        let short = AutomaticCache::default();
        call(&short, "m", "k", &prompt(1_023, &"x".repeat(4_000)), now);
        assert_eq!(call(&short, "m", "k", &prompt(1_023, &"y".repeat(4_000)), now), 0);
    }

    #[test]
    fn model_key_and_the_first_byte_all_matter_and_time_forgets() {
        let cache = AutomaticCache::default();
        let now = Instant::now();
        let text = prompt(2_000, "");
        call(&cache, "m", "k", &text, now);
        assert_eq!(call(&cache, "m2", "k", &text, now), 0);
        assert_eq!(call(&cache, "m", "k2", &text, now), 0);
        assert_eq!(call(&cache, "m", "k", &format!("!{text}"), now), 0);
        assert_eq!(call(&cache, "m", "k", &text, now + Duration::from_secs(599)), 1_920);
        assert_eq!(call(&cache, "m", "k", &text, now + Duration::from_secs(599 + 601)), 0);
    }

    #[test]
    fn a_prefix_asked_to_be_kept_for_a_day_outlives_a_shorter_use() {
        let cache = AutomaticCache::default();
        let now = Instant::now();
        let text = prompt(2_000, "");
        cache.fill("m", "k", &text, Duration::from_secs(86_400), now);
        cache.fill("m", "k", &text, KEPT, now);
        assert_eq!(cache.read("m", "k", &text, now + Duration::from_secs(80_000)), 1_920);
    }
}
