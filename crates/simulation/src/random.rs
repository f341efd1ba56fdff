//! Repeatable randomness: ChaCha8, whose stream for a seed is the same on every machine.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.0.random_range(0..limit) }
    }

    /// True `permille` times out of a thousand.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// One of `items`, each as likely; `None` when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    // Fixed numbers, because a version of `rand` that draws differently would make the seeds in bug reports worthless.
    #[test]
    fn a_seed_gives_the_same_draws_on_every_machine() {
        let mut random = Random::new(4711);
        assert_eq!([random.bits(), random.below(1_000), random.below(24)], [17_309_599_318_564_847_956, 228, 15]);
    }
}
