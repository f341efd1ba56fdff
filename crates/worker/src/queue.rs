//! Queue messages: which consumer a batch goes to, and what each does.

use oslira_app::{
    features::analysis::{BulkLauncher, RunLauncher, config::STALE_WAKE},
    shared::ids::RunId,
    triggers::Queue,
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Env, MessageBatch, MessageExt, worker_sys};

use crate::{adapters::Launcher, compose, schedule::recover_runs, workflow::BulkParams};

/// A message: start this, or go on with that.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Message {
    Run { run_id: RunId },
    Bulk(BulkParams),
    Recover { recover: Backlog },
}

/// What may be more than one round of the five-minute job does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backlog {
    SilentRuns,
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
        Some(Queue::Analysis) => work_off(&batch.into(), &env).await,
        Some(Queue::AnalysisDead) => bury(&batch.into(), &env).await,
        None => {
            tracing::error!(queue = name, "no consumer belongs to this queue");
            Err(js_sys::Error::new("no such queue").into())
        }
    }
}

/// Starts everything of the batch; then goes on with the recovery of silent runs if any message asks for it.
async fn work_off(batch: &MessageBatch<Message>, env: &Env) -> Result<(), JsValue> {
    let launcher = Launcher::new(env);
    let mut recoveries = vec![];
    for message in batch.iter() {
        let Ok(message) = message else {
            // Acknowledged with the batch: it would be as unreadable the next time.
            tracing::error!("a queue message could not be read");
            continue;
        };
        let started = match message.body() {
            Message::Run { run_id } => RunLauncher::start(&launcher, *run_id).await,
            Message::Bulk(BulkParams { bulk_id, leg }) => BulkLauncher::start(&launcher, *bulk_id, *leg).await,
            Message::Recover { recover: Backlog::SilentRuns } => {
                recoveries.push(message);
                continue;
            }
        };
        match started {
            Ok(()) => message.ack(),
            Err(cause) => {
                tracing::error!(start = ?message.body(), cause, "not started from the queue");
                message.retry();
            }
        }
    }
    // One round for all of them: the second would find nothing else.
    if !recoveries.is_empty()
        && let Err(error) = recover_runs(env, STALE_WAKE).await
    {
        tracing::error!(%error, "silent runs not recovered from the queue");
        recoveries.iter().for_each(MessageExt::retry);
    }
    Ok(())
}

/// What could not be started after all deliveries is a silent run by now, or a bulk of silent runs: it is tried once more, and what
/// stays silent is refunded, without waiting for the five-minute job.
async fn bury(batch: &MessageBatch<Message>, env: &Env) -> Result<(), JsValue> {
    for message in batch.iter().flatten() {
        tracing::error!(message = ?message.body(), "given up by the queue");
    }
    recover_runs(env, STALE_WAKE).await.map_err(|error| {
        tracing::error!(%error, "silent runs not recovered after the queue gave up");
        js_sys::Error::new("silent runs not recovered").into()
    })
}
