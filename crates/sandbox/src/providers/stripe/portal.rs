//! Sessions of the customer portal. There is no page behind their address.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    object::{CUSTOMER, Fields, PORTAL_SESSION, SUBSCRIPTION},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    customer: String,
    return_url: Option<String>,
    configuration: Option<String>,
    locale: Option<String>,
    flow_data: Option<Value>,
}

pub(super) fn create(books: &mut Books, call: &Call) -> Answer {
    let asked: Create = call.read()?;
    books.find(CUSTOMER, &asked.customer)?;
    if let Some(flow) = &asked.flow_data {
        check_flow(books, &asked.customer, flow)?;
    }
    let mut session = PORTAL_SESSION.with(json!({
        "created": books.now, "customer": asked.customer, "return_url": asked.return_url, "locale": asked.locale,
        "flow": asked.flow_data,
    }));
    if let Some(configuration) = asked.configuration {
        session.set("configuration", configuration);
    }
    session.set("url", format!("https://billing.stripe.com/p/session/test_{}", session.text("id")));
    books.put(session.clone());
    Ok(session)
}

/// Of Stripe's flows the sandbox has one: the customer cancels a subscription that goes on and is not to end already.
fn check_flow(books: &Books, customer: &str, flow: &Value) -> Result<(), StripeError> {
    if flow.text("type") != "subscription_cancel" {
        return Err(StripeError::invalid("The sandbox has no such flow.").param("flow_data[type]"));
    }
    let refused =
        |message: &str| Err(StripeError::invalid(message).param("flow_data[subscription_cancel][subscription]"));
    let subscription = books.find(SUBSCRIPTION, flow.text("subscription_cancel/subscription"))?;
    if subscription.text("customer") != customer {
        return refused("The subscription is another customer's.");
    }
    if subscription.text("status") == "canceled" || !subscription.at("cancel_at").is_null() {
        return refused("The subscription is canceled, or will be.");
    }
    if flow.text("after_completion/type") == "redirect" && flow.text("after_completion/redirect/return_url").is_empty()
    {
        return Err(StripeError::invalid("A redirect has an address.").param("flow_data[after_completion][redirect]"));
    }
    Ok(())
}
