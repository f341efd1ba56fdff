//! Randomness that repeats: the same seed gives the same numbers on every machine.
//!
//! ChaCha's bits are fixed by its definition. How `rand` turns them into numbers is pinned by the values in the tests
//! below, so that no update changes a generated person unnoticed.

use rand::{
    Rng, RngExt, SeedableRng,
    distr::{Alphanumeric, SampleString},
    rngs::ChaCha8Rng,
    seq::IndexedRandom,
};
use sha2::{Digest, Sha256};

/// A stream of numbers.
#[derive(Debug)]
pub(crate) struct Seeded(ChaCha8Rng);

impl Seeded {
    /// The stream that belongs to these texts, in this order.
    pub(crate) fn from_texts(texts: &[&str]) -> Self {
        let mut seed = Sha256::new();
        for text in texts {
            seed.update(text);
            // 0xff never occurs in UTF-8, so ("ab", "c") and ("a", "bc") are different seeds.
            seed.update([0xff]);
        }
        Self(ChaCha8Rng::from_seed(seed.finalize().into()))
    }

    /// A stream that is different every time, for identifiers.
    pub(crate) fn fresh() -> Self {
        Self(rand::make_rng())
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.random()
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
        if count == 0 { 0 } else { self.0.random_range(0..count) }
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.choose(&mut self.0)
    }

    /// One of the texts, or an empty one when there are none.
    pub(crate) fn pick_text<'a>(&mut self, texts: &'a [String]) -> &'a str {
        self.pick(texts).map_or("", String::as_str)
    }

    /// So many characters of `A-Z a-z 0-9`, as Apify's and Instagram's identifiers are made.
    pub(crate) fn alphanumeric(&mut self, length: usize) -> String {
        Alphanumeric.sample_string(&mut self.0, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_texts_give_the_same_numbers_and_others_do_not() {
        assert_eq!(Seeded::from_texts(&["a", "b"]).bits(), Seeded::from_texts(&["a", "b"]).bits());
        assert_ne!(Seeded::from_texts(&["ab", "c"]).bits(), Seeded::from_texts(&["a", "bc"]).bits());
    }

    #[test]
    fn nobody_changes_with_a_machine_or_an_update() {
        let mut random = Seeded::from_texts(&["nasa"]);
        assert_eq!(random.alphanumeric(17), "BkUAXuO0ZNcBHeVLQ");
        assert_eq!(
            (random.bits(), random.below(1_000_000), random.chance(0.5)),
            (17_750_324_881_983_595_531, 707_508, false)
        );
        assert_eq!((random.unit(), random.pick(&["a", "b", "c", "d", "e"])), (0.696_771_193_977_828_6, Some(&"b")));
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
