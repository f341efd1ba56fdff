//! The hourly job that sums up what has ended since the last one.

use jiff::Timestamp;
use serde::Serialize;

use super::{InsightSums, SummedUp};
use crate::shared::store::StoreError;

/// Days of one job, each a transaction of its own. Usually it is one; after an outage the next job goes on.
const DAYS_MAX: u32 = 400;

/// What a job summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SumUpReport {
    pub days: u32,
    /// Whether some are left.
    pub is_cut_short: bool,
}

/// Sums up day after day, until nothing that ended before `now` is left.
///
/// # Errors
/// [`StoreError`] when the database does not answer; the next job goes on with the day that failed.
pub async fn sum_up(sums: &dyn InsightSums, now: Timestamp) -> Result<SumUpReport, StoreError> {
    let mut days = 0;
    while days < DAYS_MAX {
        let SummedUp { day, is_done } = sums.sum_up(now).await?;
        days += u32::from(day.is_some());
        if is_done || day.is_none() {
            return Ok(SumUpReport { days, is_cut_short: false });
        }
    }
    Ok(SumUpReport { days, is_cut_short: true })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use jiff::civil::date;

    use super::*;

    /// So many days are left.
    struct Double(AtomicU32);

    #[async_trait]
    impl InsightSums for Double {
        async fn sum_up(&self, _: Timestamp) -> Result<SummedUp, StoreError> {
            let left = self.0.load(Ordering::Relaxed);
            self.0.store(left.saturating_sub(1), Ordering::Relaxed);
            Ok(SummedUp { day: (left > 0).then(|| date(2026, 11, 27)), is_done: left <= 1 })
        }
    }

    #[tokio::test]
    async fn a_job_goes_on_until_nothing_is_left_or_it_has_done_enough() {
        for (left, days, is_cut_short) in [(0, 0, false), (1, 1, false), (400, 400, false), (401, 400, true)] {
            let report = sum_up(&Double(AtomicU32::new(left)), Timestamp::UNIX_EPOCH).await.unwrap();
            assert_eq!(report, SumUpReport { days, is_cut_short }, "{left}");
        }
    }
}
