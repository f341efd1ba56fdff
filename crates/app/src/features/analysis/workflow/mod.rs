//! The durable body of an analysis: cache, scrape, judge, save.
//!
//! Promises: nothing outside a step has an effect; every effect is idempotent by key; before each phase the run's row is
//! asked whether the run is still active, and if not the workflow stops and stores nothing; every failure ends in
//! `fail_run`, which refunds once. Expected failures are values that steps remember. Attempts are counted here and not
//! by the engine, so that a pause is a durable sleep and a provider's `Retry-After` can lengthen it.

mod failure;
mod findings;
mod judge;
mod scrape;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use self::{
    failure::{Failure, INTERNAL},
    judge::Judged,
};
use super::{
    Assignment, Completion, Model, ModelName, Phase, ProfileSource, ProgressSink, ProgressUpdate, RunJournal,
    RunStatus, SnapshotKey, SnapshotStore, progress,
};
use crate::shared::{
    clock::Clock,
    ids::RunId,
    steps::{StepFailed, Steps, Transient},
};

/// What the workflow can reach. Cheap to clone: each step takes its own.
#[derive(Clone)]
pub struct WorkflowPorts {
    /// Runs, as the system.
    pub runs: Arc<dyn RunJournal>,
    /// The profile cache.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// The scraper.
    pub profiles: Arc<dyn ProfileSource>,
    /// The language model.
    pub model: Arc<dyn Model>,
    /// Watchers.
    pub progress: Arc<dyn ProgressSink>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Which model judges LIGHT.
    pub light_model: ModelName,
    /// Factor on every pause; 1 except on a local stack that runs faster than life.
    pub pause_scale: f64,
}

/// Why the workflow ends early.
enum Stop {
    /// The run ended meanwhile (cancelled, swept): nothing is stored.
    Inactive,
    /// The run fails with a stable code and a sentence for the customer.
    Failed(Failure),
    /// The engine gave a step up: a store was down for longer than the retries last.
    Broken(StepFailed),
}

impl From<StepFailed> for Stop {
    fn from(error: StepFailed) -> Self {
        Self::Broken(error)
    }
}

#[derive(Serialize, Deserialize)]
struct TakenUp {
    assignment: Assignment,
    cached: Option<SnapshotKey>,
}

/// A step's answer in a run that may have ended meanwhile.
#[derive(Serialize, Deserialize)]
enum Still<T> {
    Active(T),
    Inactive,
}

impl<T> Still<T> {
    fn go_on(self) -> Result<T, Stop> {
        match self {
            Self::Active(value) => Ok(value),
            Self::Inactive => Err(Stop::Inactive),
        }
    }
}

struct Body<'a, S> {
    steps: &'a S,
    ports: WorkflowPorts,
    run: RunId,
}

/// Runs one analysis to its end.
///
/// # Errors
/// [`StepFailed`] only when not even the failure could be recorded; the sweeper then ends the run.
pub async fn analyse<S: Steps>(steps: &S, ports: WorkflowPorts, run: RunId) -> Result<(), StepFailed> {
    let body = Body { steps, ports, run };
    match body.work().await {
        Ok(()) | Err(Stop::Inactive) => Ok(()),
        Err(Stop::Failed(failure)) => body.fail(failure).await,
        Err(Stop::Broken(error)) => {
            tracing::error!(run_id = %run, %error, "the run is given up");
            body.fail(INTERNAL).await
        }
    }
}

impl<S: Steps> Body<'_, S> {
    async fn work(&self) -> Result<(), Stop> {
        let TakenUp { assignment, cached } = self.take_up().await?;
        let cache_hit = cached.is_some();
        let key = match cached {
            Some(key) => key,
            None => self.scrape(&assignment).await?,
        };
        let judged = self.judge(&assignment, &key).await?;
        self.complete(assignment, key, judged, cache_hit).await
    }

    /// Step 6: mark the run as working, read its assignment, look into the cache.
    async fn take_up(&self) -> Result<TakenUp, Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let taken: Still<TakenUp> = self
            .steps
            .run("take-up", move || {
                let ports = ports.clone();
                async move {
                    let Some(assignment) = ports.runs.take_up(run).await? else {
                        return Ok(Still::Inactive);
                    };
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Cache)).await;
                    let wanted = assignment.analysis_type.config();
                    let not_before = ports.clock.now() - wanted.cache_age_max;
                    let found = ports.snapshots.find(&assignment.username, not_before, wanted.posts).await;
                    // A cache that does not answer is a miss: it costs a scrape, not the run.
                    let cached = found.unwrap_or_else(|error| {
                        tracing::warn!(run_id = %run, %error, "cache unavailable");
                        None
                    });
                    Ok(Still::Active(TakenUp { assignment, cached }))
                }
            })
            .await?;
        taken.go_on()
    }

    /// Steps 10 to 12 in one transaction.
    async fn complete(
        &self,
        assignment: Assignment,
        key: SnapshotKey,
        judged: Judged,
        cache_hit: bool,
    ) -> Result<(), Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (assignment, key, judged) = (Arc::new(assignment), Arc::new(key), Arc::new(judged));
        let done: Still<()> = self
            .steps
            .run("complete", move || {
                let ports = ports.clone();
                let (assignment, key, judged) = (assignment.clone(), key.clone(), judged.clone());
                async move {
                    let snapshot = ports.snapshots.load(&key).await?;
                    // No question whether the run is active: `complete_run` asks it under the row's lock, and a repeat
                    // after a lost answer must reach it to hear the first answer again.
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Saving)).await;
                    let (lead, result) = findings::findings(&assignment, &snapshot, &key, &judged, cache_hit);
                    match ports.runs.complete(run, &lead, &result).await? {
                        Completion::Completed { .. } => {
                            tell_end(&ports, run, RunStatus::Complete, None).await;
                            Ok(Still::Active(()))
                        }
                        Completion::Inactive => Ok(Still::Inactive),
                    }
                }
            })
            .await?;
        done.go_on()
    }

    async fn fail(&self, failure: Failure) -> Result<(), StepFailed> {
        let (ports, run) = (self.ports.clone(), self.run);
        self.steps
            .run("fail", move || {
                let ports = ports.clone();
                async move {
                    ports.runs.fail(run, failure.code, failure.message).await?;
                    tell_end(&ports, run, RunStatus::Failed, Some(failure.message)).await;
                    Ok(())
                }
            })
            .await
    }

    async fn pause(&self, name: &str, pause: Duration) -> Result<(), Stop> {
        Ok(self.steps.sleep(name, pause.mul_f64(self.ports.pause_scale)).await?)
    }
}

/// Beats the heart, tells watchers, answers whether to go on.
async fn advance(ports: &WorkflowPorts, run: RunId, phase: Phase) -> Result<bool, Transient> {
    let (active, ()) = futures_util::future::join(
        ports.runs.advance(run, phase),
        ports.progress.tell(run, ProgressUpdate::Reached(phase)),
    )
    .await;
    Ok(active?)
}

/// Tells watchers what was committed. A run that ended otherwise meanwhile is corrected by reconciling.
async fn tell_end(ports: &WorkflowPorts, run: RunId, expected: RunStatus, message: Option<&str>) {
    match ports.runs.state(run).await {
        Ok(Some(state)) if state.status == expected => {
            let message = message.unwrap_or_else(|| progress::ending(expected)).to_owned();
            ports.progress.tell(run, ProgressUpdate::Ended { status: expected, message }).await;
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(run_id = %run, %error, "progress is left to reconciling"),
    }
}
