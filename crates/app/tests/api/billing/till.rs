//! What a user's request can reach of billing.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::StatusCode;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        billing::{
            Billing, BillingCustomer, BillingPorts, Catalogue, ChargeOutcome, CheckoutOrder, CreditAlerts,
            CreditAlertsOutcome, EventPage, HostedPage, LinkOutcome, PaidFor, PaidLine, PurchaseOutcome, Stripe,
            StripeError, StripePrice, Subscription, SubscriptionPage, SubscriptionState, TopUp,
        },
        health::{DatabaseState, Readiness},
        judging::{ModelChoice, ModelLifecycle},
    },
    shared::{idempotency::IdempotencyKey, ids::AccountId, store::StoreError},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Double, answer, ports, request, send_to,
    unasked::{refuse, refused},
};

/// Answers as a test tells it to, and remembers what was asked that changes something.
pub struct Till {
    pub customer: Value,
    pub purchase: Value,
    pub alerts: Value,
    pub subscriptions: Value,
    /// What Stripe answers to whatever opens a page.
    pub fault: Option<StripeError>,
    pub environment: &'static str,
    pub faults: Vec<String>,
    pub asked: Mutex<Vec<Value>>,
}

impl Till {
    /// Of an account that has bought something, and subscribes to nothing.
    pub fn new() -> Self {
        Self {
            customer: json!({
                "outcome": "ok", "customer_id": "cus_1", "email": null, "is_subscribed": false, "is_blocked": false,
            }),
            purchase: json!({ "outcome": "ok", "purchase_id": Uuid::nil() }),
            alerts: Value::Null,
            subscriptions: json!([]),
            fault: None,
            environment: "production",
            faults: vec![],
            asked: Mutex::default(),
        }
    }

    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    fn page(&self, what: Value) -> Result<HostedPage, StripeError> {
        self.asked.lock().unwrap().push(what);
        let expires_at = Some("2026-11-27T12:00:00Z".parse().unwrap());
        let page = HostedPage { url: "https://stripe.example/page".to_owned(), expires_at };
        self.fault.clone().map_or(Ok(page), Err)
    }
}

/// Asks the router over this till: status, `Retry-After` and body.
pub async fn ask_till(till: &Arc<Till>, method: &str, path: &str, body: Value) -> (StatusCode, Option<String>, Value) {
    let double = Arc::new(Double::new());
    let mut ports = ports(&double, ModelChoice::default());
    ports.billing =
        BillingPorts { billing: till.clone(), stripe: till.clone(), readiness: till.clone(), ids: double.clone() };
    answer(send_to(ports, request(method, path, &body)).await).await
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, StoreError> {
    Ok(serde_json::from_value(value.clone()).unwrap())
}

#[async_trait]
impl Billing for Till {
    async fn subscriptions(&self, _: Member) -> Result<Vec<Subscription>, StoreError> {
        read(&self.subscriptions)
    }

    async fn catalogue(&self, _: Member) -> Result<Catalogue, StoreError> {
        read(&json!({
            "plans": [{
                "id": "growth", "name": "Growth", "monthly_credits": 100, "month_price_cents": 7900, "year_price_cents": null,
                "hourly_analyses_max": 200, "rollover": "none", "rollover_cap": null,
            }],
            "packs": [{ "id": "pack_100", "name": "100 credits", "credits": 100, "price_cents": 9500 }],
        }))
    }

    async fn customer(&self, _: Member) -> Result<BillingCustomer, StoreError> {
        read(&self.customer)
    }

    async fn link_customer(&self, _: Member, _: &str) -> Result<LinkOutcome, StoreError> {
        refuse()
    }

    async fn begin_purchase(
        &self,
        _: Member,
        _: Uuid,
        pack: &str,
        _: Option<&IdempotencyKey>,
    ) -> Result<PurchaseOutcome, StoreError> {
        self.asked.lock().unwrap().push(json!({ "begun": pack }));
        read(&self.purchase)
    }

    async fn alerts(&self, _: Member) -> Result<Option<CreditAlerts>, StoreError> {
        read(&self.alerts)
    }

    async fn set_alerts(&self, _: Member, alerts: &CreditAlerts) -> Result<CreditAlertsOutcome, StoreError> {
        self.asked.lock().unwrap().push(json!(alerts));
        read(&self.alerts)
    }
}

#[async_trait]
impl Stripe for Till {
    async fn subscription(&self, _: &str) -> Result<SubscriptionState, StripeError> {
        refused()
    }

    async fn price(&self, _: &str) -> Result<StripePrice, StripeError> {
        refused()
    }

    async fn price_by_lookup_key(&self, key: &str) -> Result<String, StripeError> {
        Ok(format!("price of {key}"))
    }

    async fn paid_for(&self, _: &str) -> Result<PaidFor, StripeError> {
        refused()
    }

    async fn invoice_lines(&self, _: &str) -> Result<Vec<PaidLine>, StripeError> {
        refused()
    }

    async fn create_customer(&self, _: AccountId, _: Option<&str>) -> Result<String, StripeError> {
        refused()
    }

    async fn create_checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, StripeError> {
        self.page(json!([order.id, order.price_id, order.success_url, order.cancel_url]))
    }

    async fn create_portal(
        &self,
        customer: &str,
        return_url: &str,
        to_cancel: Option<&str>,
    ) -> Result<HostedPage, StripeError> {
        self.page(json!([customer, return_url, to_cancel]))
    }

    async fn charge(&self, _: &TopUp) -> Result<ChargeOutcome, StripeError> {
        refused()
    }

    async fn card_fingerprints(&self, _: &str) -> Result<Vec<String>, StripeError> {
        refused()
    }

    async fn events(&self, _: Timestamp, _: Option<&str>) -> Result<EventPage, StripeError> {
        refused()
    }

    async fn subscriptions(&self, _: Option<&str>) -> Result<SubscriptionPage, StripeError> {
        refused()
    }
}

#[async_trait]
impl Readiness for Till {
    fn config_faults(&self) -> Vec<String> {
        self.faults.clone()
    }

    async fn database(&self) -> DatabaseState {
        DatabaseState::Silent
    }

    fn models_announced(&self) -> Vec<ModelLifecycle> {
        vec![]
    }

    fn environment(&self) -> &str {
        self.environment
    }

    fn release(&self) -> &str {
        "oslira@test"
    }
}
