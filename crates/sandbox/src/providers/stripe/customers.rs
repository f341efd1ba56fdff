//! Customers.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::{Answer, Call},
    form::Metadata,
    listing::{Page, list},
    object::{CUSTOMER, Fields, fresh_id},
    payment_methods,
};

/// What a caller may say about a customer.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    name: Option<String>,
    email: Option<String>,
    description: Option<String>,
    phone: Option<String>,
    payment_method: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    invoice_settings: InvoiceSettings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvoiceSettings {
    default_payment_method: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    email: Option<String>,
}

/// A new customer, of whom nothing has been told yet.
fn make(books: &Books) -> Value {
    let prefix = fresh_id("").chars().take(8).collect::<String>().to_uppercase();
    CUSTOMER.with(json!({"created": books.now, "invoice_prefix": prefix, "_card": "ok"}))
}

/// The customer that a checkout makes.
pub(super) fn register(books: &mut Books, email: &str) -> String {
    let mut customer = make(books);
    customer.set("email", email);
    let id = customer.text("id").to_owned();
    books.put(customer.clone());
    books.emit("customer.created", &customer, None);
    id
}

pub(super) fn create(books: &mut Books, call: &Call) -> Answer {
    let details: Details = call.read()?;
    let mut customer = make(books);
    let id = customer.text("id").to_owned();
    let method =
        details.payment_method.as_deref().map(|method| payment_methods::attach_to(books, method, &id)).transpose()?;
    let default =
        default_method(books, &details, &id)?.filter(|default| Some(default) != details.payment_method.as_ref());
    let wants_default = details.invoice_settings.default_payment_method.is_some();
    apply(details, &mut customer);
    if wants_default {
        customer.set("invoice_settings/default_payment_method", default.or(method));
    }
    books.put(customer.clone());
    books.emit("customer.created", &customer, None);
    Ok(customer)
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(CUSTOMER, call.id())?.clone())
}

pub(super) fn update(books: &mut Books, call: &Call) -> Answer {
    let details: Details = call.read()?;
    books.find(CUSTOMER, call.id())?;
    let default = default_method(books, &details, call.id())?;
    Ok(books.amend("customer.updated", call.id(), |customer| {
        apply(details, customer);
        if let Some(default) = default {
            customer.set("invoice_settings/default_payment_method", default);
        }
    }))
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, CUSTOMER, &page, |customer| wanted.email.as_deref().is_none_or(|email| email == customer.text("email")))
}

/// The payment method that invoices shall be paid with, if one is named; it must be the customer's.
fn default_method(
    books: &Books,
    details: &Details,
    customer: &str,
) -> Result<Option<String>, super::errors::StripeError> {
    match &details.invoice_settings.default_payment_method {
        Some(method) if details.payment_method.is_none() => {
            payment_methods::of_customer(books, method, customer).map(|()| Some(method.clone()))
        }
        named => Ok(named.clone()),
    }
}

fn apply(details: Details, customer: &mut Value) {
    let texts = [
        ("name", details.name),
        ("email", details.email),
        ("description", details.description),
        ("phone", details.phone),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            customer.set(name, Some(text).filter(|text| !text.is_empty()));
        }
    }
    let metadata = details.metadata.over(customer.at("metadata"));
    customer.set("metadata", metadata);
}
