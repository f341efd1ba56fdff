//! Queue messages: which consumer a batch goes to, and what each does.

use futures_util::future::join_all;
use oslira_app::{
    features::{
        alarms::AlarmStore as _,
        analysis::{BulkLauncher, Round, RunLauncher, config::STALE_WAKE},
        billing::{ApplyError, BillingJobPorts, apply_due, apply_event, buy_top_up},
    },
    shared::{
        clock::Clock as _,
        ids::{BulkId, RunId},
    },
    triggers::Queue,
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Env, MessageBatch, MessageExt as _, worker_sys};

use crate::{
    adapters::{BillingMessage, Launcher, PlatformClock, StoredEvent},
    compose,
    isolate::{self, Isolate},
    schedule::recover_runs,
    workflow::BulkParams,
};

/// A message: start this.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Start {
    Run { run_id: RunId },
    Bulk(BulkParams),
}

impl Start {
    /// For the log.
    const fn run_id(&self) -> Option<RunId> {
        match self {
            Self::Run { run_id } => Some(*run_id),
            Self::Bulk(_) => None,
        }
    }

    /// For the log.
    const fn bulk_id(&self) -> Option<BulkId> {
        match self {
            Self::Run { .. } => None,
            Self::Bulk(params) => Some(params.bulk_id),
        }
    }
}

/// Hands a batch to the consumer of its queue. A batch that fails as a whole is delivered again, and in the end lands
/// in the dead-letter queue, if there is one; a message that is neither acknowledged nor retried when this returns counts as
/// acknowledged.
#[wasm_bindgen]
pub async fn consume(batch: JsValue, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    let batch: worker_sys::MessageBatch = batch.unchecked_into();
    let name = batch.queue()?.as_string().unwrap_or_default();
    let queue = Queue::named(&name);
    // It starts the log.
    drop(Isolate::of(&env));
    // First, because it needs the database alone: secrets that cannot be read may be what the messages were given up for.
    let counted = count_dead_letters(&env, queue, batch.messages()?.length()).await;
    if !isolate::prepare_work(&env).await {
        tracing::error!("a batch of a queue comes again: there are no secrets");
        return Err(js_sys::Error::new("there are no secrets").into());
    }
    match queue {
        Some(Queue::Analysis) => start_all(&batch.into(), &Launcher::new(&env)).await,
        Some(Queue::AnalysisDead) => {
            bury(&batch.into());
            // What could not be started is a silent run by now, or a bulk of silent runs: it is tried once more, and what stays silent is
            // refunded, without waiting for the five-minute job.
            recover(&env, Round::OfJob).await?;
        }
        Some(Queue::Recovery) => return recover(&env, Round::OfChain).await,
        Some(Queue::Billing) => settle_all(&batch.into(), &compose::billing_jobs(&env)).await,
        Some(Queue::BillingDead) => keep_all(&batch.into(), &compose::billing_jobs(&env)).await,
        None => {
            tracing::error!(queue = name, "no consumer belongs to this queue");
            return Err(js_sys::Error::new("no such queue").into());
        }
    }
    // What was done for dead letters may be done again: those that nobody has counted come again.
    counted
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
                let (run_id, bulk_id) = (message.body().run_id(), message.body().bulk_id());
                tracing::error!(
                    run_id = run_id.map(display),
                    bulk_id = bulk_id.map(display),
                    cause,
                    "not started from the queue"
                );
                message.retry();
            }
        }
    }
}

fn bury(batch: &MessageBatch<Start>) {
    for message in batch.iter().flatten() {
        let (run_id, bulk_id) = (message.body().run_id(), message.body().bulk_id());
        tracing::error!(run_id = run_id.map(display), bulk_id = bulk_id.map(display), "given up by the queue");
    }
}

/// Counts messages of a queue of dead letters, for the alarm. Those of a batch that comes again are counted again.
async fn count_dead_letters(env: &Env, queue: Option<Queue>, messages: u32) -> Result<(), JsValue> {
    let Some(queue @ (Queue::AnalysisDead | Queue::BillingDead)) = queue else {
        return Ok(());
    };
    if messages == 0 {
        return Ok(());
    }
    compose::admin(env).note_dead_letters(queue, messages as usize).await.map_err(|error| {
        tracing::error!(queue = queue.name(), messages, %error, "dead letters could not be counted");
        js_sys::Error::new("dead letters could not be counted").into()
    })
}

async fn recover(env: &Env, round: Round) -> Result<(), JsValue> {
    let report = recover_runs(env, round, STALE_WAKE).await.map_err(|error| {
        tracing::error!(?round, %error, "silent runs not recovered from a queue");
        js_sys::Error::new("silent runs not recovered")
    })?;
    tracing::info!(?round, ?report, "silent runs recovered from a queue");
    Ok(())
}

/// Applies every event of the batch, side by side: most of the time of each is waiting for Stripe.
async fn settle_all(batch: &MessageBatch<BillingMessage>, ports: &BillingJobPorts) {
    join_all(batch.iter().map(|message| async {
        // Nothing of it is known that could be retried; Stripe's event is found by the nightly comparison.
        let Ok(message) = message else {
            tracing::error!("a message about billing could not be read");
            return;
        };
        match settle(ports, message.body()).await {
            Ok(()) => message.ack(),
            Err(error) => {
                tracing::error!(%error, "billing could not go on; the message comes again");
                message.retry();
            }
        }
    }))
    .await;
}

async fn settle(ports: &BillingJobPorts, message: &BillingMessage) -> Result<(), ApplyError> {
    match message {
        BillingMessage::Event(StoredEvent { event, payload }) => match apply_event(ports, event, payload).await {
            // It is in the table, where it waits for a Worker that reads it.
            Ok(_) | Err(ApplyError::Unreadable(_)) => Ok(()),
            Err(error) => Err(error),
        },
        BillingMessage::TopUp { purchase_id } => buy_top_up(ports, *purchase_id, PlatformClock.now()).await,
        BillingMessage::Due => apply_due(ports).await.map_err(ApplyError::from),
    }
}

/// What could not be delivered is kept: in the table, else in the bucket. What is no event is in the table already. May be repeated; so
/// nothing is acknowledged before its batch is.
async fn keep_all(batch: &MessageBatch<BillingMessage>, ports: &BillingJobPorts) {
    for message in batch.iter().flatten() {
        let (event, payload) = match message.body() {
            BillingMessage::Event(StoredEvent { event, payload }) => (event, payload),
            BillingMessage::TopUp { purchase_id } => {
                tracing::error!(%purchase_id, "given up by the queue; the hourly job goes on with it");
                continue;
            }
            BillingMessage::Due => {
                tracing::error!("events that are due were given up by the queue; the hourly job goes on with them");
                continue;
            }
        };
        tracing::error!(event_id = event.id, "given up by the queue; the hourly job goes on with it");
        if ports.store.receive(event, payload, false).await.is_ok() {
            continue;
        }
        if let Err(cause) = ports.inbox.store(event, payload).await {
            tracing::error!(event_id = event.id, cause, "webhook event could be put nowhere");
            message.retry();
        }
    }
}
