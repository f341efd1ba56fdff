//! Prefixes of a prompt by their hash, each over everything before it.

use std::hash::{DefaultHasher, Hasher};

/// The beginning of a prompt, as far as it has been read.
///
/// The standard library's hasher will do: it has no seed, and no hash outlives the process.
#[derive(Clone, Default)]
pub(super) struct Prefix(DefaultHasher);

impl Prefix {
    /// What keeps two caches apart comes before any prompt.
    pub(super) fn of_scope(scope: &[&str]) -> Self {
        let mut prefix = Self::default();
        scope.iter().for_each(|part| prefix.end_part(part));
        prefix
    }

    /// Goes on by these bytes.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// Goes on by a part whose end counts: the same text in other parts is another prefix.
    pub(super) fn end_part(&mut self, text: &str) {
        self.0.write(text.as_bytes());
        // 0xff never occurs in UTF-8.
        self.0.write_u8(0xff);
    }

    /// Stands for all that was read so far.
    pub(super) fn hash(&self) -> u64 {
        self.0.finish()
    }
}
