//! Invoices: they are issued for a subscription, paid or not, and can be read.

mod issue;
pub(super) mod line;
pub(super) mod payment;

use serde::Deserialize;

pub(super) use issue::{Bill, issue};

use super::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    listing::{Page, list},
    object::{Fields, INVOICE, INVOICE_PAYMENT, shown},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    customer: Option<String>,
    subscription: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentSelection {
    invoice: Option<String>,
    status: Option<String>,
    payment: Option<PaymentOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentOf {
    #[serde(rename = "type")]
    kind: String,
    payment_intent: Option<String>,
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(INVOICE, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, INVOICE, &page, |invoice| {
        let subscription = invoice.text("parent/subscription_details/subscription");
        wanted.customer.as_deref().is_none_or(|customer| customer == invoice.text("customer"))
            && wanted.subscription.as_deref().is_none_or(|wanted| wanted == subscription)
            && wanted.status.as_deref().is_none_or(|status| status == invoice.text("status"))
    })
}

/// Tries to pay an open invoice now.
pub(super) fn pay(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    if books.find(INVOICE, call.id())?.text("status") != "open" {
        return Err(StripeError::invalid("Invoice is already paid").code("invoice_already_paid"));
    }
    if !payment::pay(books, call.id()) {
        let intent = books.find(INVOICE, call.id())?.text("_payment_intent");
        return Err(StripeError::declined(&books.get(intent).map(shown).unwrap_or_default()));
    }
    Ok(books.find(INVOICE, call.id())?.clone())
}

pub(super) fn list_payments(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, PaymentSelection) = call.page()?;
    if wanted.payment.as_ref().is_some_and(|payment| payment.kind != "payment_intent") {
        return Err(
            StripeError::invalid("The sandbox knows payments of the type payment_intent only.").param("payment[type]")
        );
    }
    let intent = wanted.payment.and_then(|payment| payment.payment_intent);
    list(books, INVOICE_PAYMENT, &page, |payment| {
        wanted.invoice.as_deref().is_none_or(|invoice| invoice == payment.text("invoice"))
            && wanted.status.as_deref().is_none_or(|status| status == payment.text("status"))
            && intent.as_deref().is_none_or(|intent| intent == payment.text("payment/payment_intent"))
    })
}
