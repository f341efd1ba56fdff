//! The prompt caches in which a request marks where a prefix ends: Anthropic's, and OpenAI's from gpt-5.6 on.
//!
//! A breakpoint writes the whole prefix up to and with its block if that is as long as the model's floor, and reads the
//! longest prefix that an earlier call wrote at a breakpoint or at a block that is searched. Below the floor a
//! breakpoint is ignored without an error. Every use keeps an entry for its whole time again. The providers differ in
//! the floor, in the time, and in which blocks are searched. Prompts with different `scope`s share no entries.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{prefix::Prefix, tokenizer::Tokenizer};

/// With more entries than this, expired ones are removed before new ones are added.
const ENTRIES_MAX: usize = 200_000;

/// How long an entry is kept after its last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ttl {
    FiveMinutes,
    ThirtyMinutes,
    OneHour,
}

impl Ttl {
    fn time(self) -> Duration {
        Duration::from_secs(match self {
            Self::FiveMinutes => 300,
            Self::ThirtyMinutes => 1_800,
            Self::OneHour => 3_600,
        })
    }
}

/// A part of the prompt, in the order in which the provider caches.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) text: String,
    /// Whether the prefix up to and with this block is to be cached, and for how long.
    pub(crate) breakpoint: Option<Ttl>,
    /// Whether a prefix that an earlier call wrote up to here is looked for, though this call writes none.
    pub(crate) searched: bool,
}

impl Block {
    pub(crate) fn plain(text: String) -> Self {
        Self { text, breakpoint: None, searched: false }
    }
}

pub(crate) fn text_of(blocks: &[Block]) -> String {
    blocks.iter().map(|block| block.text.as_str()).collect()
}

/// Marks the last `count` blocks up to each breakpoint as searched; the block of the breakpoint counts as one.
pub(crate) fn look_back(blocks: &mut [Block], count: usize) {
    let mut left = 0;
    for block in blocks.iter_mut().rev() {
        if block.breakpoint.is_some() {
            left = count;
        }
        block.searched = left > 0;
        left = left.saturating_sub(1);
    }
}

/// What a model caches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// No shorter prefix is cached, in the model's tokens.
    pub(crate) floor: u64,
    pub(crate) tokenizer: Tokenizer,
}

/// What a call reads from the cache and writes to it, in tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheUse {
    pub(crate) read: u64,
    written: Vec<(Ttl, u64)>,
    /// The prefixes to keep when the call is answered.
    kept: Vec<(u64, Ttl)>,
}

impl CacheUse {
    /// All that is written, however long it is kept.
    pub(crate) fn written(&self) -> u64 {
        self.written.iter().map(|(_, tokens)| tokens).sum()
    }

    /// What is written to be kept for this time.
    pub(crate) fn written_for(&self, ttl: Ttl) -> u64 {
        self.written.iter().filter(|(kept, _)| *kept == ttl).map(|(_, tokens)| tokens).sum()
    }
}

struct Entry {
    ttl: Ttl,
    kept_until: Instant,
}

/// The entries by the hash of their prefix.
#[derive(Default)]
pub(crate) struct ExplicitCache(Mutex<HashMap<u64, Entry>>);

/// The prefix that ends with one block.
struct Reached {
    hash: u64,
    tokens: u64,
    /// `None` also below the floor, where a breakpoint has no effect.
    breakpoint: Option<Ttl>,
    searched: bool,
}

impl ExplicitCache {
    /// What this prompt would read and write; only prompts of the same scope share entries.
    pub(crate) fn read(&self, scope: &str, rules: Rules, blocks: &[Block], now: Instant) -> CacheUse {
        let prefixes = prefixes(scope, rules, blocks);
        let cache = self.0.lock();
        let entry = |prefix: &Reached| cache.get(&prefix.hash).filter(|entry| now < entry.kept_until);
        // From the end: the longest entry is the one that is read.
        let found = prefixes.iter().rev().find_map(|prefix| {
            let looked_for = prefix.searched || prefix.breakpoint.is_some();
            Some((prefix, entry(prefix).filter(|_| looked_for)?))
        });
        let mut used = CacheUse { read: found.map_or(0, |(prefix, _)| prefix.tokens), ..CacheUse::default() };
        let mut reached = used.read;
        // An entry that was read is kept for its whole time again, even if this request has no breakpoint there.
        used.kept.extend(found.map(|(prefix, entry)| (prefix.hash, entry.ttl)));
        for prefix in &prefixes {
            let Some(ttl) = prefix.breakpoint else { continue };
            used.kept.push((prefix.hash, ttl));
            // Only what is beyond the part that was read or is already written.
            used.written.push((ttl, prefix.tokens.saturating_sub(reached)));
            reached = reached.max(prefix.tokens);
        }
        used
    }

    /// Keeps what an answered call used and wrote.
    pub(crate) fn fill(&self, used: &CacheUse, now: Instant) {
        let mut cache = self.0.lock();
        if cache.len() > ENTRIES_MAX {
            cache.retain(|_, entry| now < entry.kept_until);
        }
        for (hash, ttl) in &used.kept {
            cache.insert(*hash, Entry { ttl: *ttl, kept_until: now + ttl.time() });
        }
    }
}

fn prefixes(scope: &str, rules: Rules, blocks: &[Block]) -> Vec<Reached> {
    let mut read = Prefix::of_scope(&[scope]);
    let mut bytes = 0;
    let prefix = |block: &Block| {
        read.end_part(&block.text);
        bytes += block.text.len();
        let tokens = rules.tokenizer.of_bytes(bytes);
        let breakpoint = block.breakpoint.filter(|_| tokens >= rules.floor);
        Reached { hash: read.hash(), tokens, breakpoint, searched: block.searched }
    };
    blocks.iter().map(prefix).collect()
}

#[cfg(test)]
mod tests;
