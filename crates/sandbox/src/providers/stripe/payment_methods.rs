//! Cards, and whether a bank accepts them.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    listing::{Page, list},
    object::{CUSTOMER, Fields, PAYMENT_METHOD},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    customer: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    customer: String,
}

/// The same for the same number, as Stripe's is within one account.
fn fingerprint(number: &str) -> String {
    let digest = format!("{:x}", Sha256::digest(number));
    digest.chars().take(16).collect()
}

/// The card that a customer has given in a checkout, theirs from now on: the one that the control has chosen for them, else
/// one that nobody else has.
pub(super) fn give(books: &mut Books, customer: &str) -> String {
    let chosen = books.get(customer).map(|customer| customer.text("_number").to_owned()).unwrap_or_default();
    let number = if chosen.is_empty() { customer } else { &chosen };
    let mut method = PAYMENT_METHOD
        .with(json!({"created": books.now, "customer": customer, "card/fingerprint": fingerprint(number)}));
    if let Some(last4) = chosen.len().checked_sub(4).and_then(|start| chosen.get(start..)) {
        method.set("card/last4", last4);
    }
    let id = method.text("id").to_owned();
    books.put(method.clone());
    books.emit("payment_method.attached", &method, None);
    id
}

/// The id of the payment method that a request names. Stripe's test cards are new each time that they are named.
pub(super) fn resolve(books: &mut Books, name: &str) -> Result<String, StripeError> {
    let (number, declines) = match name {
        "pm_card_visa" => ("4242424242424242", false),
        "pm_card_chargeDeclined" | "pm_card_visa_chargeDeclined" => ("4000000000000002", true),
        "pm_card_chargeCustomerFail" => ("4000000000000341", true),
        _ => return books.find(PAYMENT_METHOD, name).map(|method| method.text("id").to_owned()),
    };
    let method = PAYMENT_METHOD.with(json!({
        "created": books.now, "_declines": declines, "card/fingerprint": fingerprint(number),
    }));
    let id = method.text("id").to_owned();
    books.put(method);
    Ok(id)
}

/// Makes a payment method a customer's, and returns its id.
pub(super) fn attach_to(books: &mut Books, name: &str, customer: &str) -> Result<String, StripeError> {
    let id = resolve(books, name)?;
    let attached = books.change(&id, |method| method.set("customer", customer));
    books.emit("payment_method.attached", &attached, None);
    Ok(id)
}

/// An error unless this payment method is this customer's.
pub(super) fn of_customer(books: &Books, method: &str, customer: &str) -> Result<(), StripeError> {
    if books.find(PAYMENT_METHOD, method)?.text("customer") == customer {
        return Ok(());
    }
    let message = format!(
        "The customer does not have a payment method with the ID {method}. The payment method must be attached to the \
         customer."
    );
    Err(StripeError::invalid(message).code("resource_missing").param("payment_method"))
}

/// What an invoice is paid with: the subscription's own card, the customer's default, or the one given last.
pub(super) fn for_invoice(books: &Books, subscription: &Value, customer: &Value) -> Option<String> {
    let named = [subscription.text("default_payment_method"), customer.text("invoice_settings/default_payment_method")];
    let latest = || {
        let theirs = |method: &&Value| method.text("customer") == customer.text("id");
        books.all(PAYMENT_METHOD.name).rev().find(theirs).map(|method| method.text("id").to_owned())
    };
    named.into_iter().find(|id| !id.is_empty()).map(str::to_owned).or_else(latest)
}

/// Whether the bank refuses a payment with this method by this customer.
pub(super) fn declines(books: &Books, method: Option<&str>, customer: &str) -> bool {
    let Some(method) = method.and_then(|id| books.get(id)) else { return true };
    method.flag("_declines") || books.get(customer).is_some_and(|customer| customer.text("_card") == "declines")
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(PAYMENT_METHOD, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    select(books, &page, wanted.customer.as_deref(), wanted.kind.as_deref())
}

pub(super) fn list_of_customer(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    books.find(CUSTOMER, call.id())?;
    select(books, &page, Some(call.id()), wanted.kind.as_deref())
}

fn select(books: &Books, page: &Page, customer: Option<&str>, kind: Option<&str>) -> Answer {
    list(books, PAYMENT_METHOD, page, |method| {
        customer.is_some_and(|customer| customer == method.text("customer"))
            && kind.is_none_or(|kind| kind == method.text("type"))
    })
}

pub(super) fn attach(books: &mut Books, call: &Call) -> Answer {
    let Attachment { customer } = call.read()?;
    books.find(CUSTOMER, &customer)?;
    let id = attach_to(books, call.id(), &customer)?;
    Ok(books.find(PAYMENT_METHOD, &id)?.clone())
}
