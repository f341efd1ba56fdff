//! The end of a period: the next one begins, or the subscription ends.

use serde_json::Value;

use super::{end, price_of};
use crate::providers::stripe::{
    books::Books,
    calendar::period_end,
    invoices::{self, Bill, line::Supply},
    object::Fields,
};

pub(in crate::providers::stripe) fn end_period(books: &mut Books, id: &str) {
    let subscription = books.get(id).cloned().unwrap_or_default();
    if subscription.flag("cancel_at_period_end") {
        end(books, id, None);
        return;
    }
    let price = price_of(books, &subscription);
    let (earlier, start) = (
        subscription.number("items/data/0/current_period_start"),
        subscription.number("items/data/0/current_period_end"),
    );
    let end = period_end(subscription.number("billing_cycle_anchor"), price.text("recurring/interval"), start);
    let quantity = subscription.number("items/data/0/quantity");
    let whole = Supply { subscription: &subscription, price: &price, quantity, start, end }.whole();
    let paid_line = whole.text("id").to_owned();
    let lines: Vec<Value> = subscription.list("_pending_lines").iter().cloned().chain([whole]).collect();
    let bill = Bill { subscription: &subscription, reason: "subscription_cycle", lines, start: earlier, end: start };
    let invoice = invoices::issue(books, bill);
    books.amend("customer.subscription.updated", id, |subscription| {
        subscription.set("items/data/0/current_period_start", start);
        subscription.set("items/data/0/current_period_end", end);
        subscription.set("latest_invoice", invoice.as_str());
        subscription.set("_paid_line", paid_line);
        subscription.set("_pending_lines", Value::Null);
    });
    invoices::payment::pay(books, &invoice);
}
