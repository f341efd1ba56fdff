//! Refunds, in whole or in part.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::{Answer, Call},
    charges::Which,
    errors::StripeError,
    form::{Metadata, Whole},
    listing::{Page, list},
    object::{Fields, REFUND, fresh_id},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    charge: Option<String>,
    payment_intent: Option<String>,
    amount: Option<Whole>,
    reason: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    charge: Option<String>,
    payment_intent: Option<String>,
}

pub(super) fn create(books: &mut Books, call: &Call) -> Answer {
    let asked: Create = call.read()?;
    let which = Which { charge: asked.charge, payment_intent: asked.payment_intent };
    let details = json!({"reason": asked.reason, "metadata": asked.metadata.alone()});
    refund(books, &which, asked.amount.map(|Whole(cents)| cents), details)
}

/// Gives money back: all that is left, unless an amount is given.
pub(super) fn refund(books: &mut Books, which: &Which, cents: Option<i64>, details: Value) -> Answer {
    let charge = which.find(books)?;
    let refunded = charge.number("amount_refunded");
    let left = charge.number("amount_captured") - refunded;
    let cents = cents.unwrap_or(left);
    check(&charge, left, cents)?;
    let mut refund = REFUND.with(details);
    let fields = json!({
        "amount": cents, "charge": charge.at("id"), "created": books.now, "customer": charge.at("customer"),
        "payment_intent": charge.at("payment_intent"), "payment_method": charge.at("payment_method"),
        "balance_transaction": fresh_id("txn_"),
    });
    for (name, value) in fields.as_object().into_iter().flatten() {
        refund.set(name, value.clone());
    }
    books.put(refund.clone());
    books.amend("charge.refunded", charge.text("id"), |charge| {
        charge.set("amount_refunded", refunded + cents);
        charge.set("refunded", refunded + cents == charge.number("amount"));
    });
    books.emit("refund.created", &refund, None);
    Ok(refund)
}

fn check(charge: &Value, left: i64, cents: i64) -> Result<(), StripeError> {
    let id = charge.text("id");
    if charge.flag("disputed") {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(StripeError::invalid(message).code("charge_disputed"));
    }
    if !charge.flag("paid") {
        let message = format!("Charge {id} was not paid, so there is nothing to refund.");
        return Err(StripeError::invalid(message));
    }
    if left == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(StripeError::invalid(message).code("charge_already_refunded"));
    }
    if cents < 1 {
        return Err(StripeError::invalid("Invalid positive integer").code("parameter_invalid_integer").param("amount"));
    }
    if cents > left {
        let dollars = |cents: i64| format!("${}.{:02}", cents / 100, cents % 100);
        let message = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            dollars(cents),
            dollars(left)
        );
        return Err(StripeError::invalid(message).param("amount"));
    }
    Ok(())
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(REFUND, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, REFUND, &page, |refund| {
        wanted.charge.as_deref().is_none_or(|charge| charge == refund.text("charge"))
            && wanted.payment_intent.as_deref().is_none_or(|intent| intent == refund.text("payment_intent"))
    })
}
