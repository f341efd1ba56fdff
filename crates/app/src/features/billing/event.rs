//! What an event of Stripe's says, in our terms.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::effect::{Dispute, PaidLine, SubscriptionState};

/// The outside of an event, which is the same for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEnvelope {
    /// Stripe's id: the same for every delivery of the event.
    pub id: String,
    /// Such as `invoice.paid`.
    pub kind: String,
    /// The version of Stripe's API whose shapes the event has; `None` where Stripe does not say.
    pub api_version: Option<String>,
    /// When our endpoint took it; `None` of one that was found in Stripe's list. Messages of older deployments do not say.
    #[serde(default)]
    pub taken_at: Option<Timestamp>,
}

/// Why a request to our webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// No signature that any of our secrets made in the last five minutes.
    #[error("the signature is missing, wrong or too old")]
    Signature,
    /// No secret that we know made the signature, but not all of ours could be read yet.
    #[error("the signature cannot be checked yet")]
    SecretsUnavailable,
    /// Signed, and no event.
    #[error("the body is not an event")]
    Malformed,
}

/// What an event is about. It may be late, so what it says of a subscription is only used when Stripe itself has nothing
/// newer to say.
#[derive(Debug, Clone, PartialEq)]
pub enum EventReading {
    /// A subscription was created, changed or ended.
    Subscription(Box<SubscriptionState>),
    /// An invoice of a subscription was paid.
    InvoicePaid(Invoice),
    /// An invoice of a subscription could not be collected.
    InvoiceFailed(Invoice),
    /// A purchase was paid: by a checkout, at once or later, or by a charge without its customer.
    PurchasePaid(PurchasePaid),
    /// A purchase came to nothing: the checkout expired, or a payment that takes days failed.
    PurchaseFailed(Uuid),
    /// Money went back.
    Refunded(Refunded),
    /// A payment is disputed, or the dispute has ended.
    Disputed(Disputed),
    /// Nothing that concerns credits; says why.
    Nothing(String),
    /// It has the shapes of an API version that is not read here, or lacks what its type promises; says which.
    Unreadable(String),
}

/// An invoice of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub id: String,
    pub subscription_id: String,
    pub amount_cents: i64,
    /// Not part of the event; asked of Stripe when it is needed.
    pub payment_intent_id: Option<String>,
    /// Only the lines for time of a subscription.
    pub lines: Vec<PaidLine>,
    /// Whether the lines are more than an event carries.
    pub has_more_lines: bool,
}

/// A pack was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchasePaid {
    /// Ours, from the metadata that we gave it; `None` for what we did not begin.
    pub purchase_id: Option<Uuid>,
    pub payment_intent_id: Option<String>,
    pub amount_cents: i64,
}

/// The refunds of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunded {
    pub payment_intent_id: Option<String>,
    /// Ours, from the metadata that we gave the payment.
    pub purchase_id: Option<Uuid>,
    /// All refunds so far.
    pub refunded_cents: i64,
}

/// A dispute about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    pub dispute_id: String,
    pub payment_intent_id: Option<String>,
    pub amount_cents: i64,
    /// `None` while it is only an inquiry, which moves no money.
    pub status: Option<Dispute>,
}
