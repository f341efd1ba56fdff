//! `Idempotency-Key`: the caller's own name for a request, so that a repeated click or a lost answer charges once.

use serde::Serialize;
use sha2::{Digest, Sha256};

pub const KEY_CHARS_MAX: usize = 255;

/// A key of 1 to 255 visible ASCII characters; valid for 24 hours within one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `None` if the text is not a valid key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = (1..=KEY_CHARS_MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        is_valid.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 over the meaning of a request (its parsed form, not its bytes), in hex: white space and key order of the
/// JSON do not make it another request. Reordering or adding fields of the struct changes every hash, and repeats of
/// earlier requests are then refused as different ones.
pub fn body_hash(request: &impl Serialize) -> String {
    // The requests that are hashed are plain structs, which always serialise.
    let canonical = serde_json::to_vec(request).unwrap_or_default();
    let digest = Sha256::digest(canonical);
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
