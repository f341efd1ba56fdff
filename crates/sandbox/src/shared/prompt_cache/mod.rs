//! The prompt caches of the providers, each by its own rules, and how tokens are counted.
//!
//! A token is taken for four bytes, in the caches and in every usage: close enough for English and JSON, and the same
//! prefix always counts the same. Some models count more tokens for the same text. What a call wrote can be read only
//! after that call was answered.

mod automatic;
mod explicit;
mod prefix;
mod tokenizer;

pub(crate) use automatic::AutomaticCache;
pub(crate) use explicit::{Block, CacheUse, ExplicitCache, Rules, Ttl, look_back, text_of};
pub(crate) use tokenizer::Tokenizer;
