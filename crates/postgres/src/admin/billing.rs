//! Stripe's events and what they do, renewals and automatic purchases.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::billing::{Applied, BillingStore, ClaimedEvent, Effect, EventEnvelope, Payer, SubscriptionState, TopUp},
    shared::store::StoreError,
};
use serde_json::Value;
use uuid::Uuid;

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl BillingStore for AdminDb {
    async fn receive(&self, event: &EventEnvelope, payload: &str, is_taken: bool) -> Result<bool, StoreError> {
        let params = [
            Param::of(&event.id),
            Param::of(&event.kind),
            Param::maybe(event.api_version.as_ref()),
            Param::of(payload),
            Param::of(is_taken),
            Param::maybe(event.taken_at),
        ];
        self.value("select to_jsonb(system.receive_event($1, $2, $3, $4, $5::boolean, $6::timestamptz))", &params).await
    }

    async fn apply(&self, event_id: &str, effect: &Effect) -> Result<Applied, StoreError> {
        let params = [Param::of(event_id), Param::json(effect)?];
        self.value("select system.apply_event($1, $2::jsonb)", &params).await
    }

    async fn put_off(&self, event_id: &str, is_unreadable: bool, note: &str) -> Result<(), StoreError> {
        const SQL: &str = "select to_jsonb(true) from system.put_off_event($1, $2::boolean, $3)";
        let params = [Param::of(event_id), Param::of(is_unreadable), Param::of(note)];
        self.value::<bool>(SQL, &params).await.map(drop)
    }

    async fn claim(&self, limit: u32) -> Result<Vec<ClaimedEvent>, StoreError> {
        self.value("select system.claim_events($1::integer)", &[Param::of(limit)]).await
    }

    async fn missed(&self, event_ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.value("select system.missed_events($1::jsonb)", &[Param::json(event_ids)?]).await
    }

    async fn unknown_prices(&self, price_ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.value("select system.unknown_prices($1::jsonb)", &[Param::json(price_ids)?]).await
    }

    async fn renewable(&self, now: Timestamp, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        const SQL: &str = "select system.renewable_subscriptions($1::timestamptz, $2::uuid, $3::integer)";
        self.value(SQL, &[Param::of(now), Param::maybe(after), Param::of(limit)]).await
    }

    async fn renew(&self, subscription: Uuid, now: Timestamp) -> Result<i64, StoreError> {
        const SQL: &str = "select to_jsonb(system.renew_subscription($1::uuid, $2::timestamptz))";
        self.value(SQL, &[Param::of(subscription), Param::of(now)]).await
    }

    async fn end_grants(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const SQL: &str = "select to_jsonb(system.end_grants($1::timestamptz, $2::integer))";
        self.value(SQL, &[Param::of(now), Param::of(limit)]).await
    }

    async fn attempt_top_up(&self, purchase: Uuid) -> Result<Option<TopUp>, StoreError> {
        // SQL's null would not be read as `None` but fail to decode, hence the null of JSON.
        self.value("select coalesce(system.attempt_top_up($1::uuid), 'null')", &[Param::of(purchase)]).await
    }

    async fn settle_top_up(&self, effect: &Effect) -> Result<(), StoreError> {
        self.value::<Value>("select system.settle_top_up($1::jsonb)", &[Param::json(effect)?]).await.map(drop)
    }

    async fn open_top_ups(&self, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        self.value("select system.open_top_ups($1::integer)", &[Param::of(limit)]).await
    }

    async fn differing(&self, subscriptions: &[SubscriptionState]) -> Result<Vec<String>, StoreError> {
        self.value("select system.differing_subscriptions($1::jsonb)", &[Param::json(subscriptions)?]).await
    }

    async fn correct(&self, subscription: &SubscriptionState) -> Result<bool, StoreError> {
        self.value("select to_jsonb(system.correct_subscription($1::jsonb))", &[Param::json(subscription)?]).await
    }

    async fn payers_of(&self, event_id: &str) -> Result<Vec<Payer>, StoreError> {
        self.value("select system.unnoted_payers($1, null, 1)", &[Param::of(event_id)]).await
    }

    async fn unnoted_payers(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Payer>, StoreError> {
        const SQL: &str = "select system.unnoted_payers(null, $1::uuid, $2::integer)";
        self.value(SQL, &[Param::maybe(after), Param::of(limit)]).await
    }

    async fn note_cards(&self, payer: &Payer, fingerprints: &[String]) -> Result<i64, StoreError> {
        const SQL: &str = "select to_jsonb(system.note_cards($1::uuid, $2::jsonb, $3::timestamptz))";
        let params = [Param::of(payer.account_id), Param::json(fingerprints)?, Param::of(payer.asked_at)];
        self.value(SQL, &params).await
    }
}
