//! The prompt cache: exact prefixes of at least 1,024 tokens, in steps of 128, kept for ten minutes.
//!
//! A token is taken for four bytes, here and in the usage: near enough for English and JSON, and exact in that the
//! same prefix always counts the same.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const BYTES_PER_TOKEN: usize = 4;
const STEP_TOKENS: u64 = 128;
const PREFIX_TOKENS_MIN: u64 = 1_024;
const KEPT: Duration = Duration::from_secs(600);
/// Prefixes beyond this many are swept out, the expired first.
const PREFIXES_MAX: usize = 200_000;

/// How many tokens a text has, approximately.
pub(super) fn tokens(text: &str) -> u64 {
    text.len().div_ceil(BYTES_PER_TOKEN) as u64
}

/// The prefixes seen of late, with the time of their last use.
#[derive(Default)]
pub(crate) struct PromptCache(Mutex<HashMap<u64, Instant>>);

impl PromptCache {
    /// How many of the prompt's tokens are cached.
    pub(super) fn read(&self, model: &str, key: &str, prompt: &str, now: Instant) -> u64 {
        let cache = self.lock();
        let fresh = |used: &Instant| now.saturating_duration_since(*used) < KEPT;
        let known = |prefix: &u64| cache.get(prefix).is_some_and(fresh);
        let cached = prefixes(model, key, prompt).take_while(known).count() as u64 * STEP_TOKENS;
        if cached >= PREFIX_TOKENS_MIN { cached } else { 0 }
    }

    /// Keeps every whole step of a prompt that the model has read.
    pub(super) fn fill(&self, model: &str, key: &str, prompt: &str, now: Instant) {
        let mut cache = self.lock();
        if cache.len() > PREFIXES_MAX {
            cache.retain(|_, used| now.saturating_duration_since(*used) < KEPT);
        }
        cache.extend(prefixes(model, key, prompt).map(|prefix| (prefix, now)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hash for every whole step of the prompt, each over everything before it, and over model and key.
fn prefixes(model: &str, key: &str, prompt: &str) -> impl Iterator<Item = u64> {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let start = model.bytes().chain([0xff]).chain(key.bytes()).chain([0xff]).fold(0xcbf2_9ce4_8422_2325, fold);
    let step_bytes = STEP_TOKENS as usize * BYTES_PER_TOKEN;
    prompt.as_bytes().chunks_exact(step_bytes).scan(start, move |hash, step| {
        *hash = step.iter().copied().fold(*hash, fold);
        Some(*hash)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One call after the other: what was cached, and then the prompt is.
    fn call(cache: &PromptCache, model: &str, key: &str, prompt: &str, now: Instant) -> u64 {
        let cached = cache.read(model, key, prompt, now);
        cache.fill(model, key, prompt, now);
        cached
    }

    fn prompt(prefix_tokens: usize, tail: &str) -> String {
        format!("{}{tail}", "abcd".repeat(prefix_tokens))
    }

    #[test]
    fn a_prefix_counts_from_1024_tokens_in_steps_of_128() {
        let cache = PromptCache::default();
        let now = Instant::now();
        assert_eq!(call(&cache, "m", "k", &prompt(1_300, "first"), now), 0);
        assert_eq!(call(&cache, "m", "k", &prompt(1_300, "second, and longer"), now), 1_280);
        let short = PromptCache::default();
        call(&short, "m", "k", &prompt(1_023, &"x".repeat(4_000)), now);
        assert_eq!(call(&short, "m", "k", &prompt(1_023, &"y".repeat(4_000)), now), 0);
    }

    #[test]
    fn model_key_and_the_first_byte_all_matter_and_time_forgets() {
        let cache = PromptCache::default();
        let now = Instant::now();
        let text = prompt(2_000, "");
        call(&cache, "m", "k", &text, now);
        assert_eq!(call(&cache, "m2", "k", &text, now), 0);
        assert_eq!(call(&cache, "m", "k2", &text, now), 0);
        assert_eq!(call(&cache, "m", "k", &format!("!{text}"), now), 0);
        assert_eq!(call(&cache, "m", "k", &text, now + Duration::from_secs(599)), 1_920);
        assert_eq!(call(&cache, "m", "k", &text, now + Duration::from_secs(599 + 601)), 0);
    }
}
