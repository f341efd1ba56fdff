//! Payments: an intent, and a charge for each attempt to pay it.

use serde_json::{Value, json};

use super::{
    books::Books,
    object::{BALANCE_TRANSACTION, CHARGE, Fields, PAYMENT_INTENT, fresh_id},
};

/// How an attempt to pay ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    Succeeds,
    Declines,
    /// The bank says later, as with a bank transfer.
    Pending,
}

impl Attempt {
    pub(super) fn by_card(declines: bool) -> Self {
        if declines { Self::Declines } else { Self::Succeeds }
    }
}

/// Opens an intent with these fields.
pub(super) fn open(books: &mut Books, fields: Value) -> String {
    let mut intent = PAYMENT_INTENT.with(fields);
    let id = intent.text("id").to_owned();
    intent.set("created", books.now);
    intent.set("client_secret", fresh_id(&format!("{id}_secret_")));
    books.put(intent.clone());
    books.emit("payment_intent.created", &intent, None);
    id
}

/// Tries to pay an intent with a payment method.
pub(super) fn attempt(books: &mut Books, intent: &str, method: Option<&str>, attempt: Attempt) -> Value {
    let charge = charge(books, intent, method, attempt);
    conclude(books, intent, &charge, attempt)
}

/// Ends an attempt that was pending.
pub(super) fn settle(books: &mut Books, intent: &str, succeeds: bool) -> Value {
    let charge = books.get(intent).map(|intent| intent.text("latest_charge").to_owned()).unwrap_or_default();
    let attempt = Attempt::by_card(!succeeds);
    let charge = books.change(&charge, |charge| judge(charge, attempt));
    tell_of_charge(books, &charge, attempt);
    conclude(books, intent, &charge, attempt)
}

fn charge(books: &mut Books, intent: &str, method: Option<&str>, attempt: Attempt) -> Value {
    let intent = books.get(intent).cloned().unwrap_or_default();
    let mut charge = CHARGE.with(json!({
        "amount": intent.at("amount"),
        "created": books.now,
        "currency": intent.at("currency"),
        "customer": intent.at("customer"),
        "description": intent.at("description"),
        "metadata": intent.at("metadata"),
        "payment_intent": intent.at("id"),
        "payment_method": method,
    }));
    judge(&mut charge, attempt);
    books.put(charge.clone());
    tell_of_charge(books, &charge, attempt);
    charge
}

fn judge(charge: &mut Value, attempt: Attempt) {
    let paid = attempt == Attempt::Succeeds;
    charge.set("captured", attempt != Attempt::Declines);
    charge.set("paid", paid);
    charge.set("amount_captured", if paid { charge.number("amount") } else { 0 });
    match attempt {
        Attempt::Succeeds => {
            charge.set("status", "succeeded");
            charge.set("balance_transaction", fresh_id("txn_"));
            charge.set("receipt_url", format!("https://pay.stripe.com/receipts/{}", charge.text("id")));
        }
        Attempt::Pending => charge.set("status", "pending"),
        Attempt::Declines => {
            charge.set("status", "failed");
            charge.set("failure_code", "card_declined");
            charge.set("failure_message", "Your card was declined.");
            charge.set(
                "outcome",
                json!({
                    "advice_code": "try_again_later", "network_advice_code": null, "network_decline_code": null,
                    "network_status": "declined_by_network", "reason": "generic_decline", "risk_level": "normal",
                    "seller_message": "The bank did not return any further details with this decline.",
                    "type": "issuer_declined",
                }),
            );
        }
    }
}

fn tell_of_charge(books: &mut Books, charge: &Value, attempt: Attempt) {
    let kind = match attempt {
        Attempt::Succeeds => "charge.succeeded",
        Attempt::Declines => "charge.failed",
        Attempt::Pending => "charge.pending",
    };
    books.emit(kind, charge, None);
}

fn conclude(books: &mut Books, intent: &str, charge: &Value, attempt: Attempt) -> Value {
    let method = books.get(charge.text("payment_method")).map(super::object::shown);
    let intent = books.change(intent, |intent| {
        intent.set("latest_charge", charge.text("id"));
        intent.set("payment_method", charge.at("payment_method").clone());
        match attempt {
            Attempt::Succeeds => {
                intent.set("status", "succeeded");
                intent.set("amount_received", intent.number("amount"));
                intent.set("last_payment_error", Value::Null);
            }
            Attempt::Pending => intent.set("status", "processing"),
            Attempt::Declines => {
                intent.set("status", "requires_payment_method");
                intent.set("payment_method", Value::Null);
                intent.set(
                    "last_payment_error",
                    json!({
                        "charge": charge.at("id"), "code": "card_declined", "decline_code": "generic_decline",
                        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
                        "message": "Your card was declined.", "payment_method": method, "type": "card_error",
                    }),
                );
            }
        }
    });
    let kind = match attempt {
        Attempt::Succeeds => "payment_intent.succeeded",
        Attempt::Declines => "payment_intent.payment_failed",
        Attempt::Pending => "payment_intent.processing",
    };
    books.emit(kind, &intent, None);
    intent
}

/// Money that is withdrawn (below 0) or given back because of a dispute.
pub(super) fn adjustment(books: &Books, dispute: &str, amount: i64, fee: i64) -> Value {
    BALANCE_TRANSACTION.with(json!({
        "amount": amount, "fee": fee, "net": amount - fee, "created": books.now, "available_on": books.now,
        "source": dispute,
    }))
}
