//! Billing: how money becomes credits. Stripe's events are made durable before they are acknowledged, and applied once,
//! in whatever order they come; jobs grant what no event tells of, and look for what was missed.
//!
//! What a payment is worth is decided in the database, by tables that only migrations and Stripe's own prices fill: no
//! number of credits is ever read from an event.

mod apply;
mod cards;
mod checkout;
mod effect;
mod event;
mod http;
mod jobs;
mod model;
mod ports;
mod receive;
#[cfg(test)]
mod testing;
mod top_up;

pub use apply::{ApplyError, apply_due, apply_event};

pub use effect::{Dispute, Effect, PaidLine, StripePrice, SubscriptionState};
pub use event::{Disputed, EventEnvelope, EventReading, Invoice, PurchasePaid, Refunded, WebhookRefusal};
pub use http::{EVENT_BYTES_MAX, endpoints};
pub use jobs::{ReconcileError, Reconciled, Renewed, Replayed, reconcile, renew_subscriptions, replay_events};
pub use model::{
    AutoTopUp, BillingCustomer, BillingInterval, Catalogue, CheckoutItem, CheckoutOrder, CreditAlerts,
    CreditAlertsOutcome, LinkOutcome, Pack, Plan, PurchaseOutcome, Rollover, Subscription,
};
pub use ports::{
    Applied, Billing, BillingJobPorts, BillingPorts, BillingStore, ChargeOutcome, ClaimedEvent, DueEvents, EventInbox,
    EventPage, HostedPage, PaidFor, Payer, Stripe, StripeError, StripeEvents, SubscriptionPage, TopUp, TopUpQueue,
    WebhookPorts,
};
pub use top_up::{ask_for_top_up, buy_top_up};
