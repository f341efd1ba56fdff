//! The product's ports over the simulated world: the database, the profile cache, watchers, the clock, the launcher.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::{
        analysis::{
            AnalysisRecord, Assignment, Completion, LeadFacts, Outage, Phase, ProgressSink, ProgressUpdate,
            RunLauncher, RunState, SilentRun, SystemRuns, UsageRecord, Woken,
        },
        profiles::{InstagramHandle, PictureStore, Profile, Snapshot, SnapshotKey, SnapshotStore},
    },
    shared::{clock::Clock, ids::RunId, store::StoreError},
};

use crate::{Answer, Fixtures, Journal, Mutation, Op, Shared};

/// Every port of one workflow, or of the five-minute job, which has no journal.
#[derive(Clone)]
pub struct Ports {
    pub(crate) world: Shared,
    /// The workflow's run and journal.
    pub(crate) owner: Option<(RunId, Journal)>,
}

fn down() -> StoreError {
    StoreError::Unavailable("an injected fault".to_owned())
}

impl Ports {
    pub(crate) async fn call(&self, op: Op) -> Result<Answer, StoreError> {
        let run = self.owner.as_ref().map(|(run, _)| *run);
        let step = self.owner.as_ref().and_then(|(_, journal)| journal.running());
        self.world.call(run, step.as_deref(), op).await
    }

    /// The run, and the step on whose behalf a provider or a store is called.
    pub(crate) fn caller(&self) -> Option<(RunId, Arc<str>)> {
        self.owner.as_ref().and_then(|(run, journal)| Some((*run, journal.running()?)))
    }

    /// For the object store, whose calls either fail before their effect or succeed: its replies are not lost.
    async fn reach_store(&self) -> Result<(), StoreError> {
        self.world.pause().await;
        if self.world.lock().store_is_down() { Err(down()) } else { Ok(()) }
    }
}

pub(crate) fn mistaken(answer: &Answer) -> StoreError {
    StoreError::Defect(format!("unexpected answer {answer:?}"))
}

#[async_trait]
impl SystemRuns for Ports {
    async fn take_up(&self, run: RunId) -> Result<Option<Assignment>, StoreError> {
        match self.call(Op::TakeUp(run)).await? {
            Answer::TakenUp(None) => Ok(None),
            Answer::TakenUp(Some(username)) => {
                let handle = username.parse().map_err(|_| StoreError::Defect("a username".to_owned()))?;
                // The business is no part of the model, so the assignment is put together outside of the transaction.
                let world = self.world.lock();
                let row = world.database.runs.get(&run).ok_or_else(|| StoreError::Defect("no such run".to_owned()))?;
                Ok(Some(Fixtures::assignment(world.database.customer, handle, row.kind)))
            }
            other => Err(mistaken(&other)),
        }
    }

    async fn advance(&self, run: RunId, phase: Phase) -> Result<bool, StoreError> {
        match self.call(Op::Advance(run, phase)).await? {
            Answer::Active(active) => Ok(active),
            other => Err(mistaken(&other)),
        }
    }

    async fn complete(
        &self,
        run: RunId,
        lead: &LeadFacts,
        analysis: &AnalysisRecord,
    ) -> Result<Completion, StoreError> {
        let mut analysis = Box::new(analysis.clone());
        if self.world.has(Mutation::JudgementMissing) {
            analysis.result.answers.personality = None;
        }
        match self.call(Op::Complete { run, lead: lead.clone(), analysis }).await? {
            Answer::Completed(completion) => Ok(completion),
            other => Err(mistaken(&other)),
        }
    }

    async fn refuse_erased(&self, _: &Profile) -> Result<bool, StoreError> {
        // Nobody is erased in this world: the tests of the database and of the whole stack do that.
        self.world.lock().work.database_statements += 1;
        Ok(false)
    }

    async fn fail(&self, run: RunId, code: &str, message: &str) -> Result<bool, StoreError> {
        match self.call(Op::Fail { run, code: code.to_owned(), message: message.to_owned() }).await? {
            Answer::Failed(by_this) => Ok(by_this),
            other => Err(mistaken(&other)),
        }
    }

    async fn record_usage(&self, run: RunId, key: &str, usage: &UsageRecord) -> Result<bool, StoreError> {
        match self.call(Op::RecordUsage { run, key: key.to_owned(), usage: usage.clone() }).await? {
            Answer::Recorded(is_new) => Ok(is_new),
            other => Err(mistaken(&other)),
        }
    }

    async fn mark_stale(&self, username: &InstagramHandle, scraped_at: Timestamp) -> Result<u64, StoreError> {
        match self.call(Op::MarkStale(username.clone(), scraped_at)).await? {
            Answer::Marked(count) => Ok(count),
            other => Err(mistaken(&other)),
        }
    }

    async fn report_outage(&self, run: RunId, service: &str, outage: Outage) -> Result<bool, StoreError> {
        self.call(Op::ReportOutage { run, service: service.to_owned(), outage }).await.map(|_| true)
    }

    async fn state(&self, run: RunId) -> Result<Option<RunState>, StoreError> {
        match self.call(Op::State(run)).await? {
            Answer::State(state) => Ok(state),
            other => Err(mistaken(&other)),
        }
    }

