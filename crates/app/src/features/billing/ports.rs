//! What billing needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    BillingCustomer, CheckoutOrder, CreditAlerts, CreditAlertsOutcome, Effect, EventEnvelope, EventReading,
    LinkOutcome, PurchaseOutcome, StripePrice, Subscription, SubscriptionState, WebhookRefusal,
};
use crate::{
    features::{auth::Member, health::Readiness},
    shared::{
        clock::Clock,
        idempotency::IdempotencyKey,
        ids::{AccountId, Ids},
        store::StoreError,
    },
};

/// What the handlers of a user's request can reach.
#[derive(Clone)]
pub struct BillingPorts {
    /// The database, as the calling user.
    pub billing: Arc<dyn Billing>,
    pub stripe: Arc<dyn Stripe>,
    /// Whether this deployment is configured well enough to take money.
    pub readiness: Arc<dyn Readiness>,
    pub ids: Arc<dyn Ids>,
}

/// What the webhook can reach: nothing of a user's.
#[derive(Clone)]
pub struct WebhookPorts {
    pub events: Arc<dyn StripeEvents>,
    pub inbox: Arc<dyn EventInbox>,
    /// The database, as the system.
    pub store: Arc<dyn BillingStore>,
    pub clock: Arc<dyn Clock>,
}

/// What the consumer of events and the jobs can reach.
#[derive(Clone)]
pub struct BillingJobPorts {
    pub events: Arc<dyn StripeEvents>,
    pub stripe: Arc<dyn Stripe>,
    pub inbox: Arc<dyn EventInbox>,
    /// The database, as the system.
    pub store: Arc<dyn BillingStore>,
}

/// Where a charge leaves what it has set out to buy.
#[async_trait]
pub trait TopUpQueue: Send + Sync {
    /// Asks for the purchase to be charged, soon.
    ///
    /// # Errors
    /// Why it was not taken, for the log.
    async fn enqueue(&self, purchase: Uuid) -> Result<(), String>;
}

/// Stripe's events: whether they are real, and what they say. Pure; asks nobody.
pub trait StripeEvents: Send + Sync {
    /// Checks a delivery. `signature` is the header `Stripe-Signature`, `body` the bytes as they came.
    ///
    /// # Errors
    /// [`WebhookRefusal`] for whoever does not know our secret, and for a body that is no event.
    fn verify(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Result<EventEnvelope, WebhookRefusal>;

    /// Reads an event that was verified when it came, or that Stripe's own list holds.
    fn read(&self, payload: &str) -> EventReading;
}

/// Why Stripe did not do what it was asked. No message holds personal data or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// No answer, a server error, or too many requests: the same request may succeed later.
    #[error("stripe is not available: {0}")]
    Unavailable(String),
    /// Stripe knows of no such object.
    #[error("stripe has no such object")]
    NotFound,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The bank or the card refused the payment.
    #[error("the payment was declined: {0}")]
    Declined(String),
    /// The request, the key or the account is refused, or the answer cannot be read: a defect of ours or a wrong setting.
    #[error("stripe refused: {0}")]
    Refused(String),
}

/// Stripe's API. What creates something takes an idempotency key and MUST send it, so that a repeat creates nothing else.
/// MUST NOT retry.
#[async_trait]
pub trait Stripe: Send + Sync {
    /// A subscription as it is now; `observed_at` is the time right before the question.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn subscription(&self, id: &str) -> Result<SubscriptionState, StripeError>;

    /// A price.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn price(&self, id: &str) -> Result<StripePrice, StripeError>;

    /// The id of the active price with this lookup key.
    ///
    /// # Errors
    /// [`StripeError::NotFound`] when there is none.
    async fn price_by_lookup_key(&self, key: &str) -> Result<String, StripeError>;

    /// What a payment intent paid for.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn paid_for(&self, payment_intent: &str) -> Result<PaidFor, StripeError>;

    /// All lines of an invoice for time of a subscription.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn invoice_lines(&self, invoice: &str) -> Result<Vec<super::PaidLine>, StripeError>;

    /// Creates the customer of an account; returns its id.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn create_customer(&self, account: AccountId, email: Option<&str>) -> Result<String, StripeError>;

