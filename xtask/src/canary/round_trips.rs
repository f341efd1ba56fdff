//! Round trips from the deployed Worker to its database, measured there.

use oslira_app::features::diagnostics::{ROUND_TRIPS_MAX, RoundTrips};
use serde_json::json;

use crate::deployed::{Deployed, Fault};

/// What was measured, over several requests.
pub struct Measured {
    asked: u32,
    /// Of each request, the statement that opened the connection; ascending.
    pub first_ms: Vec<u64>,
    /// Ascending.
    pub milliseconds: Vec<u64>,
    total_ms: u64,
}

impl Measured {
    /// Whether all were made.
    pub fn is_whole(&self) -> bool {
        self.milliseconds.len() == self.asked as usize
    }

    /// The mean, finer than the Worker's clock; nothing without a round trip.
    pub fn mean_ms(&self) -> Option<f64> {
        let count = self.milliseconds.len();
        (count > 0).then(|| self.total_ms as f64 / count as f64)
    }

    pub const fn asked(&self) -> u32 {
        self.asked
    }
}

/// The smallest value that so many in a hundred of an ascending list do not exceed.
pub fn percentile(ascending: &[u64], percent: usize) -> Option<u64> {
    let place = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(place - 1).copied()
}

/// Measures as many, a hundred for each request.
pub fn measure(operator: &Deployed, count: u32) -> Result<Measured, Fault> {
    let mut measured = Measured { asked: count, first_ms: vec![], milliseconds: vec![], total_ms: 0 };
    let mut left = count;
    while left > 0 {
        let now = left.min(ROUND_TRIPS_MAX);
        let path = "/operator/diagnostics/database-round-trips";
        let answer: RoundTrips = operator.post(path, None, &json!({ "count": now }))?;
        measured.first_ms.push(answer.first_ms);
        measured.total_ms += answer.total_ms;
        measured.milliseconds.extend(answer.milliseconds);
        left -= now;
    }
    measured.first_ms.sort_unstable();
    measured.milliseconds.sort_unstable();
    Ok(measured)
}

#[cfg(test)]
impl Measured {
    pub fn of(milliseconds: &[u64]) -> Self {
        let asked = u32::try_from(milliseconds.len()).unwrap();
        let total_ms = milliseconds.iter().sum();
        Self { asked, first_ms: vec![9], milliseconds: milliseconds.to_vec(), total_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() {
        let all: Vec<u64> = (1..=200).collect();
        assert_eq!(
            [percentile(&all, 50), percentile(&all, 95), percentile(&all, 100)],
            [Some(100), Some(190), Some(200)]
        );
        assert_eq!([percentile(&[7], 50), percentile(&[7], 99), percentile(&[], 50)], [Some(7), Some(7), None]);
    }
}
