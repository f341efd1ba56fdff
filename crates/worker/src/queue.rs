//! The queue takes runs whose workflow could not be started by the request.

use oslira_app::{features::analysis::RunLauncher as _, shared::ids::RunId};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Env, MessageBatch, MessageExt as _, worker_sys};

use crate::{adapters::Launcher, compose};

/// A message: start this run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StartRun {
    /// The run.
    pub run_id: RunId,
}

/// Starts every run of the batch. Those that still cannot be started are delivered again, then land in the dead letter
/// queue; their credits come back by the sweeper.
#[wasm_bindgen]
pub async fn consume(batch: JsValue, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    compose::isolate(&env);
    let launcher = Launcher::new(&env);
    let batch: MessageBatch<StartRun> = batch.unchecked_into::<worker_sys::MessageBatch>().into();
    for message in batch.iter() {
        let Ok(message) = message else {
            tracing::error!("a queue message could not be read");
            continue;
        };
        let run = message.body().run_id;
        match launcher.start(run).await {
            Ok(()) => message.ack(),
            Err(cause) => {
                tracing::error!(run_id = %run, cause, "queued run not started");
                message.retry();
            }
        }
    }
    Ok(())
}