    async fn claim_silent(&self, age: SignedDuration, limit: u32) -> Result<Vec<SilentRun>, StoreError> {
        match self.call(Op::ClaimSilent(age.as_secs(), limit)).await? {
            Answer::Claimed(runs) => {
                let silent = |(run_id, silent_s)| SilentRun { run_id, silent_s: silent_s as f64 };
                Ok(runs.into_iter().map(silent).collect())
            }
            other => Err(mistaken(&other)),
        }
    }

    async fn note_woken(&self, runs: &[RunId]) -> Result<(), StoreError> {
        self.call(Op::NoteWoken(runs.to_vec())).await.map(drop)
    }

    async fn sweep(&self, age: SignedDuration, grace: Duration, limit: u32) -> Result<Vec<RunId>, StoreError> {
        let grace_s = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        match self.call(Op::Sweep(age.as_secs(), grace_s, limit)).await? {
            Answer::Swept(runs) => Ok(runs),
            other => Err(mistaken(&other)),
        }
    }
}

#[async_trait]
impl SnapshotStore for Ports {
    async fn find(
        &self,
        username: &InstagramHandle,
        not_before: Timestamp,
        depth: u32,
    ) -> Result<Option<SnapshotKey>, StoreError> {
        self.reach_store().await?;
        let mut world = self.world.lock();
        let world = &mut *world;
        world.work.snapshot_searches += 1;
        let fits = |snapshot: &Snapshot| {
            snapshot.profile.username == *username && snapshot.scraped_at >= not_before && snapshot.depth >= depth
        };
        let newest = world.snapshots.iter().filter(|(_, snapshot)| fits(snapshot)).max_by_key(|(_, s)| s.scraped_at);
        // Only the comparison with the snapshot before accepts one of any depth.
        if depth == 0
            && let Some((run, _)) = self.caller()
        {
            world.invariants.staleness.compares(run, newest.map(|(_, snapshot)| snapshot));
            if world.database.mutation == Some(Mutation::ComparedWithItself) {
                return Ok(None);
            }
        }
        Ok(newest.map(|(key, _)| SnapshotKey(key.clone())))
    }

    async fn save(&self, snapshot: &Snapshot, key_hint: &str) -> Result<SnapshotKey, StoreError> {
        self.reach_store().await?;
        {
            let mut world = self.world.lock();
            world.work.snapshot_saves += 1;
            if let Some((run, _)) = self.caller()
                && let Err(violation) = world.invariants.staleness.kept(run, snapshot)
            {
                world.report_violation(violation);
            }
            if let Err(violation) = Fixtures::is_complete(snapshot) {
                world.report_violation(violation);
            }
            // The hint is the same for a repeat of the step, which finds what was stored, as in R2.
            if !world.snapshots.contains_key(key_hint) {
                world.snapshots.insert(key_hint.to_owned(), snapshot.clone());
                world.continued += u32::from(snapshot.posts_read_at.is_some());
            }
        }
        // Here a crash finds the snapshot stored and the step's result not saved.
        self.world.pause().await;
        Ok(SnapshotKey(key_hint.to_owned()))
    }

    async fn load(&self, key: &SnapshotKey) -> Result<Snapshot, StoreError> {
        self.reach_store().await?;
        let is_planning = self.caller().is_some_and(|(_, step)| &*step == "take-up");
        let mut world = self.world.lock();
        world.work.snapshot_loads += 1;
        let mut found = world.snapshots.get(&key.0).filter(|_| !world.snapshots_unreadable).cloned();
        if is_planning && world.database.mutation == Some(Mutation::EarlierPostLost) {
            found.iter_mut().for_each(|snapshot| drop(snapshot.profile.posts.pop()));
        }
        found.ok_or_else(|| StoreError::Defect("no such snapshot".to_owned()))
    }
}

#[async_trait]
impl PictureStore for Ports {
    async fn copy(&self, _: &InstagramHandle, _: &str) -> Result<(), String> {
        self.world.lock().work.pictures += 1;
        self.reach_store().await.map_err(|error| error.to_string())
    }

    async fn delete(&self, _: &[InstagramHandle]) -> Result<(), StoreError> {
        self.reach_store().await
    }
}

#[async_trait]
impl ProgressSink for Ports {
    async fn tell(&self, run: RunId, update: ProgressUpdate) {
        self.world.pause().await;
        self.world.lock().work.progress_requests += 1;
        if let ProgressUpdate::Ended { status, .. } = update {
            let mut world = self.world.lock();
            if let Err(violation) = world.invariants.told(run, status) {
                world.report_violation(violation);
            }
        }
    }
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        self.world.lock().now()
    }
}

#[async_trait]
impl RunLauncher for Ports {
    async fn start(&self, run: RunId) -> Result<(), String> {
        self.wake(run).await.map(drop)
    }

    async fn enqueue_recovery(&self) -> Result<(), String> {
        Err("a history has fewer silent runs than a round takes".to_owned())
    }

    async fn enqueue(&self, run: RunId) -> Result<(), String> {
        self.wake(run).await.map(drop)
    }

    async fn wake(&self, run: RunId) -> Result<Woken, String> {
        self.world.pause().await;
        let mut world = self.world.lock();
        if world.engine_gone {
            return Err("the engine is gone".to_owned());
        }
        world.wakes.push(run);
        Ok(Woken::GoesOn)
    }
}
