//! The sweep goes on after a call that failed, and not for ever.

use std::{collections::VecDeque, sync::Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::{
    features::{
        analysis::{AnalysisRecord, Assignment, Completion, LeadFacts, Outage, Phase, RunState, UsageRecord},
        profiles::InstagramHandle,
    },
    shared::ids::RunId,
};

/// A database that answers each sweep as the test says and has no run to wake; also the launcher and the watchers.
struct Double {
    sweeps: Mutex<VecDeque<Result<Option<RunId>, StoreError>>>,
    told: Mutex<Vec<RunId>>,
}

impl Double {
    fn answering(sweeps: impl IntoIterator<Item = Result<Option<RunId>, StoreError>>) -> Self {
        Self { sweeps: Mutex::new(sweeps.into_iter().collect()), told: Mutex::default() }
    }

    async fn recover(&self) -> Result<RecoveryReport, StoreError> {
        recover_stale_runs(self, self, self, config::STALE_WAKE, async |_| {}).await
    }
}

fn unasked<T>() -> Result<T, StoreError> {
    Err(StoreError::Defect("no sweep asks this".to_owned()))
}

fn late() -> Result<Option<RunId>, StoreError> {
    Err(StoreError::Unavailable("SQLSTATE 57014".to_owned()))
}

fn run(number: u128) -> RunId {
    RunId::new(Uuid::from_u128(number))
}

#[tokio::test]
async fn a_sweep_that_fails_does_not_keep_the_others_from_their_refunds() {
    let double = Double::answering([late(), Ok(Some(run(1))), late(), Ok(Some(run(2))), Ok(None)]);
    let report = double.recover().await.unwrap();
    assert_eq!((report.swept, double.told.lock().unwrap().as_slice()), (2, [run(1), run(2)].as_slice()));
}

#[tokio::test]
async fn a_database_that_answers_no_sweep_is_left_until_the_next_job() {
    let double = Double::answering((0..100).map(|_| late()));
    assert!(double.recover().await.is_err());
    assert_eq!(double.sweeps.lock().unwrap().len(), 97);
}

#[async_trait]
impl SystemRuns for Double {
    async fn take_up(&self, _: RunId) -> Result<Option<Assignment>, StoreError> {
        unasked()
    }

    async fn advance(&self, _: RunId, _: Phase) -> Result<bool, StoreError> {
        unasked()
    }

    async fn complete(&self, _: RunId, _: &LeadFacts, _: &AnalysisRecord) -> Result<Completion, StoreError> {
        unasked()
    }

    async fn fail(&self, _: RunId, _: &str, _: &str) -> Result<(), StoreError> {
        unasked()
    }

    async fn record_usage(&self, _: RunId, _: &str, _: &UsageRecord) -> Result<(), StoreError> {
        unasked()
    }

    async fn mark_stale(&self, _: &InstagramHandle, _: Timestamp) -> Result<u64, StoreError> {
        unasked()
    }

    async fn report_outage(&self, _: RunId, _: &str, _: Outage) -> Result<bool, StoreError> {
        unasked()
    }

    async fn state(&self, _: RunId) -> Result<Option<RunState>, StoreError> {
        unasked()
    }

    async fn stale(&self, _: SignedDuration, _: u32) -> Result<Vec<RunId>, StoreError> {
        Ok(vec![])
    }

    async fn sweep_one(&self, _: SignedDuration) -> Result<Option<RunId>, StoreError> {
        self.sweeps.lock().unwrap().pop_front().unwrap_or(Ok(None))
    }
}

#[async_trait]
impl RunLauncher for Double {
    async fn start(&self, _: RunId) -> Result<(), String> {
        Ok(())
    }

    async fn enqueue(&self, _: RunId) -> Result<(), String> {
        Ok(())
    }

    async fn wake(&self, _: RunId) -> Result<(), String> {
        Ok(())
    }
}

#[async_trait]
impl ProgressSink for Double {
    async fn tell(&self, run: RunId, _: ProgressUpdate) {
        self.told.lock().unwrap().push(run);
    }
}
