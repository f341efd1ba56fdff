//! Stripe's API behind [`Stripe`].

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::billing::{
        ChargeOutcome, CheckoutOrder, EventPage, HostedPage, PaidFor, PaidLine, Stripe, StripeError, StripePrice,
        SubscriptionPage, SubscriptionState, TopUp,
    },
    shared::{clock::Clock, ids::AccountId},
};

use super::{call::Api, charge, pages, questions, selling};
use crate::send::{Endpoint, HttpSend};

/// Stripe's API.
pub struct StripeApi {
    api: Api,
    clock: Arc<dyn Clock>,
}

impl StripeApi {
    /// The base URL is without `/v1`; the key may be a restricted one.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint, clock: Arc<dyn Clock>) -> Self {
        Self { api: Api::new(send, endpoint), clock }
    }
}

#[async_trait]
impl Stripe for StripeApi {
    async fn subscription(&self, id: &str) -> Result<SubscriptionState, StripeError> {
        questions::subscription(&self.api, id, self.clock.now()).await
    }

    async fn price(&self, id: &str) -> Result<StripePrice, StripeError> {
        questions::price(&self.api, id).await
    }

    async fn price_by_lookup_key(&self, key: &str) -> Result<String, StripeError> {
        questions::price_by_lookup_key(&self.api, key).await
    }

    async fn paid_for(&self, payment_intent: &str) -> Result<PaidFor, StripeError> {
        questions::paid_for(&self.api, payment_intent).await
    }

    async fn invoice_lines(&self, invoice: &str) -> Result<Vec<PaidLine>, StripeError> {
        pages::invoice_lines(&self.api, invoice).await
    }

    async fn create_customer(&self, account: AccountId, email: Option<&str>) -> Result<String, StripeError> {
        selling::create_customer(&self.api, account, email).await
    }

    async fn create_checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, StripeError> {
        selling::create_checkout(&self.api, order).await
    }

    async fn create_portal(
        &self,
        customer: &str,
        return_url: &str,
        to_cancel: Option<&str>,
    ) -> Result<HostedPage, StripeError> {
        selling::create_portal(&self.api, customer, return_url, to_cancel).await
    }

    async fn charge(&self, top_up: &TopUp) -> Result<ChargeOutcome, StripeError> {
        charge::charge(&self.api, top_up).await
    }

    async fn card_fingerprints(&self, customer: &str) -> Result<Vec<String>, StripeError> {
        questions::card_fingerprints(&self.api, customer).await
    }

    async fn events(&self, since: Timestamp, after: Option<&str>) -> Result<EventPage, StripeError> {
        pages::events(&self.api, since, after).await
    }

    async fn subscriptions(&self, after: Option<&str>) -> Result<SubscriptionPage, StripeError> {
        pages::subscriptions(&self.api, after, self.clock.now()).await
    }
}
