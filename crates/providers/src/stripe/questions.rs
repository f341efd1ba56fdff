//! Questions about one object.

use jiff::Timestamp;
use oslira_app::features::billing::{PaidFor, StripeError, StripePrice, SubscriptionState};

use super::{
    call::{Api, checked_id},
    part::{Part, Unread},
    purchase::PURCHASE_ID,
    subscription,
};

pub(super) async fn subscription(api: &Api, id: &str, now: Timestamp) -> Result<SubscriptionState, StripeError> {
    let answer = api.get(&format!("/v1/subscriptions/{}", checked_id(id)?)).await?;
    let state = subscription::state(&Part::of(&answer), now)?;
    state.ok_or_else(|| StripeError::Refused("the subscription has no item or several".to_owned()))
}

pub(super) async fn price(api: &Api, id: &str) -> Result<StripePrice, StripeError> {
    let answer = api.get(&format!("/v1/prices/{}", checked_id(id)?)).await?;
    Ok(subscription::price(&Part::of(&answer))?)
}

pub(super) async fn price_by_lookup_key(api: &Api, key: &str) -> Result<String, StripeError> {
    let answer = api.page("/v1/prices", &[("lookup_keys[]", key), ("active", "true"), ("limit", "1")]).await?;
    first(&Part::of(&answer), "id")?.map(str::to_owned).ok_or(StripeError::NotFound)
}

/// An invoice if there is one for the payment, else the purchase of the payment's own metadata.
pub(super) async fn paid_for(api: &Api, payment_intent: &str) -> Result<PaidFor, StripeError> {
    let payment_intent = checked_id(payment_intent)?;
    let of_payment = [("payment[type]", "payment_intent"), ("payment[payment_intent]", payment_intent), ("limit", "1")];
    let answer = api.page("/v1/invoice_payments", &of_payment).await?;
    if let Some(invoice_id) = first(&Part::of(&answer), "invoice")? {
        return Ok(PaidFor { invoice_id: Some(invoice_id.to_owned()), purchase_id: None });
    }
    let answer = api.get(&format!("/v1/payment_intents/{payment_intent}")).await?;
    Ok(PaidFor { invoice_id: None, purchase_id: Part::of(&answer).metadata_uuid(PURCHASE_ID) })
}

/// A wallet's card may have no fingerprint of its own.
pub(super) async fn card_fingerprints(api: &Api, customer: &str) -> Result<Vec<String>, StripeError> {
    let path = format!("/v1/customers/{}/payment_methods", checked_id(customer)?);
    let answer = api.page(&path, &[("type", "card"), ("limit", "100")]).await?;
    let mut fingerprints = Vec::new();
    for method in Part::of(&answer).list("data")? {
        fingerprints.extend(method.part("card")?.nullable_text("fingerprint")?.map(str::to_owned));
    }
    Ok(fingerprints)
}

/// A field of the first entry of a list.
pub(super) fn first<'a>(page: &Part<'a>, name: &str) -> Result<Option<&'a str>, Unread> {
    page.list("data")?.first().map(|entry| entry.text(name)).transpose()
}
