//! Paying an invoice, and what it does to the subscription when that succeeds or fails.

use serde_json::{Value, json};

use crate::providers::stripe::{
    books::Books,
    object::{Fields, INVOICE_PAYMENT, part_list},
    payment_methods,
    payments::{self, Attempt},
    subscriptions,
};

const DAY_S: i64 = 24 * 60 * 60;
/// How long after each failed attempt the next is made. After the last the subscription ends.
const RETRIES_S: [i64; 3] = [3 * DAY_S, 5 * DAY_S, 7 * DAY_S];

/// Tries to pay an open invoice, and says whether it is paid then.
pub(in crate::providers::stripe) fn pay(books: &mut Books, id: &str) -> bool {
    let invoice = books.get(id).cloned().unwrap_or_default();
    if invoice.number("amount_due") == 0 {
        close(books, &invoice);
        return true;
    }
    let customer = books.get(invoice.text("customer")).cloned().unwrap_or_default();
    let subscription = subscription_of(books, &invoice);
    let method = payment_methods::for_invoice(books, &subscription, &customer);
    let declines = payment_methods::declines(books, method.as_deref(), customer.text("id"));
    let intent = intent_for(books, &invoice);
    payments::attempt(books, &intent, method.as_deref(), Attempt::by_card(declines));
    if declines {
        fail(books, &invoice);
    } else {
        close(books, &invoice);
    }
    !declines
}

fn subscription_of(books: &Books, invoice: &Value) -> Value {
    books.get(invoice.text("parent/subscription_details/subscription")).cloned().unwrap_or_default()
}

/// The payment of an invoice, which is one however often it is tried.
fn intent_for(books: &mut Books, invoice: &Value) -> String {
    if !invoice.text("_payment_intent").is_empty() {
        return invoice.text("_payment_intent").to_owned();
    }
    let description = match invoice.text("billing_reason") {
        "subscription_create" => "Subscription creation",
        _ => "Subscription update",
    };
    let intent = payments::open(
        books,
        json!({
            "amount": invoice.at("amount_due"), "customer": invoice.at("customer"), "description": description,
            "setup_future_usage": "off_session",
        }),
    );
    let payment = INVOICE_PAYMENT.with(json!({
        "amount_requested": invoice.at("amount_due"), "created": books.now, "invoice": invoice.at("id"),
        "payment/payment_intent": intent,
    }));
    let url = format!("/v1/invoice_payments?invoice={}", invoice.text("id"));
    let payments_list = part_list(vec![payment.at("id").clone()], &url);
    books.put(payment);
    books.change(invoice.text("id"), |invoice| {
        invoice.set("_payment_intent", intent.as_str());
        invoice.set("_payments", payments_list);
    });
    intent
}

fn close(books: &mut Books, invoice: &Value) {
    let now = books.now;
    let paid = books.change(invoice.text("id"), |invoice| {
        let due = invoice.number("amount_due");
        invoice.set("status", "paid");
        invoice.set("amount_paid", due);
        invoice.set("amount_remaining", 0);
        invoice.set("attempted", true);
        invoice.set("attempt_count", invoice.number("attempt_count") + i64::from(due > 0));
        invoice.set("auto_advance", false);
        invoice.set("next_payment_attempt", Value::Null);
        invoice.set("status_transitions/paid_at", now);
    });
    books.emit("invoice.paid", &paid, None);
    books.emit("invoice.payment_succeeded", &paid, None);
    if !paid.text("_payments/data/0").is_empty() {
        let payment = books.change(paid.text("_payments/data/0"), |payment| {
            payment.set("status", "paid");
            payment.set("amount_paid", payment.number("amount_requested"));
            payment.set("status_transitions/paid_at", now);
        });
        books.emit("invoice_payment.paid", &payment, None);
    }
    let subscription = subscription_of(books, &paid);
    if subscription.text("status") == "past_due" && !has_open_invoice(books, subscription.text("id")) {
        subscriptions::set_status(books, subscription.text("id"), "active");
    }
}

fn has_open_invoice(books: &Books, subscription: &str) -> bool {
    books.all("invoice").any(|invoice| {
        invoice.text("status") == "open" && invoice.text("parent/subscription_details/subscription") == subscription
    })
}

fn fail(books: &mut Books, invoice: &Value) {
    let now = books.now;
    let attempts = invoice.number("attempt_count") + 1;
    let wait_s = usize::try_from(attempts - 1).ok().and_then(|failed| RETRIES_S.get(failed));
    let failed = books.change(invoice.text("id"), |invoice| {
        invoice.set("attempted", true);
        invoice.set("attempt_count", attempts);
        invoice.set("next_payment_attempt", wait_s.map(|wait_s| now + wait_s));
    });
    books.emit("invoice.payment_failed", &failed, None);
    let subscription = subscription_of(books, invoice);
    match (wait_s, subscription.text("status")) {
        (None, _) => subscriptions::end(books, subscription.text("id"), Some("payment_failed")),
        (Some(_), "active") => {
            subscriptions::set_status(books, subscription.text("id"), "past_due");
        }
        _ => {}
    }
}
