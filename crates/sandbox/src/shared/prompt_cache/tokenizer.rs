//! How tokens are counted.

/// Bytes of text for each token of the plain count.
pub(super) const BYTES_PER_TOKEN: usize = 4;

/// How a family of models counts its tokens, in per cent of the plain count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tokenizer {
    percent: usize,
}

impl Tokenizer {
    pub(crate) const PLAIN: Self = Self::of_percent(100);

    pub(crate) const fn of_percent(percent: usize) -> Self {
        Self { percent }
    }

    pub(crate) fn count(self, text: &str) -> u64 {
        self.of_bytes(text.len())
    }

    /// The longest text, in bytes, that fits into this many tokens.
    pub(crate) fn bytes(self, tokens: u64) -> usize {
        let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
        tokens.saturating_mul(BYTES_PER_TOKEN * 100) / self.percent
    }

    pub(super) fn of_bytes(self, bytes: usize) -> u64 {
        bytes.saturating_mul(self.percent).div_ceil(BYTES_PER_TOKEN * 100) as u64
    }
}
