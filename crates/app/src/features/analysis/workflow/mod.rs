//! The durable body of an analysis: cache, scrape, judge, save.
//!
//! Promises: nothing outside a step has an effect; every effect is idempotent by key; before each call to a provider
//! the run's row is asked whether the run is still active, and if not the workflow stops; a run that has ended gets no
//! lead and no analysis; every failure ends in `fail_run`, which refunds once. Expected failures are values that steps
//! remember. Attempts are counted here and not by the engine, so that a pause is a durable sleep and a provider's
//! `Retry-After` can lengthen it.

mod actor_run;
mod ahead;
mod failure;
mod findings;
mod judge;
mod planned;
mod scrape;
mod silence;
mod store;
#[cfg(test)]
mod testing;

pub use ahead::ask_ahead;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use self::{
    failure::{Failure, INTERNAL, SUBJECT_ERASED},
    judge::{CallPlan, JudgedCall},
    planned::{PlannedScrape, Wanted, cached_or_planned},
    store::StoredSnapshot,
};
use futures_util::future::join;
use serde::{Deserialize, Serialize};

use super::{Assignment, Completion, Outage, Phase, ProgressSink, ProgressUpdate, RunStatus, SystemRuns, progress};
use crate::{
    features::{
        judging::{Model, ModelChoice},
        profiles::{PictureStore, SnapshotKey, SnapshotStore},
        scraping::ProfileSource,
    },
    shared::{
        analysis_type::AnalysisType,
        clock::Clock,
        ids::{AccountId, RunId},
        steps::{AttemptFailed, StepFailed, Steps},
        store::StoreError,
        telemetry::{CacheUse, Event, RunEnd, RunEnded, Telemetry, tell},
    },
};

/// What the workflow can reach. Cheap to clone: each step takes its own.
#[derive(Clone)]
pub struct WorkflowPorts {
    pub runs: Arc<dyn SystemRuns>,
    /// The profile cache.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// The scraper.
    pub profiles: Arc<dyn ProfileSource>,
    pub model: Arc<dyn Model>,
    pub pictures: Arc<dyn PictureStore>,
    pub progress: Arc<dyn ProgressSink>,
    pub clock: Arc<dyn Clock>,
    pub telemetry: Arc<dyn Telemetry>,
    /// Which models each call asks, in order.
    pub models: ModelChoice,
    /// Factor on every pause; 1 except on a local stack that runs faster than real time.
    pub pause_scale: f64,
}

impl WorkflowPorts {
    /// Reports an outage of a provider or a model to the circuit breaker. A report that is lost is made again by the
    /// next run that meets the outage. Only the report that opens the breaker is logged as an error, so that an outage
    /// alerts the operator once.
    async fn report(&self, run: RunId, service: &str, outage: Outage) {
        match self.runs.report_outage(run, service, outage).await {
            Ok(true) => tracing::error!(run_id = %run, service, ?outage, "a service is out"),
            Ok(false) => tracing::warn!(run_id = %run, service, ?outage, "a service did not answer a run"),
            Err(error) => tracing::error!(run_id = %run, service, ?outage, %error, "an outage could not be recorded"),
        }
    }
}

/// Why the workflow ends without a result.
enum EarlyEnd {
    /// The run ended meanwhile (cancelled, swept): nothing is stored.
    Inactive,
    /// The run fails with a stable code and a sentence for the customer.
    Failed(Failure),
    /// The engine gave up a step: a store was down for longer than the retries last, or there is a defect of ours.
    Broken(StepFailed),
}

impl From<StepFailed> for EarlyEnd {
    fn from(error: StepFailed) -> Self {
        Self::Broken(error)
    }
}

#[derive(Serialize, Deserialize)]
struct TakenUp {
    assignment: Assignment,
    calls: Vec<CallPlan>,
    cached: Option<SnapshotKey>,
    /// How it is scraped if it is not cached; runs that began before there were plans read everything.
    #[serde(default)]
    scrape: PlannedScrape,
}

/// A step's answer in a run that may have ended meanwhile.
#[derive(Serialize, Deserialize)]
enum IfActive<T> {
    Active(T),
    Inactive,
}

impl<T> IfActive<T> {
    fn active(self) -> Result<T, EarlyEnd> {
        match self {
            Self::Active(value) => Ok(value),
            Self::Inactive => Err(EarlyEnd::Inactive),
        }
    }
}

/// What became of a provider's bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorded {
    Now,
    /// By another run that shared the scrape, or by an earlier attempt. It is counted once, as it is billed once.
    Before,
    /// The database did not take it: it is recorded in a step of its own, and counted now.
    NotYet,
}

