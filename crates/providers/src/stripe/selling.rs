//! What is created so that a customer can pay: the customer, the checkout, the portal.

use oslira_app::{
    features::billing::{CheckoutItem, CheckoutOrder, HostedPage, StripeError},
    shared::ids::AccountId,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    call::Api,
    part::{Part, Unread},
};

/// Account and address are the idempotency key: a click that is repeated makes no second customer. Two owners who buy at the same
/// time make two, of which the first one that is linked stays; one key for both would be refused for the second.
pub(super) async fn create_customer(api: &Api, account: AccountId, email: Option<&str>) -> Result<String, StripeError> {
    let account = account.to_string();
    let mut form = vec![("metadata[account_id]", account.as_str())];
    form.extend(email.map(|email| ("email", email)));
    let address = format!("{:x}", Sha256::digest(email.unwrap_or_default()));
    let answer = api.post("/v1/customers", &form, Some(&format!("customer:{account}:{address}"))).await?;
    Ok(Part::of(&answer).text("id")?.to_owned())
}

/// A pack is paid once, and its card may be charged again for the next (an automatic purchase); a plan is subscribed to.
pub(super) async fn create_checkout(api: &Api, order: &CheckoutOrder) -> Result<HostedPage, StripeError> {
    let (id, account) = (order.id.to_string(), order.account_id.to_string());
    let mut form = vec![
        ("line_items[0][price]", order.price_id.as_str()),
        ("line_items[0][quantity]", "1"),
        ("customer", &order.customer_id),
        ("client_reference_id", &account),
        ("metadata[account_id]", &account),
        ("success_url", &order.success_url),
        ("cancel_url", &order.cancel_url),
    ];
    match order.item {
        CheckoutItem::Pack(_) => form.extend([
            ("mode", "payment"),
            ("metadata[purchase_id]", id.as_str()),
            ("payment_intent_data[metadata][purchase_id]", &id),
            ("payment_intent_data[metadata][account_id]", &account),
            ("payment_intent_data[setup_future_usage]", "off_session"),
        ]),
        CheckoutItem::Plan { .. } => form.extend([
            ("mode", "subscription"),
            ("metadata[order_id]", id.as_str()),
            ("subscription_data[metadata][account_id]", &account),
        ]),
    }
    let answer = api.post("/v1/checkout/sessions", &form, Some(&format!("checkout:{id}"))).await?;
    Ok(hosted(&answer, Some("expires_at"))?)
}

/// Without an idempotency key: a link to the portal buys nothing, and one that is answered again may have expired.
pub(super) async fn create_portal(
    api: &Api,
    customer: &str,
    return_url: &str,
    to_cancel: Option<&str>,
) -> Result<HostedPage, StripeError> {
    let mut form = vec![("customer", customer), ("return_url", return_url)];
    if let Some(subscription) = to_cancel {
        form.extend([
            ("flow_data[type]", "subscription_cancel"),
            ("flow_data[subscription_cancel][subscription]", subscription),
            // Otherwise the way goes on to the whole portal.
            ("flow_data[after_completion][type]", "redirect"),
            ("flow_data[after_completion][redirect][return_url]", return_url),
        ]);
    }
    let answer = api.post("/v1/billing_portal/sessions", &form, None).await?;
    Ok(hosted(&answer, None)?)
}

fn hosted(answer: &Value, expires_at: Option<&str>) -> Result<HostedPage, Unread> {
    let page = Part::of(answer);
    let expires_at = expires_at.map(|name| page.time(name)).transpose()?;
    Ok(HostedPage { url: page.url("url")?.to_owned(), expires_at })
}
