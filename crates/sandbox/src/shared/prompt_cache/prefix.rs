//! A running hash over the beginning of a prompt, which stands for that prefix in a cache.

use std::hash::{DefaultHasher, Hasher};

/// The beginning of a prompt, as far as it was appended.
///
/// The standard library's hasher is enough: `DefaultHasher::default` has a fixed seed, and no hash outlives the
/// process.
#[derive(Clone, Default)]
pub(super) struct Prefix(DefaultHasher);

impl Prefix {
    /// Begins with what keeps two caches apart, such as the model.
    pub(super) fn of_scope(scope: &[&str]) -> Self {
        let mut prefix = Self::default();
        scope.iter().for_each(|part| prefix.end_part(part));
        prefix
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// Appends a part and marks its end: the same text in other parts is another prefix.
    pub(super) fn end_part(&mut self, text: &str) {
        self.0.write(text.as_bytes());
        // 0xff never occurs in UTF-8.
        self.0.write_u8(0xff);
    }

    /// The hash of all that was appended so far.
    pub(super) fn hash(&self) -> u64 {
        self.0.finish()
    }
}