impl Recorded {
    const fn of(recorded: &Result<bool, StoreError>) -> Self {
        match recorded {
            Ok(true) => Self::Now,
            Ok(false) => Self::Before,
            Err(_) => Self::NotYet,
        }
    }
}

/// How `complete` ended. The first two are written as [`IfActive`] writes them: older versions did.
#[derive(Serialize, Deserialize)]
enum Done {
    Active(()),
    Inactive,
    SubjectErased,
}

struct Body<'a, S> {
    steps: &'a S,
    ports: WorkflowPorts,
    run: RunId,
    /// Whose run it is and what was bought, once it is taken up.
    assigned: OnceLock<(AccountId, AnalysisType)>,
}

/// Runs one analysis to its end.
///
/// # Errors
/// [`StepFailed`] only when not even the failure could be recorded; the sweeper then ends the run.
pub async fn analyse<S: Steps>(steps: &S, ports: WorkflowPorts, run: RunId) -> Result<(), StepFailed> {
    let body = Body { steps, ports, run, assigned: OnceLock::new() };
    match body.work().await {
        // Whatever ended an inactive run has settled its charge.
        Ok(()) | Err(EarlyEnd::Inactive) => Ok(()),
        Err(EarlyEnd::Failed(failure)) => body.fail(failure).await,
        Err(EarlyEnd::Broken(error)) => {
            tracing::error!(run_id = %run, %error, "the run is given up");
            body.fail(INTERNAL).await
        }
    }
}

impl<S: Steps> Body<'_, S> {
    async fn work(&self) -> Result<(), EarlyEnd> {
        let TakenUp { assignment, calls, cached, scrape } = self.take_up().await?;
        self.assigned.get_or_init(|| (assignment.account_id, assignment.analysis_type));
        let cache_hit = cached.is_some();
        let snapshot = match cached {
            Some(key) => StoredSnapshot::new(key, 0),
            None => self.scrape(&assignment, scrape).await?,
        };
        // Side by side: the copy takes less time than any model, so it delays nothing.
        let (judged, ()) =
            join(self.judge(&assignment, &calls, &snapshot.key), self.copy_picture(&snapshot, cache_hit)).await;
        let judged = judged?;
        self.complete(assignment, snapshot, judged, cache_hit).await
    }

    /// Marks the run as working, reads its assignment, looks into the cache, and plans the scrape if it needs one.
    async fn take_up(&self) -> Result<TakenUp, EarlyEnd> {
        let (ports, run) = (self.ports.clone(), self.run);
        let taken: IfActive<TakenUp> = self
            .steps
            .run_as("take-up", move || {
                // The engine calls this once per attempt, and each attempt's future must own what it uses.
                let ports = ports.clone();
                async move {
                    let Some(assignment) = ports.runs.take_up(run).await? else {
                        return Ok(IfActive::Inactive);
                    };
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Cache)).await;
                    let wanted = Wanted {
                        username: &assignment.username,
                        analysis_type: assignment.analysis_type,
                        now: ports.clock.now(),
                    };
                    let (cached, scrape) = cached_or_planned(ports.snapshots.as_ref(), run, &wanted).await;
                    let calls = planned_calls(&assignment, &ports.models);
                    Ok(IfActive::Active(TakenUp { assignment, calls, cached, scrape }))
                }
            })
            .await?;
        taken.active()
    }

    /// Instagram's address of the picture expires within hours. Nothing depends on the copy: failures are only logged.
    async fn copy_picture(&self, stored: &StoredSnapshot, cache_hit: bool) {
        // The run that scraped a cached profile has copied its picture.
        if cache_hit {
            return;
        }
        let (ports, run, key) = (self.ports.clone(), self.run, stored.key.clone());
        let copied = self.steps.run("picture", move || {
            let (ports, key) = (ports.clone(), key.clone());
            async move {
                // A failure is a value and not a failed attempt: retries would only hold the run up.
                if let Err(cause) = copy_picture(&ports, &key).await {
                    tracing::warn!(run_id = %run, cause, "profile picture not copied");
                }
                Ok(())
            }
        });
        if let Err(error) = copied.await {
            tracing::warn!(run_id = %run, %error, "profile picture not copied");
        }
    }

    /// Stores lead, analysis and status in one transaction.
    async fn complete(
        &self,
        assignment: Assignment,
        stored: StoredSnapshot,
        judged: Vec<JudgedCall>,
        cache_hit: bool,
    ) -> Result<(), EarlyEnd> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (assignment, stored, judged) = (Arc::new(assignment), Arc::new(stored), Arc::new(judged));
        let done: Done = self
            .steps
            .run("complete", move || {
                let ports = ports.clone();
                let (assignment, stored, judged) = (assignment.clone(), stored.clone(), judged.clone());
                async move {
                    let snapshot = ports.snapshots.load(&stored.key).await?;
                    // No `advance` here: `complete_run` checks under the row's lock whether the run is active. After a
                    // lost answer it must be called although the run is complete, to give the same answer again.
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Saving)).await;
                    let (lead, analysis) = findings::findings(&assignment, &snapshot, &stored, &judged, cache_hit)?;
                    match ports.runs.complete(run, &lead, &analysis).await? {
                        Completion::Completed { .. } => {
                            announce_end(&ports, run, RunStatus::Complete, None).await;
                            let event = RunEnded {
                                account_id: Some(assignment.account_id),
                                analysis_type: Some(assignment.analysis_type),
                                cache: CacheUse::from(Some(cache_hit)),
                                cost_microusd: analysis.cost_microusd,
                                ..RunEnded::without_workflow(run, RunEnd::Complete, ports.clock.now())
                            };
                            tell(ports.telemetry.as_ref(), &Event::Run(event));
                            Ok(Done::Active(()))
                        }
                        Completion::Inactive => Ok(Done::Inactive),
                        Completion::SubjectErased => {
                            // Whatever else it is called is refused too.
                            ports.runs.refuse_erased(&snapshot.profile).await?;
                            Ok(Done::SubjectErased)
                        }
                    }
                }
            })
            .await?;
        match done {
            Done::Active(()) => Ok(()),
            Done::Inactive => Err(EarlyEnd::Inactive),
            Done::SubjectErased => Err(EarlyEnd::Failed(SUBJECT_ERASED)),
        }
    }

    async fn fail(&self, failure: Failure) -> Result<(), StepFailed> {
        let (ports, run, assigned) = (self.ports.clone(), self.run, self.assigned.get().copied());
        self.steps
            .run("fail", move || {
                let ports = ports.clone();
                async move {
                    // Only what this has ended is counted: the sweep counts what it ends, and a repeat has nothing to end.
                    if ports.runs.fail(run, failure.code, failure.message).await? {
                        let event = RunEnded {
                            account_id: assigned.map(|(account, _)| account),
                            analysis_type: assigned.map(|(_, analysis_type)| analysis_type),
                            code: failure.code,
                            ..RunEnded::without_workflow(run, RunEnd::Failed, ports.clock.now())
                        };
                        tell(ports.telemetry.as_ref(), &Event::Run(event));
                    }
                    announce_end(&ports, run, RunStatus::Failed, Some(failure.message)).await;
                    Ok(())
                }
            })
            .await
    }

    async fn pause(&self, name: &str, pause: Duration) -> Result<(), EarlyEnd> {
        Ok(self.steps.sleep(name, pause.mul_f64(self.ports.pause_scale)).await?)
    }
}

