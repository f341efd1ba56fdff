//! `POST /v1/checkout/sessions`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::providers::stripe::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    form::{Metadata, Whole},
    object::{CUSTOMER, Fields, PRICE, SESSION, fresh_id, part_list, shown},
};

const OPEN_S: i64 = 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    mode: Mode,
    line_items: Vec<Line>,
    success_url: String,
    cancel_url: Option<String>,
    customer: Option<String>,
    customer_email: Option<String>,
    customer_creation: Option<String>,
    client_reference_id: Option<String>,
    expires_at: Option<Whole>,
    #[serde(default)]
    metadata: Metadata,
    subscription_data: Option<SubscriptionData>,
    payment_intent_data: Option<PaymentIntentData>,
    locale: Option<String>,
    /// These change the page only, which is none here.
    #[serde(rename = "allow_promotion_codes")]
    _codes: Option<Value>,
    #[serde(rename = "automatic_tax")]
    _tax: Option<Value>,
    #[serde(rename = "billing_address_collection")]
    _address: Option<Value>,
    #[serde(rename = "customer_update")]
    _update: Option<Value>,
    #[serde(rename = "payment_method_types")]
    _types: Option<Value>,
    #[serde(rename = "saved_payment_method_options")]
    _saved: Option<Value>,
    #[serde(rename = "submit_type")]
    _submit: Option<Value>,
    #[serde(rename = "tax_id_collection")]
    _tax_ids: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Payment,
    Subscription,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    price: String,
    quantity: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionData {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentIntentData {
    #[serde(default)]
    metadata: Metadata,
    setup_future_usage: Option<String>,
    description: Option<String>,
}

pub(in crate::providers::stripe) fn create(books: &mut Books, call: &Call) -> Answer {
    let asked: Create = call.read()?;
    if let Some(customer) = &asked.customer {
        books.find(CUSTOMER, customer)?;
    }
    check_mode(&asked)?;
    let items = asked.line_items.iter().map(|line| item(books, asked.mode, line)).collect::<Result<Vec<_>, _>>()?;
    let total: i64 = items.iter().map(|item| item.number("amount_total")).sum();
    let mut session = SESSION.with(json!({
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": asked.cancel_url,
        "client_reference_id": asked.client_reference_id,
        "created": books.now,
        "customer": asked.customer,
        "customer_email": asked.customer_email,
        "customer_creation": asked.customer_creation,
        "expires_at": asked.expires_at.map_or(books.now + OPEN_S, |Whole(at)| at),
        "locale": asked.locale,
        "metadata": asked.metadata.alone(),
        "mode": if asked.mode == Mode::Payment { "payment" } else { "subscription" },
        "payment_method_collection": (asked.mode == Mode::Subscription).then_some("always"),
        "success_url": asked.success_url,
    }));
    let id = session.text("id").to_owned();
    session.set("url", format!("https://checkout.stripe.com/c/pay/{id}"));
    session.set("_line_items", part_list(items, &format!("/v1/checkout/sessions/{id}/line_items")));
    // What the payment or the subscription shall have once there is one.
    session.set(
        "_data",
        match (asked.subscription_data, asked.payment_intent_data) {
            (Some(data), _) => json!({"metadata": data.metadata.alone()}),
            (None, Some(data)) => json!({
                "metadata": data.metadata.alone(), "setup_future_usage": data.setup_future_usage,
                "description": data.description,
            }),
            (None, None) => json!({"metadata": {}}),
        },
    );
    books.put(session.clone());
    Ok(session)
}

fn check_mode(asked: &Create) -> Result<(), StripeError> {
    match asked.mode {
        Mode::Payment if asked.subscription_data.is_some() => {
            let message = "You can not pass `subscription_data` in `payment` mode.";
            Err(StripeError::invalid(message).param("subscription_data"))
        }
        Mode::Subscription if asked.payment_intent_data.is_some() => {
            let message = "You can not pass `payment_intent_data` in `subscription` mode.";
            Err(StripeError::invalid(message).param("payment_intent_data"))
        }
        Mode::Subscription if asked.line_items.len() != 1 => {
            Err(StripeError::invalid("A subscription of the sandbox has one item.").param("line_items"))
        }
        _ if asked.line_items.is_empty() => Err(StripeError::invalid("Missing required param: line_items.")
            .code("parameter_missing")
            .param("line_items")),
        _ => Ok(()),
    }
}

fn item(books: &Books, mode: Mode, line: &Line) -> Result<Value, StripeError> {
    let price = books.find(PRICE, &line.price)?;
    let refused = match (mode, price.text("type")) {
        (Mode::Payment, "recurring") => {
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only \
             one-time prices."
        }
        (Mode::Subscription, "one_time") => {
            "You must provide at least one recurring price in `subscription` mode when using prices."
        }
        _ => "",
    };
    if !refused.is_empty() {
        return Err(StripeError::invalid(refused).param("line_items[0][price]"));
    }
    let quantity = line.quantity.map_or(1, |Whole(quantity)| quantity);
    if quantity < 1 {
        return Err(StripeError::invalid("Quantity must be at least 1.").param("line_items[0][quantity]"));
    }
    let cents = price.number("unit_amount") * quantity;
    Ok(json!({
        "id": fresh_id("li_"), "object": "item", "adjustable_quantity": null, "amount_discount": 0,
        "amount_subtotal": cents, "amount_tax": 0, "amount_total": cents, "currency": "usd",
        "description": price.at("_name"), "metadata": {}, "price": shown(price), "quantity": quantity,
    }))
}
