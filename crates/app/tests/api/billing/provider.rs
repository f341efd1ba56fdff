//! What a request of Stripe's can reach.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, Response},
};
use jiff::Timestamp;
use oslira_app::{
    api::{HttpConfig, ProviderPorts, router},
    features::billing::{
        Applied, BillingStore, ClaimedEvent, Effect, EventEnvelope, EventInbox, EventReading, Payer, StripeEvents,
        SubscriptionState, TopUp, WebhookPorts, WebhookRefusal,
    },
    http::RequestPorts,
    shared::store::StoreError,
};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{Double, unasked::refuse};

/// Queue, table and bucket, and who tells Stripe from strangers.
#[derive(Default)]
pub struct Mailroom {
    pub refusal: Option<WebhookRefusal>,
    /// Places that take nothing.
    pub full: &'static [&'static str],
    /// Signatures and bodies that were looked at.
    pub verified: Mutex<Vec<(Option<String>, Vec<u8>)>>,
    /// Places that an event was brought to, with its payload.
    pub brought: Mutex<Vec<(&'static str, String)>>,
}

impl Mailroom {
    fn bring(&self, place: &'static str, payload: &str) -> Result<(), String> {
        self.brought.lock().unwrap().push((place, payload.to_owned()));
        if self.full.contains(&place) { Err(format!("{place} is full")) } else { Ok(()) }
    }

    pub fn places(&self) -> Vec<&'static str> {
        self.brought.lock().unwrap().iter().map(|(place, _)| *place).collect()
    }
}

/// Asks the router with the ports of a provider, and with no others.
pub async fn send_as_provider(mailroom: &Arc<Mailroom>, mut request: Request<Body>) -> Response<Body> {
    let double = Arc::new(Double::new());
    let webhook = WebhookPorts {
        events: mailroom.clone(),
        inbox: mailroom.clone(),
        store: mailroom.clone(),
        clock: double.clone(),
        telemetry: double.clone(),
    };
    let request_ports = RequestPorts { clock: double.clone(), ids: double.clone(), telemetry: double, traffic: None };
    let ports = ProviderPorts { request: request_ports, webhook };
    ports.install(request.extensions_mut());
    router(&HttpConfig::default()).oneshot(request).await.unwrap()
}

impl StripeEvents for Mailroom {
    fn verify(&self, signature: Option<&str>, body: &[u8], _: Timestamp) -> Result<EventEnvelope, WebhookRefusal> {
        self.verified.lock().unwrap().push((signature.map(str::to_owned), body.to_vec()));
        let event = EventEnvelope {
            id: "evt_1".to_owned(),
            kind: "invoice.paid".to_owned(),
            api_version: None,
            taken_at: None,
        };
        self.refusal.map_or(Ok(event), Err)
    }

    fn read(&self, _: &str) -> EventReading {
        unreachable!("a delivery is read later")
    }
}

#[async_trait]
impl EventInbox for Mailroom {
    async fn enqueue(&self, _: &EventEnvelope, payload: &str) -> Result<(), String> {
        self.bring("queue", payload)
    }

    async fn store(&self, _: &EventEnvelope, payload: &str) -> Result<(), String> {
        self.bring("bucket", payload)
    }

    async fn stored(&self, _: u32) -> Result<Vec<(String, EventEnvelope, String)>, StoreError> {
        refuse()
    }

    async fn forget(&self, _: &str) -> Result<(), StoreError> {
        refuse()
    }
}

#[async_trait]
impl BillingStore for Mailroom {
    async fn receive(&self, _: &EventEnvelope, payload: &str, _: bool) -> Result<bool, StoreError> {
        self.bring("table", payload).map(|()| true).map_err(StoreError::Unavailable)
    }

    async fn apply(&self, _: &str, _: &Effect) -> Result<Applied, StoreError> {
        refuse()
    }

    async fn put_off(&self, _: &str, _: bool, _: &str) -> Result<(), StoreError> {
        refuse()
    }

    async fn claim(&self, _: u32) -> Result<Vec<ClaimedEvent>, StoreError> {
        refuse()
    }

    async fn missed(&self, _: &[String]) -> Result<Vec<String>, StoreError> {
        refuse()
    }

    async fn unknown_prices(&self, _: &[String]) -> Result<Vec<String>, StoreError> {
        refuse()
    }

    async fn renewable(&self, _: Timestamp, _: Option<Uuid>, _: u32) -> Result<Vec<Uuid>, StoreError> {
        refuse()
    }

    async fn renew(&self, _: Uuid, _: Timestamp) -> Result<i64, StoreError> {
        refuse()
    }

    async fn end_grants(&self, _: Timestamp, _: u32) -> Result<u64, StoreError> {
        refuse()
    }

    async fn attempt_top_up(&self, _: Uuid) -> Result<Option<TopUp>, StoreError> {
        refuse()
    }

    async fn settle_top_up(&self, _: &Effect) -> Result<(), StoreError> {
        refuse()
    }

    async fn open_top_ups(&self, _: u32) -> Result<Vec<Uuid>, StoreError> {
        refuse()
    }

    async fn differing(&self, _: &[SubscriptionState]) -> Result<Vec<String>, StoreError> {
        refuse()
    }

    async fn correct(&self, _: &SubscriptionState) -> Result<bool, StoreError> {
        refuse()
    }

    async fn payers_of(&self, _: &str) -> Result<Vec<Payer>, StoreError> {
        refuse()
    }

    async fn unnoted_payers(&self, _: Option<Uuid>, _: u32) -> Result<Vec<Payer>, StoreError> {
        refuse()
    }

    async fn note_cards(&self, _: &Payer, _: &[String]) -> Result<i64, StoreError> {
        refuse()
    }
}
