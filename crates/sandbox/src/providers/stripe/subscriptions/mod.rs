//! Subscriptions: of one price, which can be changed, paid period by period until they end.

mod change;
pub(super) mod renewal;
mod update;

use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use update::update;

use super::{
    books::Books,
    calendar::period_end,
    call::{Answer, Call},
    errors::StripeError,
    invoices::{self, Bill, line::Supply},
    listing::{Page, cut},
    object::{Fields, SUBSCRIPTION, SUBSCRIPTION_ITEM, part_list, shown},
};

/// What a checkout subscribes to.
pub(super) struct Opening<'a> {
    pub(super) customer: &'a str,
    pub(super) price: &'a Value,
    pub(super) quantity: i64,
    pub(super) metadata: Value,
    pub(super) payment_method: &'a str,
}

/// Opens a subscription and pays its first period. Returns its id and the invoice's.
pub(super) fn open(books: &mut Books, opening: Opening<'_>) -> (String, String) {
    let now = books.now;
    let mut subscription = SUBSCRIPTION.with(json!({
        "billing_cycle_anchor": now,
        "created": now,
        "customer": opening.customer,
        "default_payment_method": opening.payment_method,
        "metadata": opening.metadata,
        "start_date": now,
    }));
    let id = subscription.text("id").to_owned();
    let end = period_end(now, opening.price.text("recurring/interval"), now);
    let item = SUBSCRIPTION_ITEM.with(json!({
        "created": now,
        "current_period_start": now,
        "current_period_end": end,
        "price": shown(opening.price),
        "quantity": opening.quantity,
        "subscription": id,
    }));
    subscription.set("items", part_list(vec![item], &format!("/v1/subscription_items?subscription={id}")));
    let supply =
        Supply { subscription: &subscription, price: opening.price, quantity: opening.quantity, start: now, end };
    let line = supply.whole();
    let paid_line = line.text("id").to_owned();
    let bill =
        Bill { subscription: &subscription, reason: "subscription_create", lines: vec![line], start: now, end: now };
    let invoice = invoices::issue(books, bill);
    subscription.set("latest_invoice", invoice.as_str());
    subscription.set("_paid_line", paid_line);
    books.put(subscription.clone());
    books.emit("customer.subscription.created", &subscription, None);
    invoices::payment::pay(books, &invoice);
    (id, invoice)
}

/// The price of a subscription, with what the sandbox knows of it.
fn price_of(books: &Books, subscription: &Value) -> Value {
    books.get(subscription.text("items/data/0/price/id")).cloned().unwrap_or_default()
}

pub(super) fn set_status(books: &mut Books, id: &str, status: &str) {
    books.amend("customer.subscription.updated", id, |subscription| subscription.set("status", status));
}

/// Ends a subscription at once.
pub(super) fn end(books: &mut Books, id: &str, reason: Option<&str>) {
    let now = books.now;
    let ended = books.change(id, |subscription| {
        subscription.set("status", "canceled");
        subscription.set("ended_at", now);
        if subscription.at("canceled_at").is_null() {
            subscription.set("canceled_at", now);
        }
        if let Some(reason) = reason {
            subscription.set("cancellation_details/reason", reason);
        }
    });
    books.emit("customer.subscription.deleted", &ended, None);
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(SUBSCRIPTION, call.id())?.clone())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    customer: Option<String>,
    price: Option<String>,
    status: Option<String>,
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    let of_status = |status: &str| match wanted.status.as_deref() {
        // Those that have ended are shown only to who asks for them.
        None => status != "canceled",
        Some("all") => true,
        Some("ended") => matches!(status, "canceled" | "incomplete_expired"),
        Some(wanted) => wanted == status,
    };
    let is_wanted = |one: &&Value| {
        wanted.customer.as_deref().is_none_or(|customer| customer == one.text("customer"))
            && wanted.price.as_deref().is_none_or(|price| price == one.text("items/data/0/price/id"))
            && of_status(one.text("status"))
    };
    let all: Vec<&Value> = books.all(SUBSCRIPTION.name).rev().filter(is_wanted).collect();
    cut(&all, SUBSCRIPTION, &page)
}

pub(super) fn cancel(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    if books.find(SUBSCRIPTION, call.id())?.text("status") == "canceled" {
        return Err(StripeError::missing(SUBSCRIPTION.name, call.id()));
    }
    end(books, call.id(), Some("cancellation_requested"));
    Ok(books.find(SUBSCRIPTION, call.id())?.clone())
}
