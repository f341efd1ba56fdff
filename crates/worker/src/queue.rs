//! Queue messages: which consumer a batch goes to, and what each does.

use oslira_app::{features::analysis::RunLauncher as _, shared::ids::RunId, triggers::Queue};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Env, MessageBatch, MessageExt as _, worker_sys};

use crate::{adapters::Launcher, compose};

/// A message: start this run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StartRun {
    pub run_id: RunId,
}

/// Hands a batch to the consumer of its queue. A batch that fails as a whole is delivered again, and in the end lands
/// in the dead-letter queue; a message that is neither acknowledged nor retried when this returns counts as
/// acknowledged.
#[wasm_bindgen]
pub async fn consume(batch: JsValue, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    compose::isolate(&env);
    let batch: worker_sys::MessageBatch = batch.unchecked_into();
    let name = batch.queue()?.as_string().unwrap_or_default();
    match Queue::named(&name) {
        Some(Queue::Analysis) => start_runs(&batch.into(), &Launcher::new(&env)).await,
        None => {
            tracing::error!(queue = name, "no consumer belongs to this queue");
            return Err(js_sys::Error::new("no such queue").into());
        }
    }
    Ok(())
}

/// Starts every run of the batch. The five-minute job refunds those that could not be started after all deliveries.
async fn start_runs(batch: &MessageBatch<StartRun>, launcher: &Launcher) {
    for message in batch.iter() {
        let Ok(message) = message else {
            // Acknowledged with the batch: it would be as unreadable the next time.
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
}
