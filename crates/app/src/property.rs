//! What the property tests share.

use std::hash::{BuildHasher as _, RandomState};

use proptest::test_runner::{Config, RngSeed};

/// Failures are not kept in files: each test prints its seed, and `PROPTEST_RNG_SEED` repeats the same cases.
pub fn config() -> Config {
    let config = Config::default();
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        // `RandomState` is the random number that the standard library offers.
        RngSeed::Random => RandomState::new().hash_one(0),
    };
    eprintln!("the same cases again: PROPTEST_RNG_SEED={seed}");
    Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..config }
}