/// The calls of this type, each with the models it asks: those of paused providers only where there is no other.
fn planned_calls(assignment: &Assignment, models: &ModelChoice) -> Vec<CallPlan> {
    let calls = assignment.analysis_type.config().calls.iter();
    calls.map(|call| CallPlan { call: *call, models: models.besides(*call, &assignment.paused) }).collect()
}

async fn copy_picture(ports: &WorkflowPorts, key: &SnapshotKey) -> Result<(), String> {
    let profile = ports.snapshots.load(key).await.map_err(|error| error.to_string())?.profile;
    match &profile.profile_pic_url {
        Some(url) => ports.pictures.copy(&profile.username, url).await,
        None => Ok(()),
    }
}

/// Writes the heartbeat, tells watchers, answers whether the run is still active.
async fn advance(ports: &WorkflowPorts, run: RunId, phase: Phase) -> Result<bool, AttemptFailed> {
    // Side by side, to save a round trip: a phase told of a run that has ended is corrected by reconciling.
    let (active, ()) =
        join(ports.runs.advance(run, phase), ports.progress.tell(run, ProgressUpdate::Reached(phase))).await;
    Ok(active?)
}

/// Tells watchers the end, if the run's row shows it: `fail_run` changes nothing when the run has already ended in
/// another way. The progress object then learns that end by reconciling.
async fn announce_end(ports: &WorkflowPorts, run: RunId, expected: RunStatus, message: Option<&str>) {
    match ports.runs.state(run).await {
        Ok(Some(state)) if state.status == expected => {
            let message = message.unwrap_or_else(|| progress::ending(expected)).to_owned();
            ports.progress.tell(run, ProgressUpdate::Ended { status: expected, message }).await;
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(run_id = %run, %error, "progress is left to reconciling"),
    }
}
