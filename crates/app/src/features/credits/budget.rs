//! The daily cap: what an account's runs may cost in a UTC day.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The highest cap that can be set.
pub const DAILY_CAP_MAX: i64 = 1_000_000;

/// A cap in credits; 0 lets nothing through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyCap(i32);

impl DailyCap {
    #[must_use]
    pub const fn credits(self) -> i32 {
        self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a daily cap is from 0 to {DAILY_CAP_MAX}")]
pub struct InvalidDailyCap;

impl TryFrom<i64> for DailyCap {
    type Error = InvalidDailyCap;

    fn try_from(credits: i64) -> Result<Self, Self::Error> {
        if !(0..=DAILY_CAP_MAX).contains(&credits) {
            return Err(InvalidDailyCap);
        }
        i32::try_from(credits).map(Self).map_err(|_| InvalidDailyCap)
    }
}

/// The cap and what is used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// The cap; null without one.
    pub daily_cap: Option<i64>,
    /// Credits charged for today's runs and not refunded.
    pub used_today: i64,
    /// The end of the UTC day.
    pub resets_at: Timestamp,
}

/// The outcome of changing the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CapOutcome {
    /// It binds every run that begins from now on.
    #[serde(rename = "ok")]
    Set(Budget),
    /// Not a member, or the account is closed.
    Forbidden,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_from_nothing_to_a_million() {
        for credits in [0, 50, DAILY_CAP_MAX] {
            assert_eq!(DailyCap::try_from(credits).map(|cap| i64::from(cap.credits())), Ok(credits));
        }
        for credits in [-1, DAILY_CAP_MAX + 1, i64::MIN, i64::MAX] {
            assert_eq!(DailyCap::try_from(credits), Err(InvalidDailyCap), "{credits}");
        }
    }
}
