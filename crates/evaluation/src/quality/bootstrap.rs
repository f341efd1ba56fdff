//! Whether a difference between two models is more than chance: the paired bootstrap.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const RESAMPLES: usize = 2_000;
/// The same set always gives the same interval.
const SEED: u64 = 20_261_126;

/// A difference (the second minus the first) with the interval that holds 95 % of the resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Difference {
    /// Whether it could as well be none.
    #[must_use]
    pub fn is_noise(self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }
}

/// Resamples the units (profiles: what is said of one for six businesses hangs together) with replacement, the same ones for both
/// models, and takes the difference of a statistic. `None` where the statistic cannot be computed.
#[must_use]
pub fn paired<T>(first: &[T], second: &[T], statistic: impl Fn(&[&T]) -> Option<f64>) -> Option<Difference> {
    let units = first.len().min(second.len());
    let of =
        |chosen: &[usize], from: &[T]| statistic(&chosen.iter().filter_map(|at| from.get(*at)).collect::<Vec<_>>());
    let difference = |chosen: &[usize]| Some(of(chosen, second)? - of(chosen, first)?);
    let value = difference(&(0..units).collect::<Vec<_>>())?;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| difference(&(0..units).map(|_| random.random_range(0..units)).collect::<Vec<_>>()))
        .collect();
    resampled.sort_by(f64::total_cmp);
    let at = |share: f64| resampled.get(((resampled.len().saturating_sub(1)) as f64 * share).round() as usize).copied();
    Some(Difference { value, low: at(0.025)?, high: at(0.975)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[&f64]) -> Option<f64> {
        (!values.is_empty()).then(|| values.iter().copied().sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn a_difference_in_every_unit_is_real_and_one_by_chance_is_noise() {
        let first: Vec<f64> = (0..60).map(|n| f64::from(n % 7)).collect();
        let better: Vec<f64> = first.iter().map(|value| value + 1.0).collect();
        let real = paired(&first, &better, mean).unwrap();
        assert!((real.value - 1.0).abs() < 1e-9 && !real.is_noise(), "{real:?}");
        let shaken: Vec<f64> =
            first.iter().enumerate().map(|(n, value)| value + if n % 2 == 0 { 2.0 } else { -2.0 }).collect();
        assert!(paired(&first, &shaken, mean).unwrap().is_noise());
        assert_eq!(paired::<f64>(&[], &[], mean), None);
    }
}
