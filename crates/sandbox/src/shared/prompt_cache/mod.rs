//! The prompt caches of the providers, each by its own rules, and how tokens are counted.
//!
//! A token is taken for four bytes, in the caches and in every usage: near enough for English and JSON, and exact in
//! that the same prefix always counts the same. Some models count more tokens for the same text. What a call wrote can be
//! read once that call was answered, not before.

mod automatic;
mod explicit;

pub(crate) use automatic::AutomaticCache;
pub(crate) use explicit::{Block, CacheUse, ExplicitCache, Rules, Ttl, look_back};

const BYTES_PER_TOKEN: usize = 4;
/// FNV-1a, so that hashes need no seed and no crate.
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// How a family of models counts its tokens, in per cent of the plain count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tokenizer {
    percent: usize,
}

impl Tokenizer {
    /// One token for every four bytes.
    pub(crate) const PLAIN: Self = Self::of_percent(100);

    pub(crate) const fn of_percent(percent: usize) -> Self {
        Self { percent }
    }

    /// How many tokens a text has, approximately.
    pub(crate) fn count(self, text: &str) -> u64 {
        self.of_bytes(text.len())
    }

    /// How many bytes of text so many tokens can hold.
    pub(crate) fn bytes(self, tokens: u64) -> usize {
        let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
        tokens.saturating_mul(BYTES_PER_TOKEN * 100) / self.percent
    }

    fn of_bytes(self, bytes: usize) -> u64 {
        bytes.saturating_mul(self.percent).div_ceil(BYTES_PER_TOKEN * 100) as u64
    }
}

/// The hash of what came before and these bytes.
fn fold(hash: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
