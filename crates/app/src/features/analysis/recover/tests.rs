//! A round has limits and says when it met them; its sweep goes on after a call that failed, and not for ever.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::{
    features::{
        analysis::{AnalysisRecord, Assignment, Completion, LeadFacts, Outage, Phase, RunState, UsageRecord, Woken},
        profiles::{InstagramHandle, Profile},
    },
    shared::ids::RunId,
};

/// A database that answers each question as the test says; also the launcher, which wakes every other run, and the watchers.
#[derive(Default)]
struct Double {
    silent: Vec<SilentRun>,
    sweeps: Mutex<VecDeque<Result<Vec<RunId>, StoreError>>>,
    told: Mutex<Vec<RunId>>,
    woken: Mutex<Vec<RunId>>,
    rounds_asked_for: AtomicU32,
    waits: Mutex<Vec<Duration>>,
}

impl Double {
    fn answering(sweeps: impl IntoIterator<Item = Result<Vec<RunId>, StoreError>>) -> Self {
        Self { sweeps: Mutex::new(sweeps.into_iter().collect()), ..Self::default() }
    }

    fn silent(runs: u128, silent_s: f64) -> Self {
        let silent = (0..runs).map(|number| SilentRun { run_id: run(number), silent_s }).collect();
        Self { silent, ..Self::default() }
    }

    async fn recover(&self) -> Result<RecoveryReport, StoreError> {
        self.round(Round::OfJob).await
    }

    async fn round(&self, round: Round) -> Result<RecoveryReport, StoreError> {
        let grace = async |pause| self.waits.lock().unwrap().push(pause);
        recover_stale_runs(self, self, self, round, config::STALE_WAKE, grace, &|_| {}).await
    }

    fn rounds_asked_for(&self) -> u32 {
        self.rounds_asked_for.load(Ordering::Relaxed)
    }
}

fn unasked<T>() -> Result<T, StoreError> {
    Err(StoreError::Defect("no sweep asks this".to_owned()))
}

fn late() -> Result<Vec<RunId>, StoreError> {
    Err(StoreError::Unavailable("SQLSTATE 57014".to_owned()))
}

fn run(number: u128) -> RunId {
    RunId::new(Uuid::from_u128(number))
}

#[tokio::test]
async fn a_sweep_that_fails_does_not_keep_the_others_from_their_refunds() {
    let double = Double::answering([late(), Ok(vec![run(1)]), late(), Ok(vec![run(2)]), Ok(vec![])]);
    let report = double.recover().await.unwrap();
    assert_eq!((report.swept, double.told.lock().unwrap().as_slice()), (2, [run(1), run(2)].as_slice()));
}

#[tokio::test]
async fn a_database_that_answers_no_sweep_is_left_until_the_next_job() {
    let double = Double::answering((0..100).map(|_| late()));
    assert!(double.recover().await.is_err());
    assert_eq!(double.sweeps.lock().unwrap().len(), 97);
}

#[tokio::test]
async fn a_round_that_cannot_do_everything_asks_for_the_next_one() {
    let full = Double::silent(500, 3_600.0);
    let report = full.recover().await.unwrap();
    assert_eq!(report, RecoveryReport { woken: 100, swept: 0, bulks_ended: 0, is_cut_short: true });
    assert_eq!((full.woken.lock().unwrap().len(), full.rounds_asked_for()), (200, 5), "the job starts five chains");
    assert_eq!(*full.waits.lock().unwrap(), [], "a later round sweeps those");
    let full = Double::silent(500, 3_600.0);
    full.round(Round::OfChain).await.unwrap();
    assert_eq!(full.rounds_asked_for(), 1, "a chain goes on as one");

    let sweeps = Double::answering((0..20).map(|_| Ok((0..50).map(run).collect())));
    let report = sweeps.recover().await.unwrap();
    assert_eq!(report, RecoveryReport { woken: 0, swept: 500, bulks_ended: 0, is_cut_short: true });
    assert_eq!(sweeps.rounds_asked_for(), 5);

    let few = Double::silent(199, 3_600.0);
    assert_eq!(
        few.recover().await.unwrap(),
        RecoveryReport { woken: 100, swept: 0, bulks_ended: 0, is_cut_short: false }
    );
    assert_eq!(few.rounds_asked_for(), 0);
}

#[tokio::test]
async fn only_who_may_have_to_be_swept_is_waited_for() {
    let young = Double::silent(5, 120.0);
    young.recover().await.unwrap();
    assert_eq!(*young.waits.lock().unwrap(), []);
    let old = Double::silent(5, 300.0);
    old.recover().await.unwrap();
    assert_eq!(*old.waits.lock().unwrap(), [Duration::from_secs(11)]);
    let last = Double::silent(0, 0.0);
    last.round(Round::OfChain).await.unwrap();
    assert_eq!(*last.waits.lock().unwrap(), [Duration::from_secs(11)], "rounds before it did not wait");
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

    async fn refuse_erased(&self, _: &Profile) -> Result<bool, StoreError> {
        unasked()
    }

    async fn fail(&self, _: RunId, _: &str, _: &str) -> Result<bool, StoreError> {
        unasked()
    }

    async fn record_usage(&self, _: RunId, _: &str, _: &UsageRecord) -> Result<bool, StoreError> {
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

    async fn claim_silent(&self, _: SignedDuration, limit: u32) -> Result<Vec<SilentRun>, StoreError> {
        Ok(self.silent.iter().take(limit as usize).copied().collect())
    }

    async fn note_woken(&self, runs: &[RunId]) -> Result<(), StoreError> {
        assert_eq!(runs.len(), self.woken.lock().unwrap().len(), "after the wakes, all of them");
        Ok(())
    }

    async fn sweep(&self, _: SignedDuration, _: Duration, _: u32) -> Result<Vec<RunId>, StoreError> {
        self.sweeps.lock().unwrap().pop_front().unwrap_or(Ok(vec![]))
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

    async fn wake(&self, run: RunId) -> Result<Woken, String> {
        let mut woken = self.woken.lock().unwrap();
        woken.push(run);
        if woken.len() % 2 == 1 { Ok(Woken::GoesOn) } else { Err("the engine is busy".to_owned()) }
    }

    async fn enqueue_recovery(&self) -> Result<(), String> {
        assert!(self.woken.lock().unwrap().is_empty() || self.silent.is_empty(), "it is asked for before the work");
        self.rounds_asked_for.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl ProgressSink for Double {
    async fn tell(&self, run: RunId, _: ProgressUpdate) {
        self.told.lock().unwrap().push(run);
    }
}
