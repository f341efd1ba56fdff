//! What billing needs from outside: [`stripe`], the database as the system ([`store`]) and as the calling user
//! ([`tenant`]), and the places where events and purchases wait ([`queues`]).

mod queues;
mod store;
mod stripe;
mod tenant;

use std::sync::Arc;

pub use self::{
    queues::{DueEvents, EventInbox, TopUpQueue},
    store::{Applied, BillingStore, ClaimedEvent, Payer, TopUp},
    stripe::{ChargeOutcome, EventPage, HostedPage, PaidFor, Stripe, StripeError, StripeEvents, SubscriptionPage},
    tenant::Billing,
};
use crate::{
    features::health::Readiness,
    shared::{clock::Clock, ids::Ids, telemetry::Telemetry},
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
    pub telemetry: Arc<dyn Telemetry>,
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
