//! Queue messages: which consumer a batch goes to, and what each does.

use oslira_app::{
    features::analysis::{BulkLauncher, Round, RunLauncher, config::STALE_WAKE},
    shared::ids::RunId,
    triggers::Queue,
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Env, MessageBatch, MessageExt as _, worker_sys};

use crate::{adapters::Launcher, compose, schedule::recover_runs, workflow::BulkParams};

/// A message: start this.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Start {
    Run { run_id: RunId },
    Bulk(BulkParams),
}

/// Hands a batch to the consumer of its queue. A batch that fails as a whole is delivered again, and in the end lands
/// in the dead-letter queue, if there is one; a message that is neither acknowledged nor retried when this returns counts as
/// acknowledged.
#[wasm_bindgen]
pub async fn consume(batch: JsValue, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    compose::isolate(&env);
    let batch: worker_sys::MessageBatch = batch.unchecked_into();
    let name = batch.queue()?.as_string().unwrap_or_default();
    match Queue::named(&name) {
        Some(Queue::Analysis) => start_all(&batch.into(), &Launcher::new(&env)).await,
        Some(Queue::AnalysisDead) => {
            bury(&batch.into());
            // What could not be started is a silent run by now, or a bulk of silent runs: it is tried once more, and what stays silent is
            // refunded, without waiting for the five-minute job.
            return recover(&env, Round::OfJob).await;
        }
        Some(Queue::Recovery) => return recover(&env, Round::OfChain).await,
        None => {
            tracing::error!(queue = name, "no consumer belongs to this queue");
            return Err(js_sys::Error::new("no such queue").into());
        }
    }
    Ok(())
}

/// Starts everything of the batch.
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

fn bury(batch: &MessageBatch<Start>) {
    for message in batch.iter().flatten() {
        tracing::error!(start = ?message.body(), "given up by the queue");
    }
}

async fn recover(env: &Env, round: Round) -> Result<(), JsValue> {
    let report = recover_runs(env, round, STALE_WAKE).await.map_err(|error| {
        tracing::error!(?round, %error, "silent runs not recovered from a queue");
        js_sys::Error::new("silent runs not recovered")
    })?;
    tracing::info!(?round, ?report, "silent runs recovered from a queue");
    Ok(())
}
