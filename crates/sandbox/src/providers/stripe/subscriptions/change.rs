//! Another price in the middle of a period: what is given back, what is to be paid, and when.

use serde::Deserialize;
use serde_json::Value;

use super::price_of;
use crate::providers::stripe::{books::Books, calendar::period_end, invoices::line::Supply, object::Fields};

/// What becomes of the difference for the rest of the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Proration {
    /// It stands on an invoice of its own.
    AlwaysInvoice,
    /// It stands on the next invoice.
    #[default]
    CreateProrations,
    None,
}

/// What a change of the price comes to.
pub(super) struct Plan {
    pub(super) lines: Vec<Value>,
    /// Whether the lines are invoiced at once.
    pub(super) at_once: bool,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Whether a new period begins now, from which all later ones are counted.
    pub(super) restarts: bool,
}

/// Plans the change to so many of a price. Another interval, or a wish for it, makes a new period begin.
pub(super) fn plan(
    books: &Books,
    subscription: &Value,
    price: &Value,
    quantity: i64,
    proration: Proration,
    anew: bool,
) -> Plan {
    let now = books.now;
    let former = price_of(books, subscription);
    let start = subscription.number("items/data/0/current_period_start");
    let end = subscription.number("items/data/0/current_period_end");
    let former_quantity = subscription.number("items/data/0/quantity");
    let unused = Supply { subscription, price: &former, quantity: former_quantity, start, end }.unused_after(now);
    let interval = price.text("recurring/interval");
    if anew || interval != former.text("recurring/interval") {
        let end = period_end(now, interval, now);
        let whole = Supply { subscription, price, quantity, start: now, end }.whole();
        let given_back = (proration != Proration::None).then_some(unused);
        let pending = subscription.list("_pending_lines").iter().cloned();
        let lines = pending.chain(given_back).chain([whole]).collect();
        return Plan { lines, at_once: true, start: now, end, restarts: true };
    }
    let remaining = Supply { subscription, price, quantity, start, end }.remaining_after(now);
    let lines = if proration == Proration::None { vec![] } else { vec![unused, remaining] };
    let at_once = proration == Proration::AlwaysInvoice;
    Plan { lines, at_once, start, end, restarts: false }
}
