//! Charges: what was paid, refunded and disputed.

use serde::Deserialize;
use serde_json::Value;

use super::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    listing::{Page, list},
    object::{CHARGE, Fields, PAYMENT_INTENT},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    customer: Option<String>,
    payment_intent: Option<String>,
}

/// A charge by its own id or by that of its payment.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    pub(super) charge: Option<String>,
    pub(super) payment_intent: Option<String>,
}

impl Which {
    pub(super) fn find(&self, books: &Books) -> Result<Value, StripeError> {
        match (&self.charge, &self.payment_intent) {
            (Some(charge), None) => books.find(CHARGE, charge).cloned(),
            (None, Some(intent)) => {
                let intent = books.find(PAYMENT_INTENT, intent)?;
                let uncharged = |_| {
                    let message = format!(
                        "This PaymentIntent ({}) does not have a successful charge to refund.",
                        intent.text("id")
                    );
                    StripeError::invalid(message).param("payment_intent")
                };
                books.find(CHARGE, intent.text("latest_charge")).cloned().map_err(uncharged)
            }
            _ => {
                let message =
                    "One of the following params should be provided for this request: payment_intent or charge.";
                Err(StripeError::invalid(message))
            }
        }
    }
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(CHARGE, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, CHARGE, &page, |charge| {
        wanted.customer.as_deref().is_none_or(|customer| customer == charge.text("customer"))
            && wanted.payment_intent.as_deref().is_none_or(|intent| intent == charge.text("payment_intent"))
    })
}
