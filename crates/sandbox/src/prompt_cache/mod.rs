//! The prompt caches of the providers, each by its own rules, and how tokens are counted.
//!
//! A token is taken for four bytes, in the caches and in every usage: near enough for English and JSON, and exact in
//! that the same prefix always counts the same. What a call wrote can be read once that call was answered, not before.

mod automatic;
mod explicit;

pub(crate) use automatic::AutomaticCache;
pub(crate) use explicit::{Block, CacheUse, ExplicitCache, Ttl};

const BYTES_PER_TOKEN: usize = 4;
/// FNV-1a, so that hashes need no seed and no crate.
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// How many tokens a text has, approximately.
pub(crate) fn tokens(text: &str) -> u64 {
    tokens_of_bytes(text.len())
}

fn tokens_of_bytes(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

/// The hash of what came before and these bytes.
fn fold(hash: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
