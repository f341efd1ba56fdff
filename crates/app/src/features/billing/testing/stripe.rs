//! Stripe's side.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{World, event, now, price};
use crate::{
    features::billing::{
        ChargeOutcome, CheckoutOrder, EventEnvelope, EventPage, EventReading, HostedPage, PaidFor, PaidLine, Stripe,
        StripeError, StripeEvents, StripePrice, SubscriptionPage, SubscriptionState, TopUp, WebhookRefusal,
    },
    shared::ids::AccountId,
};

impl StripeEvents for World {
    fn verify(&self, _: Option<&str>, _: &[u8], time: Timestamp) -> Result<EventEnvelope, WebhookRefusal> {
        assert_eq!(time, now(), "the age of a signature is measured with our clock");
        self.refusal.map_or_else(|| Ok(event("evt_1")), Err)
    }

    fn read(&self, payload: &str) -> EventReading {
        self.says.get(payload).cloned().unwrap_or_else(|| EventReading::Nothing("no credits".to_owned()))
    }
}

/// The rows behind `after`, and whether there are more behind those.
fn page<'a, T>(rows: &'a [T], id: impl Fn(&T) -> &str, after: Option<&str>, size: usize) -> (&'a [T], bool) {
    let begin = after.map_or(0, |after| rows.iter().position(|row| id(row) == after).unwrap() + 1);
    let end = rows.len().min(begin + size);
    (&rows[begin..end], end < rows.len())
}

#[async_trait]
impl Stripe for World {
    async fn subscription(&self, id: &str) -> Result<SubscriptionState, StripeError> {
        self.hear(format!("stripe subscription {id}"))?;
        self.subscriptions.iter().find(|state| state.id == id).cloned().ok_or(StripeError::NotFound)
    }

    async fn price(&self, id: &str) -> Result<StripePrice, StripeError> {
        self.hear(format!("stripe price {id}"))?;
        Ok(price(id))
    }

    async fn price_by_lookup_key(&self, key: &str) -> Result<String, StripeError> {
        self.hear(format!("stripe key {key}"))?;
        Ok(format!("price of {key}"))
    }

    async fn paid_for(&self, payment_intent: &str) -> Result<PaidFor, StripeError> {
        self.hear(format!("stripe payment {payment_intent}"))?;
        self.paid.get(payment_intent).cloned().ok_or(StripeError::NotFound)
    }

    async fn invoice_lines(&self, invoice: &str) -> Result<Vec<PaidLine>, StripeError> {
        self.hear(format!("stripe lines {invoice}"))?;
        Ok(self.lines.clone())
    }

    async fn create_customer(&self, account: AccountId, email: Option<&str>) -> Result<String, StripeError> {
        self.hear(format!("stripe customer of {account}, {}", email.unwrap_or("nobody")))?;
        Ok("cus_new".to_owned())
    }

    async fn create_checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, StripeError> {
        self.hear("stripe checkout")?;
        self.orders.lock().unwrap().push(order.clone());
        Ok(HostedPage { url: format!("https://checkout.stripe.com/{}", order.id), expires_at: None })
    }

    async fn create_portal(
        &self,
        customer: &str,
        return_url: &str,
        to_cancel: Option<&str>,
    ) -> Result<HostedPage, StripeError> {
        let only = to_cancel.map(|subscription| format!(", to cancel {subscription}"));
        self.hear(format!("stripe portal of {customer}{}", only.unwrap_or_default()))?;
        Ok(HostedPage { url: format!("https://billing.stripe.com/{customer}?back={return_url}"), expires_at: None })
    }

    async fn charge(&self, top_up: &TopUp) -> Result<ChargeOutcome, StripeError> {
        self.hear(format!("stripe charge {}", top_up.purchase_id))?;
        Ok(self.charged.clone().unwrap_or(ChargeOutcome::Pending))
    }

    async fn card_fingerprints(&self, customer: &str) -> Result<Vec<String>, StripeError> {
        self.hear(format!("stripe cards of {customer}"))?;
        Ok(vec![format!("fingerprint of {customer}")])
    }

    async fn events(&self, since: Timestamp, after: Option<&str>) -> Result<EventPage, StripeError> {
        self.hear(format!("stripe events since {since} after {}", after.unwrap_or("none")))?;
        let (ids, has_more) = page(&self.listed, |id| id, after, self.page);
        Ok(EventPage { events: ids.iter().map(|id| (event(id), id.clone())).collect(), has_more })
    }

    async fn subscriptions(&self, after: Option<&str>) -> Result<SubscriptionPage, StripeError> {
        self.hear(format!("stripe subscriptions after {}", after.unwrap_or("none")))?;
        let (states, has_more) = page(&self.subscriptions, |state| &state.id, after, self.page);
        let next = states.last().filter(|_| has_more).map(|state| state.id.clone());
        Ok(SubscriptionPage { subscriptions: states.to_vec(), next })
    }
}
