//! Anthropic's prompt cache: only what a breakpoint asks for, an exact prefix over tools, system and messages.
//!
//! A breakpoint writes the whole prefix up to its block if that is as long as the model's floor, and reads the longest
//! prefix that an earlier call wrote at one of the twenty blocks before it. Below the floor nothing happens and nothing
//! is said. Every use keeps an entry for its whole time again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{HASH_START, fold, tokens_of_bytes};

/// So many blocks before a breakpoint are searched for an entry.
const LOOKBACK_BLOCKS: usize = 20;
/// Entries beyond this many are swept out, the expired first.
const ENTRIES_MAX: usize = 200_000;

/// How long an entry is kept after its last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ttl {
    FiveMinutes,
    OneHour,
}

impl Ttl {
    fn time(self) -> Duration {
        Duration::from_secs(match self {
            Self::FiveMinutes => 300,
            Self::OneHour => 3_600,
        })
    }
}

/// A part of the prompt, in the order tools, system, messages.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) text: String,
    /// Whether the prefix up to and with this block is to be cached, and for how long.
    pub(crate) breakpoint: Option<Ttl>,
}

/// What a call reads from the cache and writes to it, in tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheUse {
    pub(crate) read: u64,
    pub(crate) written_5m: u64,
    pub(crate) written_1h: u64,
    /// The prefixes to keep when the call is answered.
    kept: Vec<(u64, Ttl)>,
}

impl CacheUse {
    /// All that is written, however long it is kept.
    pub(crate) fn written(&self) -> u64 {
        self.written_5m + self.written_1h
    }
}

struct Entry {
    ttl: Ttl,
    kept_until: Instant,
}

/// Every prefix that a breakpoint wrote of late.
#[derive(Default)]
pub(crate) struct ExplicitCache(Mutex<HashMap<u64, Entry>>);

/// The prefix that ends with one block.
struct Prefix {
    hash: u64,
    tokens: u64,
    breakpoint: Option<Ttl>,
}

impl ExplicitCache {
    /// What this prompt would read and write; `floor` is the least number of tokens the model caches.
    pub(crate) fn read(&self, model: &str, floor: u64, blocks: &[Block], now: Instant) -> CacheUse {
        let prefixes = prefixes(model, blocks);
        let cacheable = |(place, prefix): (usize, &Prefix)| {
            (prefix.breakpoint.is_some() && prefix.tokens >= floor).then_some(place)
        };
        let breakpoints: Vec<usize> = prefixes.iter().enumerate().filter_map(cacheable).collect();
        let cache = self.lock();
        let known = |prefix: &Prefix| cache.get(&prefix.hash).is_some_and(|entry| now < entry.kept_until);
        let found = breakpoints.iter().rev().find_map(|breakpoint| {
            let searched = prefixes.iter().enumerate().take(breakpoint + 1).rev().take(LOOKBACK_BLOCKS);
            searched.into_iter().find(|(_, prefix)| known(prefix))
        });
        let mut used = CacheUse { read: found.map_or(0, |(_, prefix)| prefix.tokens), ..CacheUse::default() };
        let mut reached = used.read;
        // What was found is used, and so kept for its time again, though no breakpoint may stand there now.
        used.kept.extend(found.and_then(|(_, prefix)| Some((prefix.hash, cache.get(&prefix.hash)?.ttl))));
        for prefix in breakpoints.iter().filter_map(|place| prefixes.get(*place)) {
            let Some(ttl) = prefix.breakpoint else { continue };
            used.kept.push((prefix.hash, ttl));
            let written = prefix.tokens.saturating_sub(reached);
            reached = reached.max(prefix.tokens);
            match ttl {
                Ttl::FiveMinutes => used.written_5m += written,
                Ttl::OneHour => used.written_1h += written,
            }
        }
        used
    }

    /// Keeps what an answered call used and wrote.
    pub(crate) fn fill(&self, used: &CacheUse, now: Instant) {
        let mut cache = self.lock();
        if cache.len() > ENTRIES_MAX {
            cache.retain(|_, entry| now < entry.kept_until);
        }
        for (hash, ttl) in &used.kept {
            cache.insert(*hash, Entry { ttl: *ttl, kept_until: now + ttl.time() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prefixes(model: &str, blocks: &[Block]) -> Vec<Prefix> {
    let mut hash = fold(HASH_START, model.bytes().chain([0xff]));
    let mut bytes = 0;
    let prefix = |block: &Block| {
        // The end of a block is part of the prefix: the same text in other blocks is another prompt.
        hash = fold(hash, block.text.bytes().chain([0xff]));
        bytes += block.text.len();
        Prefix { hash, tokens: tokens_of_bytes(bytes), breakpoint: block.breakpoint }
    };
    blocks.iter().map(prefix).collect()
}

#[cfg(test)]
mod tests;
