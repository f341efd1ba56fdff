//! Payments that a caller asks for, for example of a customer who is not there.

use serde::Deserialize;
use serde_json::json;

use super::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    form::{Flag, Metadata, Whole},
    listing::{Page, list},
    object::{CUSTOMER, Fields, PAYMENT_INTENT, shown},
    payment_methods,
    payments::{self, Attempt},
};

/// The smallest payment in dollars, in cents.
const CENTS_MIN: i64 = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    amount: Whole,
    currency: String,
    customer: Option<String>,
    payment_method: Option<String>,
    #[serde(default = "no")]
    confirm: Flag,
    #[serde(default = "no")]
    off_session: Flag,
    description: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    setup_future_usage: Option<String>,
    /// Cards are all there is.
    #[serde(rename = "payment_method_types")]
    _types: Option<Vec<String>>,
    #[serde(rename = "automatic_payment_methods")]
    _automatic: Option<serde_json::Value>,
}

fn no() -> Flag {
    Flag(false)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    customer: Option<String>,
}

pub(super) fn create(books: &mut Books, call: &Call) -> Answer {
    let asked: Create = call.read()?;
    check(books, &asked)?;
    let method = asked.payment_method.as_deref().map(|name| payment_methods::resolve(books, name)).transpose()?;
    let customer = asked.customer.unwrap_or_default();
    if let Some(method) =
        method.as_deref().filter(|id| books.get(id).is_some_and(|method| !method.text("customer").is_empty()))
    {
        payment_methods::of_customer(books, method, &customer)?;
    }
    let intent = payments::open(
        books,
        json!({
            "amount": asked.amount.0,
            "currency": asked.currency,
            "customer": Some(&customer).filter(|id| !id.is_empty()),
            "description": asked.description,
            "metadata": asked.metadata.alone(),
            "payment_method": method,
            "setup_future_usage": asked.setup_future_usage,
            "status": if method.is_some() { "requires_confirmation" } else { "requires_payment_method" },
        }),
    );
    if asked.confirm.0 {
        let attempt = Attempt::by_card(payment_methods::declines(books, method.as_deref(), &customer));
        let tried = payments::attempt(books, &intent, method.as_deref(), attempt);
        if attempt == Attempt::Declines {
            let error = StripeError::declined(&shown(&tried)).with("charge", tried.text("latest_charge"));
            return Err(error.with("payment_method", tried.at("last_payment_error/payment_method").clone()));
        }
    }
    Ok(books.find(PAYMENT_INTENT, &intent)?.clone())
}

fn check(books: &Books, asked: &Create) -> Result<(), StripeError> {
    if asked.currency != "usd" {
        return Err(StripeError::invalid(format!("Invalid currency: {}", asked.currency)).param("currency"));
    }
    if asked.amount.0 < CENTS_MIN {
        let message = "Amount must be at least $0.50 usd";
        return Err(StripeError::invalid(message).code("amount_too_small").param("amount"));
    }
    if let Some(customer) = &asked.customer {
        books.find(CUSTOMER, customer)?;
    }
    if asked.off_session.0 && !asked.confirm.0 {
        let message = "`off_session` can only be used when `confirm` is true.";
        return Err(StripeError::invalid(message).param("off_session"));
    }
    if asked.confirm.0 && asked.payment_method.is_none() {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
        return Err(StripeError::invalid(message).code("payment_intent_unexpected_state"));
    }
    Ok(())
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(PAYMENT_INTENT, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, PAYMENT_INTENT, &page, |intent| {
        wanted.customer.as_deref().is_none_or(|customer| customer == intent.text("customer"))
    })
}
