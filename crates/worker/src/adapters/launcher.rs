//! Starts and wakes workflow instances.

use async_trait::async_trait;
use oslira_app::{features::analysis::RunLauncher, shared::ids::RunId};
use serde::Serialize as _;
use worker::{Env, QueueContentType, RawMessageBuilder, send::SendFuture};
use workers_workflows::{Workflow, WorkflowError};

use crate::{queue::StartRun, workflow::Params};

const WORKFLOW: &str = "ANALYSIS_WORKFLOW";
const QUEUE: &str = "ANALYSIS_QUEUE";
/// No step waits for this event: any event makes an instance that lost its engine continue.
const WAKE_EVENT: &str = "wake";

/// The workflow binding and the queue behind it.
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
        let (workflow, id) = (self.workflow()?, run.to_string());
        let Err(error) = workflow.create(&id, &Params { run_id: run }).await else {
            return Ok(());
        };
        // The instance's id is the run's: what refuses a repeated start is the instance of the first one. It is asked, because
        // the engine's errors have no codes and their words change.
        match workflow.get(&id).await {
            Ok(instance) => instance.status().await.map(drop).map_err(|_| error),
            Err(_) => Err(error),
        }
    }

    async fn revive(&self, run: RunId) -> Result<(), WorkflowError> {
        // Whatever the reason why none was found: a start does no harm to an instance that exists.
        let Ok(instance) = self.workflow()?.get(&run.to_string()).await else {
            return self.create(run).await;
        };
        // An instance that ended while its run did not could only start over and pay everything again: the sweep
        // refunds the run instead.
        if instance.status().await?.has_ended() {
            return Ok(());
        }
        instance.send_event(WAKE_EVENT, &()).await
    }

    async fn send(&self, run: RunId) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        let queue = self.env.queue(QUEUE).map_err(|error| failed(&error))?;
        // Not `Queue::send`: it has delivered JSON values as `{}`.
        let body = StartRun { run_id: run }
            .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
            .map_err(|error| failed(&error))?;
        let message = RawMessageBuilder::new(body).build_with_content_type(QueueContentType::Json);
        queue.send_raw(message).await.map_err(|error| failed(&error))
    }
}

#[async_trait]
impl RunLauncher for Launcher {
    async fn start(&self, run: RunId) -> Result<(), String> {
        SendFuture::new(self.create(run)).await.map_err(|error| error.to_string())
    }

    async fn enqueue(&self, run: RunId) -> Result<(), String> {
        SendFuture::new(self.send(run)).await
    }

    async fn wake(&self, run: RunId) -> Result<(), String> {
        SendFuture::new(self.revive(run)).await.map_err(|error| error.to_string())
    }
}
