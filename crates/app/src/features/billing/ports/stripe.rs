//! Stripe, as billing needs it.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::TopUp;
use crate::{
    features::billing::{
        CheckoutOrder, EventEnvelope, EventReading, PaidLine, StripePrice, SubscriptionState, WebhookRefusal,
    },
    shared::ids::AccountId,
};

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
    async fn invoice_lines(&self, invoice: &str) -> Result<Vec<PaidLine>, StripeError>;

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

    /// Creates a page where a customer manages subscription, cards and invoices; with a subscription `to_cancel`, one where they
    /// cancel it and do nothing else.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn create_portal(
        &self,
        customer: &str,
        return_url: &str,
        to_cancel: Option<&str>,
    ) -> Result<HostedPage, StripeError>;

    /// Charges the customer's card without them. The purchase's id is the idempotency key.
    ///
    /// # Errors
    /// [`StripeError::Declined`] when it is not paid.
    async fn charge(&self, top_up: &TopUp) -> Result<ChargeOutcome, StripeError>;

    /// The fingerprints of a customer's cards, of up to a hundred of them: the same for the same number, whoever's it is.
    ///
    /// # Errors
    /// [`StripeError`].
    async fn card_fingerprints(&self, customer: &str) -> Result<Vec<String>, StripeError>;

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
