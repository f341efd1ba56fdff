//! Randomness that repeats: the same seed gives the same numbers on every machine and in every release.
//!
//! SplitMix64 over an FNV-1a hash: fixed by definition, unlike the standard library's hasher.

/// A repeatable stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Seeded(u64);

impl Seeded {
    /// The stream that belongs to these texts, in this order.
    pub(crate) fn from_texts(texts: &[&str]) -> Self {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for text in texts {
            // 0xff never occurs in UTF-8, so ("ab", "c") and ("a", "bc") are different seeds.
            for byte in text.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        Self(hash)
    }

    /// A stream that nobody has seen before.
    pub(crate) fn fresh() -> Self {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        Self(high ^ low)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in the logarithm, so that small values are as likely as large ones.
    pub(crate) fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// Uniform in `0..count`, and 0 when there is nothing to choose from.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// One of the texts, or an empty one when there are none.
    pub(crate) fn pick_text<'a>(&mut self, texts: &'a [String]) -> &'a str {
        self.pick(texts).map_or("", String::as_str)
    }

    /// So many characters of `A-Z a-z 0-9`, as Apify's and Instagram's identifiers are made.
    pub(crate) fn alphanumeric(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).filter_map(|_| self.pick(ALPHABET).copied()).map(char::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_texts_give_the_same_numbers_and_others_do_not() {
        assert_eq!(Seeded::from_texts(&["a", "b"]).bits(), Seeded::from_texts(&["a", "b"]).bits());
        assert_ne!(Seeded::from_texts(&["ab", "c"]).bits(), Seeded::from_texts(&["a", "bc"]).bits());
        // Pinned: profiles must not change between releases.
        assert_eq!(Seeded::from_texts(&["nasa"]).alphanumeric(17), "1aeHDrgMbTC9zYjjs");
    }

    #[test]
    fn values_stay_in_range() {
        let mut random = Seeded::fresh();
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&random.unit()));
            assert!((200.0..=2_000_000.0).contains(&random.log_uniform(200.0, 2_000_000.0)));
            assert!(random.below(5) < 5);
        }
        assert_eq!(random.alphanumeric(17).len(), 17);
    }
}
