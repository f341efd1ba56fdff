//! Where an event of Stripe's is put before it is acknowledged: the queue, which also carries automatic purchases, and the
//! bucket for when queue and database are both away.

use async_trait::async_trait;
use oslira_app::{
    features::billing::{DueEvents, EventEnvelope, EventInbox, TopUpQueue},
    shared::store::StoreError,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use worker::{Env, send::SendFuture};

/// As in `wrangler.jsonc`.
const QUEUE: &str = "BILLING_QUEUE";
const BUCKET: &str = "BILLING_EVENTS";
const FOLDER: &str = "stripe/";

/// A message of the queue `billing`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BillingMessage {
    Event(StoredEvent),
    TopUp {
        purchase_id: Uuid,
    },
    /// Events of the table whose turn it is.
    Due,
}

/// An event with what is known of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredEvent {
    pub event: EventEnvelope,
    pub payload: String,
}

/// Queue and bucket of one invocation.
pub struct Inbox {
    env: Env,
}

impl Inbox {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    async fn send(&self, message: &BillingMessage) -> Result<(), String> {
        let queue = self.env.queue(QUEUE).map_err(|error| error.to_string())?;
        queue.send(message).await.map_err(|error| error.to_string())
    }

    async fn put(&self, stored: &StoredEvent) -> Result<(), String> {
        let body = serde_json::to_vec(stored).map_err(|error| error.to_string())?;
        let bucket = self.env.bucket(BUCKET).map_err(|error| error.to_string())?;
        let key = format!("{FOLDER}{}", stored.event.id);
        bucket.put(key.as_str(), body).execute().await.map(drop).map_err(|error| error.to_string())
    }

    async fn list(&self, limit: u32) -> worker::Result<Vec<(String, EventEnvelope, String)>> {
        let bucket = self.env.bucket(BUCKET)?;
        let listed = bucket.list().prefix(FOLDER).limit(limit).execute().await?;
        let mut events = Vec::new();
        for object in listed.objects() {
            let key = object.key();
            let Some(found) = bucket.get(key.as_str()).execute().await? else {
                continue;
            };
            let bytes = match found.body() {
                Some(body) => body.bytes().await?,
                None => Vec::new(),
            };
            match serde_json::from_slice::<StoredEvent>(&bytes) {
                Ok(StoredEvent { event, payload }) => events.push((key, event, payload)),
                // Only this Worker writes here; it stays, for somebody to look at.
                Err(_) => tracing::error!(key, "an event of the bucket cannot be read"),
            }
        }
        Ok(events)
    }
}

fn unavailable(error: worker::Error) -> StoreError {
    StoreError::Unavailable(format!("R2: {error}"))
}

#[async_trait]
impl EventInbox for Inbox {
    async fn enqueue(&self, event: &EventEnvelope, payload: &str) -> Result<(), String> {
        let stored = StoredEvent { event: event.clone(), payload: payload.to_owned() };
        SendFuture::new(self.send(&BillingMessage::Event(stored))).await
    }

    async fn store(&self, event: &EventEnvelope, payload: &str) -> Result<(), String> {
        let stored = StoredEvent { event: event.clone(), payload: payload.to_owned() };
        SendFuture::new(self.put(&stored)).await
    }

    async fn stored(&self, limit: u32) -> Result<Vec<(String, EventEnvelope, String)>, StoreError> {
        SendFuture::new(self.list(limit)).await.map_err(unavailable)
    }

    async fn forget(&self, key: &str) -> Result<(), StoreError> {
        let deleted = async { self.env.bucket(BUCKET)?.delete(key).await };
        SendFuture::new(deleted).await.map_err(unavailable)
    }
}

#[async_trait]
impl TopUpQueue for Inbox {
    async fn enqueue(&self, purchase: Uuid) -> Result<(), String> {
        SendFuture::new(self.send(&BillingMessage::TopUp { purchase_id: purchase })).await
    }
}

#[async_trait]
impl DueEvents for Inbox {
    async fn ask(&self) -> Result<(), String> {
        SendFuture::new(self.send(&BillingMessage::Due)).await
    }
}
