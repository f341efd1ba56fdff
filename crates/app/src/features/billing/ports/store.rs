//! Billing in the database, as the system.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    features::billing::{Effect, EventEnvelope, SubscriptionState},
    shared::{ids::AccountId, store::StoreError},
};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Applied {
    /// Its effect is in the database, or was there already by another event of the same object.
    Applied {
        #[serde(default)]
        note: Option<String>,
    },
    /// It concerns no credits.
    Ignored {
        #[serde(default)]
        note: Option<String>,
    },
    /// Something that it names is not known yet. It is tried again.
    Waiting { note: String },
    /// This very event was applied before.
    Already,
}

/// A stored event that is to be tried.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClaimedEvent {
    pub id: String,
    pub payload: String,
}

/// An automatic purchase that is to be charged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TopUp {
    pub purchase_id: Uuid,
    pub account_id: AccountId,
    pub customer_id: String,
    pub price_cents: i64,
    /// When it was first tried.
    pub attempted_at: Timestamp,
}

/// Somebody who has paid, and whose cards are to be noted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Payer {
    pub account_id: AccountId,
    pub customer_id: String,
    /// By the database's clock: what was paid before then is not asked about again.
    pub asked_at: Timestamp,
}

/// Billing in the database, as the system. Each call is one transaction.
#[async_trait]
pub trait BillingStore: Send + Sync {
    /// Writes down that an event was received, and returns whether its effect is still to be applied. A repeat MUST NOT
    /// change the first row. One that `is_taken` MUST NOT be claimed by others for five minutes.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn receive(&self, event: &EventEnvelope, payload: &str, is_taken: bool) -> Result<bool, StoreError>;

    /// Applies the effect and marks the event in ONE transaction, once.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer: then neither has happened, or both.
    async fn apply(&self, event_id: &str, effect: &Effect) -> Result<Applied, StoreError>;

    /// Puts an event off that could not be applied; `is_unreadable` when no Worker of this version can read it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn put_off(&self, event_id: &str, is_unreadable: bool, note: &str) -> Result<(), StoreError>;

    /// Events whose turn it is, the oldest first; for five minutes they are the caller's.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn claim(&self, limit: u32) -> Result<Vec<ClaimedEvent>, StoreError>;

    /// Those of these events that were never received.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn missed(&self, event_ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Those of these prices that nobody has asked Stripe about.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn unknown_prices(&self, price_ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Subscriptions that may have months to be granted, after that one in their order.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn renewable(&self, now: Timestamp, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>, StoreError>;

    /// Grants what is due of a subscription; returns the credits.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn renew(&self, subscription: Uuid, now: Timestamp) -> Result<i64, StoreError>;

    /// Posts the end of grants whose time is over; returns for how many accounts.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn end_grants(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// What is to be charged for an automatic purchase; `None` when it is settled.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn attempt_top_up(&self, purchase: Uuid) -> Result<Option<TopUp>, StoreError>;

    /// Settles an automatic purchase by what Stripe answered.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn settle_top_up(&self, effect: &Effect) -> Result<(), StoreError>;

    /// Automatic purchases that are open for a minute or longer.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn open_top_ups(&self, limit: u32) -> Result<Vec<Uuid>, StoreError>;

    /// How the subscriptions of this page differ from ours; those that are not ours, and those that agree, are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn differing(&self, subscriptions: &[SubscriptionState]) -> Result<Vec<String>, StoreError>;

    /// Brings a subscription up to date by what the reconciliation found.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn correct(&self, subscription: &SubscriptionState) -> Result<bool, StoreError>;

    /// Whoever the payment of this event was from; nobody when their cards need not be noted.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn payers_of(&self, event_id: &str) -> Result<Vec<Payer>, StoreError>;

    /// Everybody whose cards are to be noted, after that account in their order.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn unnoted_payers(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Payer>, StoreError>;

    /// Notes which cards they have, by Stripe's fingerprints, of which the database MUST keep hashes only. What is left of their
    /// free credits ends if another account has had free credits with one of the cards; returns the credits.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn note_cards(&self, payer: &Payer, fingerprints: &[String]) -> Result<i64, StoreError>;
}
