//! What an event does to an account: what the database function `system.apply_event` takes. It decides by the object that
//! is named (a month, a purchase, a payment), so that applying an effect again, or late, changes nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::shared::ids::AccountId;

/// What is to be applied.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// The subscription is now like this.
    Subscription { subscription: SubscriptionState },
    /// Months were paid for.
    PaidInvoice {
        subscription: SubscriptionState,
        invoice_id: String,
        payment_intent_id: Option<String>,
        amount_cents: i64,
        lines: Vec<PaidLine>,
        /// What Stripe says about prices that are new to us.
        prices: Vec<StripePrice>,
    },
    /// The account is told that its payment failed.
    FailedInvoice { subscription: SubscriptionState, invoice_id: String, amount_cents: i64 },
    /// A pack was paid.
    PaidPurchase { purchase_id: Option<Uuid>, payment_intent_id: Option<String>, amount_cents: i64 },
    /// A pack will not be paid.
    FailedPurchase { purchase_id: Uuid },
    /// Money went back: `refunded_cents` is all of it so far.
    Refund {
        payment_intent_id: Option<String>,
        invoice_id: Option<String>,
        purchase_id: Option<Uuid>,
        refunded_cents: i64,
    },
    /// A payment is disputed, or the dispute has ended.
    Dispute {
        dispute_id: String,
        payment_intent_id: Option<String>,
        invoice_id: Option<String>,
        purchase_id: Option<Uuid>,
        amount_cents: i64,
        status: Dispute,
    },
    /// Nothing; says why.
    Nothing { note: String },
}

/// A subscription as Stripe describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubscriptionState {
    /// Stripe's.
    pub id: String,
    pub customer_id: String,
    /// From the metadata that we gave it.
    pub account_id: Option<AccountId>,
    /// Of its first item; our subscriptions have one.
    pub price: StripePrice,
    /// Stripe's word, such as `past_due`.
    pub status: String,
    /// From which its periods are counted.
    pub anchor_at: Timestamp,
    pub period_starts_at: Timestamp,
    pub period_ends_at: Timestamp,
    /// When it will end, if that is decided.
    pub cancel_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// When Stripe said so: of two descriptions the newer one counts.
    pub observed_at: Timestamp,
}

/// A price at Stripe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StripePrice {
    pub id: String,
    /// Names what it is for: `<plan>_month`, `<plan>_year`, or a pack.
    pub lookup_key: Option<String>,
    /// In cents; `None` for a price without a fixed amount.
    pub unit_amount: Option<i64>,
}

/// A line of an invoice that pays for time of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaidLine {
    pub price_id: String,
    /// Negative for time that is given back.
    pub amount_cents: i64,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Whether a dispute holds the money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dispute {
    Open,
    Won,
    Lost,
}
