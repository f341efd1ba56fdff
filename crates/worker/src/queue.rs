//! Queue messages: which consumer a batch goes to, and what each does.

use oslira_app::{
    features::analysis::{BulkLauncher, RunLauncher},
    shared::ids::RunId,
    triggers::Queue,
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Env, MessageBatch, MessageExt as _, worker_sys};

use crate::{adapters::Launcher, compose, workflow::BulkParams};

/// A message: start this.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Start {
    Run { run_id: RunId },
    Bulk(BulkParams),
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
        Some(Queue::Analysis) => start_all(&batch.into(), &Launcher::new(&env)).await,
        None => {
            tracing::error!(queue = name, "no consumer belongs to this queue");
            return Err(js_sys::Error::new("no such queue").into());
        }
    }
    Ok(())
}

/// Starts everything of the batch. The five-minute job refunds the runs that could not be started after all deliveries.
async fn start_all(batch: &MessageBatch<Start>, launcher: &Launcher) {
    for message in batch.iter() {
        let Ok(message) = message else {
            // Acknowledged with the batch: it would be as unreadable the next time.
            tracing::error!("a queue message could not be read");
            continue;
        };
        let started = match message.body() {
            Start::Run { run_id } => RunLauncher::start(launcher, *run_id).await,
            Start::Bulk(BulkParams { bulk_id, leg }) => BulkLauncher::start(launcher, *bulk_id, *leg).await,
        };
        match started {
            Ok(()) => message.ack(),
            Err(cause) => {
                tracing::error!(start = ?message.body(), cause, "not started from the queue");
                message.retry();
            }
        }
    }
}
