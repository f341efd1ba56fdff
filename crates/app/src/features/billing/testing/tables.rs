//! What is ours: the database's table of events and its purchases, the queue and the bucket.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Row, World};
use crate::{
    features::billing::{
        Applied, BillingStore, ClaimedEvent, Effect, EventEnvelope, EventInbox, Payer, SubscriptionState, TopUp,
        TopUpQueue,
    },
    shared::store::StoreError,
};

#[async_trait]
impl BillingStore for World {
    async fn receive(&self, event: &EventEnvelope, payload: &str, _: bool) -> Result<bool, StoreError> {
        self.hear(format!("receive {}", event.id))?;
        let mut table = self.table.lock().unwrap();
        let row = Row { payload: payload.to_owned(), is_processed: false, is_due: true };
        Ok(!table.entry(event.id.clone()).or_insert(row).is_processed)
    }

    async fn apply(&self, event_id: &str, effect: &Effect) -> Result<Applied, StoreError> {
        self.hear(format!("apply {event_id}"))?;
        let mut table = self.table.lock().unwrap();
        let row = table.get_mut(event_id).ok_or_else(|| StoreError::Defect("it was not received".to_owned()))?;
        if row.is_processed {
            return Ok(Applied::Already);
        }
        let end = self.ends.lock().unwrap().get(event_id).cloned().unwrap_or(Applied::Applied { note: None });
        row.is_due = false;
        row.is_processed = !matches!(end, Applied::Waiting { .. });
        if row.is_processed {
            self.effects.lock().unwrap().push((event_id.to_owned(), effect.clone()));
        }
        Ok(end)
    }

    async fn put_off(&self, event_id: &str, is_unreadable: bool, note: &str) -> Result<(), StoreError> {
        let why = if is_unreadable { "unreadable" } else { "failed" };
        self.hear(format!("put off {event_id}, {why}: {note}"))?;
        self.table.lock().unwrap().get_mut(event_id).unwrap().is_due = false;
        Ok(())
    }

    async fn claim(&self, limit: u32) -> Result<Vec<ClaimedEvent>, StoreError> {
        self.hear(format!("claim {limit}"))?;
        let mut table = self.table.lock().unwrap();
        let due = table.iter_mut().filter(|(_, row)| row.is_due && !row.is_processed).take(limit as usize);
        Ok(due
            .map(|(id, row)| {
                row.is_due = false;
                ClaimedEvent { id: id.clone(), payload: row.payload.clone() }
            })
            .collect())
    }

    async fn missed(&self, event_ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.hear("missed")?;
        let table = self.table.lock().unwrap();
        Ok(event_ids.iter().filter(|id| !table.contains_key(*id)).cloned().collect())
    }

    async fn unknown_prices(&self, price_ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.hear("unknown prices")?;
        Ok(price_ids.iter().filter(|id| !self.known_prices.contains(id)).cloned().collect())
    }

    async fn renewable(&self, _: Timestamp, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        self.hear("renewable")?;
        let rest = self.renewable.iter().filter(|id| after.is_none_or(|after| **id > after));
        Ok(rest.take(limit as usize).copied().collect())
    }

    async fn renew(&self, subscription: Uuid, _: Timestamp) -> Result<i64, StoreError> {
        self.hear(format!("renew {subscription}"))?;
        Ok(100)
    }

    async fn end_grants(&self, _: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.hear(format!("end grants {limit}"))?;
        Ok(self.ending.lock().unwrap().pop_front().unwrap_or(0))
    }

    async fn attempt_top_up(&self, purchase: Uuid) -> Result<Option<TopUp>, StoreError> {
        self.hear(format!("attempt {purchase}"))?;
        Ok(self.top_ups.iter().find(|top_up| top_up.purchase_id == purchase).cloned())
    }

    async fn settle_top_up(&self, effect: &Effect) -> Result<(), StoreError> {
        self.hear("settle")?;
        self.settled.lock().unwrap().push(effect.clone());
        Ok(())
    }

    async fn open_top_ups(&self, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        self.hear("open top-ups")?;
        Ok(self.top_ups.iter().take(limit as usize).map(|top_up| top_up.purchase_id).collect())
    }

    async fn differing(&self, subscriptions: &[SubscriptionState]) -> Result<Vec<String>, StoreError> {
        self.hear("differing")?;
        let ours = self.ours.lock().unwrap();
        let differs = |state: &&SubscriptionState| ours.get(&state.id).is_some_and(|our| our != *state);
        Ok(subscriptions.iter().filter(differs).map(|state| state.id.clone()).collect())
    }

    async fn correct(&self, subscription: &SubscriptionState) -> Result<bool, StoreError> {
        self.hear(format!("correct {}", subscription.id))?;
        Ok(self.ours.lock().unwrap().insert(subscription.id.clone(), subscription.clone()).is_some())
    }

    async fn payers_of(&self, event_id: &str) -> Result<Vec<Payer>, StoreError> {
        self.hear(format!("payers of {event_id}"))?;
        Ok(self.payers.lock().unwrap().clone())
    }

    async fn unnoted_payers(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Payer>, StoreError> {
        self.hear("unnoted payers")?;
        let payers = self.payers.lock().unwrap();
        let rest = payers.iter().filter(|payer| after.is_none_or(|after| payer.account_id.uuid() > after));
        Ok(rest.take(limit as usize).cloned().collect())
    }

    async fn note_cards(&self, payer: &Payer, fingerprints: &[String]) -> Result<i64, StoreError> {
        self.hear(format!("note cards of {}: {}", payer.customer_id, fingerprints.join(", ")))?;
        self.payers.lock().unwrap().retain(|unnoted| unnoted != payer);
        Ok(5)
    }
}

#[async_trait]
impl EventInbox for World {
    async fn enqueue(&self, event: &EventEnvelope, payload: &str) -> Result<(), String> {
        Ok(self.hear(format!("queue {} {payload}", event.id))?)
    }

    async fn store(&self, event: &EventEnvelope, payload: &str) -> Result<(), String> {
        self.hear(format!("bucket {}", event.id))?;
        self.bucket.lock().unwrap().insert(event.id.clone(), (event.clone(), payload.to_owned()));
        Ok(())
    }

    async fn stored(&self, limit: u32) -> Result<Vec<(String, EventEnvelope, String)>, StoreError> {
        self.hear("stored")?;
        let bucket = self.bucket.lock().unwrap();
        let found = bucket.iter().take(limit as usize);
        Ok(found.map(|(key, (event, payload))| (key.clone(), event.clone(), payload.clone())).collect())
    }

    async fn forget(&self, key: &str) -> Result<(), StoreError> {
        self.hear(format!("forget {key}"))?;
        self.bucket.lock().unwrap().remove(key);
        Ok(())
    }
}

#[async_trait]
impl TopUpQueue for World {
    async fn enqueue(&self, purchase: Uuid) -> Result<(), String> {
        Ok(self.hear(format!("top-up {purchase}"))?)
    }
}
