//! Starts and wakes workflow instances.

use std::{pin::pin, time::Duration};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use oslira_app::{
    features::{
        analysis::{BulkLauncher, BulkLeg, RunLauncher, Woken},
        erasure::EngineInstances,
    },
    shared::{
        ids::{BulkId, RunId},
        store::StoreError,
    },
};
use serde::Serialize;
use worker::{Delay, Env, QueueContentType, RawMessageBuilder, send::SendFuture};
use workers_workflows::{Workflow, WorkflowError};

use crate::{
    queue::Start,
    workflow::{BulkParams, Params},
};

const WORKFLOW: &str = "ANALYSIS_WORKFLOW";
const BULK_WORKFLOW: &str = "BULK_WORKFLOW";
const QUEUE: &str = "ANALYSIS_QUEUE";
const RECOVERY_QUEUE: &str = "RECOVERY_QUEUE";
/// A wake is given up after this. It may arrive all the same, and then does no harm.
const WAKE_PATIENCE: Duration = Duration::from_secs(10);
/// No step waits for this event: any event makes an instance that lost its engine continue.
const WAKE_EVENT: &str = "wake";

/// The workflow bindings and the queue behind them.
pub struct Launcher {
    env: Env,
}

impl Launcher {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    fn workflow(&self) -> Result<Workflow, WorkflowError> {
        Workflow::from_env(self.env.as_ref(), WORKFLOW)
    }

    async fn create(&self, run: RunId) -> Result<(), WorkflowError> {
        create(&self.workflow()?, &run.to_string(), &Params { run_id: run }).await
    }

    async fn create_many(&self, runs: &[RunId]) -> Result<(), WorkflowError> {
        let workflow = self.workflow()?;
        let instances: Vec<(String, Params)> =
            runs.iter().map(|run| (run.to_string(), Params { run_id: *run })).collect();
        let Err(error) = workflow.create_batch(&instances).await else {
            return Ok(());
        };
        // An instance that exists already may refuse the whole batch: one by one, it counts as started.
        tracing::warn!(%error, "instances not created together; now one by one");
        for (id, params) in &instances {
            create(&workflow, id, params).await?;
        }
        Ok(())
    }

    async fn create_bulk(&self, params: &BulkParams) -> Result<(), WorkflowError> {
        // One instance for each leg: the first may have ended long ago when the rest is bought.
        let id = match params.leg {
            BulkLeg::First => params.bulk_id.to_string(),
            BulkLeg::Rest => format!("{}-rest", params.bulk_id),
        };
        create(&Workflow::from_env(self.env.as_ref(), BULK_WORKFLOW)?, &id, params).await
    }

    async fn revive(&self, run: RunId) -> Result<Woken, WorkflowError> {
        // Whatever the reason why none was found: a start does no harm to an instance that exists.
        let Ok(instance) = self.workflow()?.get(&run.to_string()).await else {
            self.create(run).await?;
            return Ok(Woken::GoesOn);
        };
        // An instance that ended while its run did not could only start over and pay everything again: the sweep
        // refunds the run instead.
        if instance.status().await?.has_ended() {
            return Ok(Woken::HasEnded);
        }
        instance.send_event(WAKE_EVENT, &()).await?;
        Ok(Woken::GoesOn)
    }

    async fn send(&self, queue: &str, message: &impl Serialize) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        let queue = self.env.queue(queue).map_err(|error| failed(&error))?;
        // Not `Queue::send`: it has delivered JSON values as `{}`.
        let body =
            message.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(|error| failed(&error))?;
        let raw = RawMessageBuilder::new(body).build_with_content_type(QueueContentType::Json);
        queue.send_raw(raw).await.map_err(|error| failed(&error))
    }
}

async fn create(workflow: &Workflow, id: &str, params: &impl Serialize) -> Result<(), WorkflowError> {
    let Err(error) = workflow.create(id, params).await else {
        return Ok(());
    };
    // The instance's id is the run's: what refuses a repeated start is the instance of the first one. It is asked, because
    // the engine's errors have no codes and their words change.
    match workflow.get(id).await {
        Ok(instance) => instance.status().await.map(drop).map_err(|_| error),
        Err(_) => Err(error),
    }
}

#[async_trait]
impl RunLauncher for Launcher {
    async fn start(&self, run: RunId) -> Result<(), String> {
        SendFuture::new(self.create(run)).await.map_err(|error| error.to_string())
    }

    async fn start_many(&self, runs: &[RunId]) -> Result<(), String> {
        if runs.is_empty() {
            return Ok(());
        }
        SendFuture::new(self.create_many(runs)).await.map_err(|error| error.to_string())
    }

    async fn enqueue(&self, run: RunId) -> Result<(), String> {
        SendFuture::new(self.send(QUEUE, &Start::Run { run_id: run })).await
    }

    async fn wake(&self, run: RunId) -> Result<Woken, String> {
        let revived = async {
            match select(pin!(self.revive(run)), Delay::from(WAKE_PATIENCE)).await {
                Either::Left((revived, _)) => revived.map_err(|error| error.to_string()),
                Either::Right(_) => Err("timed out".to_owned()),
            }
        };
        SendFuture::new(revived).await
    }

    async fn enqueue_recovery(&self) -> Result<(), String> {
        SendFuture::new(self.send(RECOVERY_QUEUE, &"silent runs")).await
    }
}

#[async_trait]
impl EngineInstances for Launcher {
    async fn delete(&self, runs: &[RunId]) -> Result<Vec<RunId>, StoreError> {
        let ids: Vec<String> = runs.iter().map(RunId::to_string).collect();
        let deleted = async { self.workflow()?.delete_batch(&ids).await };
        let left =
            SendFuture::new(deleted).await.map_err(|error| StoreError::Unavailable(format!("engine: {error}")))?;
        let left: Vec<_> = left.into_iter().filter(|failure| !failure.is_not_found()).collect();
        for failure in &left {
            tracing::error!(run_id = failure.id, cause = failure.message, "an instance was not deleted");
        }
        let is_gone = |run: &RunId| !left.iter().any(|failure| failure.id == run.to_string());
        Ok(runs.iter().copied().filter(is_gone).collect())
    }
}

#[async_trait]
impl BulkLauncher for Launcher {
    async fn start(&self, bulk: BulkId, leg: BulkLeg) -> Result<(), String> {
        let params = BulkParams { bulk_id: bulk, leg };
        SendFuture::new(self.create_bulk(&params)).await.map_err(|error| error.to_string())
    }

    async fn enqueue(&self, bulk: BulkId, leg: BulkLeg) -> Result<(), String> {
        SendFuture::new(self.send(QUEUE, &Start::Bulk(BulkParams { bulk_id: bulk, leg }))).await
    }
}
