//! The five-minute job: which alarms begin and end, each a line of the log.

use jiff::Timestamp;
use serde::Serialize;

use super::{AlarmLimits, AlarmStore, Crossing, CrossingKind};
use crate::shared::store::StoreError;

/// What a job told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AlarmReport {
    pub opened: u32,
    pub closed: u32,
}

/// Tells what begins and what ends. Whoever dies between telling and writing that down has it told once more by the next job.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn check_alarms(
    store: &dyn AlarmStore,
    limits: &AlarmLimits,
    now: Timestamp,
) -> Result<AlarmReport, StoreError> {
    let crossings = store.check(limits, now).await?;
    let mut report = AlarmReport::default();
    for crossing in &crossings {
        let Crossing { id, alarm, subject, value, threshold, opened_at, .. } = crossing;
        match crossing.crossing {
            CrossingKind::Opened => {
                report.opened += 1;
                let alarm = alarm.name();
                tracing::error!(alarm_id = id, alarm, subject, value, threshold, %opened_at, "an alarm begins");
            }
            CrossingKind::Closed => {
                report.closed += 1;
                let alarm = alarm.name();
                tracing::info!(alarm_id = id, alarm, subject, value, threshold, %opened_at, "an alarm is over");
            }
        }
    }
    if !crossings.is_empty() {
        store.note_told(&crossings).await?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::triggers::Queue;

    /// Alarms that were not told yet; the database is out for whoever writes down that they were.
    #[derive(Default)]
    struct Double {
        untold: Mutex<Vec<Crossing>>,
        is_out: bool,
    }

    #[async_trait]
    impl AlarmStore for Double {
        async fn check(&self, _: &AlarmLimits, _: Timestamp) -> Result<Vec<Crossing>, StoreError> {
            Ok(self.untold.lock().unwrap().clone())
        }

        async fn note_told(&self, told: &[Crossing]) -> Result<(), StoreError> {
            if self.is_out {
                return Err(StoreError::Unavailable("no database".to_owned()));
            }
            self.untold.lock().unwrap().retain(|crossing| !told.contains(crossing));
            Ok(())
        }

        async fn note_dead_letters(&self, _: Queue, _: usize) -> Result<(), StoreError> {
            unreachable!("the job notes none")
        }
    }

    fn crossing(id: i64, kind: &str) -> Crossing {
        serde_json::from_value(json!({
            "id": id, "crossing": kind, "alarm": "latency", "subject": "LIGHT", "value": 12.5, "threshold": 11,
            "opened_at": "2026-11-27T09:32:00Z", "closed_at": null,
        }))
        .unwrap()
    }

    async fn check(double: &Double) -> Result<AlarmReport, StoreError> {
        check_alarms(double, &AlarmLimits::default(), Timestamp::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn a_crossing_is_told_once() {
        let crossings = vec![crossing(1, "opened"), crossing(1, "closed"), crossing(2, "opened")];
        let double = Double { untold: Mutex::new(crossings), is_out: false };
        assert_eq!(check(&double).await.unwrap(), AlarmReport { opened: 2, closed: 1 });
        assert_eq!(check(&double).await.unwrap(), AlarmReport::default());
    }

    #[tokio::test]
    async fn what_could_not_be_noted_as_told_is_told_again() {
        let double = Double { untold: Mutex::new(vec![crossing(1, "opened")]), is_out: true };
        assert!(check(&double).await.is_err());
        let double = Double { is_out: false, ..double };
        assert_eq!(check(&double).await.unwrap(), AlarmReport { opened: 1, closed: 0 });
    }
}