    /// Creates a page where the customer pays. The order's id is the idempotency key.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn create_checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, StripeError>;

    /// Creates a page where a customer manages subscription, cards and invoices.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn create_portal(&self, customer: &str, return_url: &str) -> Result<HostedPage, StripeError>;

    /// Charges the customer's card without them. The purchase's id is the idempotency key.
    ///
    /// # Errors
    /// [`StripeError::Declined`] when it is not paid.
    async fn charge(&self, top_up: &TopUp) -> Result<ChargeOutcome, StripeError>;

    /// A page of Stripe's own list of events, newest first, that were created since then; `after` is the last event of the
    /// page before.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn events(&self, since: Timestamp, after: Option<&str>) -> Result<EventPage, StripeError>;

    /// A page of all subscriptions, ended ones included; `after` is the last id of the page before.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn subscriptions(&self, after: Option<&str>) -> Result<SubscriptionPage, StripeError>;
}

/// What a payment intent paid for: at most one is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaidFor {
    pub invoice_id: Option<String>,
    /// From the metadata that we gave the intent.
    pub purchase_id: Option<Uuid>,
}

/// A page of Stripe's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedPage {
    /// Where to send the customer.
    pub url: String,
    /// Until when it can be used, if Stripe says so.
    pub expires_at: Option<Timestamp>,
}

/// How a charge without the customer ended, if it was not declined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeOutcome {
    Paid {
        payment_intent_id: String,
        amount_cents: i64,
    },
    /// An event will tell.
    Pending,
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

/// A page of events, each as Stripe would have delivered it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventPage {
    pub events: Vec<(EventEnvelope, String)>,
    pub has_more: bool,
}

/// A page of subscriptions. Those that have no item, or several, are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionPage {
    pub subscriptions: Vec<SubscriptionState>,
    /// The last id of the page, if there are more.
    pub next: Option<String>,
}

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
}

/// Billing in the database, as the calling user. The database MUST let only owners change anything.
#[async_trait]
pub trait Billing: Send + Sync {
    /// The account's subscriptions, the newest first, ended ones included; at most 20.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn subscriptions(&self, member: Member) -> Result<Vec<Subscription>, StoreError>;

    /// What is sold.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn catalogue(&self, member: Member) -> Result<super::Catalogue, StoreError>;

    /// Who pays for the account.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn customer(&self, member: Member) -> Result<BillingCustomer, StoreError>;

    /// Links a customer, once.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn link_customer(&self, member: Member, customer_id: &str) -> Result<LinkOutcome, StoreError>;

    /// Writes down that a pack is about to be bought, under this id. A repeat with the same key MUST answer the first id.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn begin_purchase(
        &self,
        member: Member,
        id: Uuid,
        pack: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<PurchaseOutcome, StoreError>;

    /// The thresholds; `None` when the caller's membership has ended.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn alerts(&self, member: Member) -> Result<Option<CreditAlerts>, StoreError>;

    /// Sets the thresholds.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn set_alerts(&self, member: Member, alerts: &CreditAlerts) -> Result<CreditAlertsOutcome, StoreError>;
}

/// Where an event is put before it is acknowledged, if the database is not asked first.
#[async_trait]
pub trait EventInbox: Send + Sync {
    /// Hands the event to the queue.
    ///
    /// # Errors
    /// Why it was not taken, for the log.
    async fn enqueue(&self, event: &EventEnvelope, payload: &str) -> Result<(), String>;

    /// Puts the event into the bucket.
    ///
    /// # Errors
    /// Why it was not taken, for the log.
    async fn store(&self, event: &EventEnvelope, payload: &str) -> Result<(), String>;

    /// Up to `limit` events of the bucket, as (key, event, payload).
    ///
    /// # Errors
    /// [`StoreError`] when the bucket does not answer.
    async fn stored(&self, limit: u32) -> Result<Vec<(String, EventEnvelope, String)>, StoreError>;

    /// Deletes one of them.
    ///
    /// # Errors
    /// [`StoreError`] when the bucket does not answer.
    async fn forget(&self, key: &str) -> Result<(), StoreError>;
}
