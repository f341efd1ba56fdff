//! Disputes: a bank takes a payment back, until it is decided whose the money is.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::{Answer, Call},
    charges::Which,
    errors::StripeError,
    listing::{Page, list},
    object::{DISPUTE, Fields},
    payments,
};

const ANSWER_S: i64 = 9 * 24 * 60 * 60;
const FEE_CENTS: i64 = 1_500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    charge: Option<String>,
    payment_intent: Option<String>,
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Won,
    Lost,
}

/// A bank disputes a payment, in whole unless an amount is given, and takes the money.
pub(super) fn open(books: &mut Books, which: &Which, cents: Option<i64>, reason: &str) -> Answer {
    let charge = which.find(books)?;
    if !charge.flag("paid") || charge.flag("disputed") {
        return Err(StripeError::invalid(format!("Charge {} cannot be disputed.", charge.text("id"))));
    }
    let cents = cents.unwrap_or(charge.number("amount"));
    let mut dispute = DISPUTE.with(json!({
        "amount": cents,
        "charge": charge.at("id"),
        "created": books.now,
        "evidence_details/due_by": books.now + ANSWER_S,
        "payment_intent": charge.at("payment_intent"),
        "reason": reason,
    }));
    let withdrawal = payments::adjustment(books, dispute.text("id"), -cents, FEE_CENTS);
    dispute.set("balance_transactions", vec![withdrawal]);
    books.put(dispute.clone());
    books.change(charge.text("id"), |charge| charge.set("disputed", true));
    books.emit("charge.dispute.created", &dispute, None);
    books.emit("charge.dispute.funds_withdrawn", &dispute, None);
    Ok(dispute)
}

/// The bank decides. Who wins gets the money back.
pub(super) fn close(books: &mut Books, id: &str, verdict: Verdict) -> Answer {
    let dispute = books.find(DISPUTE, id)?;
    if dispute.text("status") != "needs_response" {
        return Err(StripeError::invalid(format!("Dispute {id} is already closed.")));
    }
    let return_of_funds = payments::adjustment(books, id, dispute.number("amount"), 0);
    let dispute = books.change(id, |dispute| match verdict {
        Verdict::Lost => dispute.set("status", "lost"),
        Verdict::Won => {
            dispute.set("status", "won");
            let transactions: Vec<Value> =
                dispute.list("balance_transactions").iter().cloned().chain([return_of_funds]).collect();
            dispute.set("balance_transactions", transactions);
        }
    });
    books.emit("charge.dispute.closed", &dispute, Some(json!({"status": "needs_response"})));
    if verdict == Verdict::Won {
        books.emit("charge.dispute.funds_reinstated", &dispute, None);
    }
    Ok(dispute)
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(DISPUTE, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, DISPUTE, &page, |dispute| {
        wanted.charge.as_deref().is_none_or(|charge| charge == dispute.text("charge"))
            && wanted.payment_intent.as_deref().is_none_or(|intent| intent == dispute.text("payment_intent"))
    })
}
