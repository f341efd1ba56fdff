//! `POST /v1/subscriptions/{id}`.

use serde::Deserialize;
use serde_json::Value;

use super::{
    change::{Plan, Proration, plan},
    price_of,
};
use crate::providers::stripe::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    form::{Flag, Metadata, Whole},
    invoices::{self, Bill},
    object::{Fields, PRICE, SUBSCRIPTION, shown},
    payment_methods,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    proration_behavior: Proration,
    #[serde(default)]
    payment_behavior: PaymentBehavior,
    billing_cycle_anchor: Option<Anchor>,
    cancel_at_period_end: Option<Flag>,
    default_payment_method: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    /// Nobody is asked to confirm a payment here, wherever they are.
    #[serde(rename = "off_session")]
    _off_session: Option<Flag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: Option<String>,
    price: Option<String>,
    quantity: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Anchor {
    Now,
    Unchanged,
}

/// What becomes of a change that can't be paid.
#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaymentBehavior {
    /// It is made, and the subscription is past due.
    #[default]
    AllowIncomplete,
    /// It is not made.
    ErrorIfIncomplete,
}

pub(in crate::providers::stripe) fn update(books: &mut Books, call: &Call) -> Answer {
    let asked: Update = call.read()?;
    let subscription = books.find(SUBSCRIPTION, call.id())?.clone();
    if subscription.text("status") == "canceled" {
        let message = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(StripeError::invalid(message));
    }
    if let Some(method) = &asked.default_payment_method {
        payment_methods::of_customer(books, method, subscription.text("customer"))?;
    }
    let (price, quantity) = wanted(books, &subscription, &asked.items)?;
    let anew = matches!(asked.billing_cycle_anchor, Some(Anchor::Now));
    let differs = price.text("id") != subscription.text("items/data/0/price/id")
        || quantity != subscription.number("items/data/0/quantity");
    let plan = (anew || differs).then(|| plan(books, &subscription, &price, quantity, asked.proration_behavior, anew));
    if let Some(plan) = plan.as_ref().filter(|_| asked.payment_behavior == PaymentBehavior::ErrorIfIncomplete) {
        affordable(books, &subscription, plan)?;
    }
    let invoice = plan.as_ref().filter(|plan| plan.at_once).map(|plan| invoice(books, &subscription, plan));
    let now = books.now;
    books.amend("customer.subscription.updated", call.id(), |subscription| {
        if let Some(plan) = plan {
            subscription.set("items/data/0/price", shown(&price));
            subscription.set("items/data/0/quantity", quantity);
            adopt(subscription, plan, now);
        }
        if let Some(invoice) = &invoice {
            subscription.set("latest_invoice", invoice.as_str());
        }
        if let Some(Flag(cancels)) = asked.cancel_at_period_end {
            cancel_at_period_end(subscription, cancels, now);
        }
        if let Some(method) = asked.default_payment_method {
            subscription.set("default_payment_method", method);
        }
        let metadata = asked.metadata.over(subscription.at("metadata"));
        subscription.set("metadata", metadata);
    });
    if let Some(invoice) = &invoice {
        invoices::payment::pay(books, invoice);
    }
    Ok(books.find(SUBSCRIPTION, call.id())?.clone())
}

/// The price that the subscription shall have, and how many of it.
fn wanted(books: &Books, subscription: &Value, items: &[Item]) -> Result<(Value, i64), StripeError> {
    let quantity = subscription.number("items/data/0/quantity");
    let [item] = items else {
        return match items {
            [] => Ok((price_of(books, subscription), quantity)),
            _ => Err(StripeError::invalid("A subscription of the sandbox has one item.").param("items")),
        };
    };
    if item.id.as_deref() != Some(subscription.text("items/data/0/id")) {
        let message = "The sandbox adds no items to a subscription: name the one that it has by its id.";
        return Err(StripeError::invalid(message).param("items[0][id]"));
    }
    let price = item
        .price
        .as_deref()
        .map_or_else(|| Ok(price_of(books, subscription)), |price| books.find(PRICE, price).cloned())?;
    if price.text("type") != "recurring" {
        let message = format!(
            "The price specified is set to `type=one_time` but this field only accepts prices with \
             `type=recurring`: {}",
            price.text("id")
        );
        return Err(StripeError::invalid(message).param("items[0][price]"));
    }
    Ok((price, item.quantity.map_or(quantity, |Whole(quantity)| quantity)))
}

/// An error if the change is to be paid at once and the card is refused.
fn affordable(books: &Books, subscription: &Value, plan: &Plan) -> Result<(), StripeError> {
    let customer = books.get(subscription.text("customer")).cloned().unwrap_or_default();
    let due: i64 = plan.lines.iter().map(|line| line.number("amount")).sum::<i64>() + customer.number("balance");
    let method = payment_methods::for_invoice(books, subscription, &customer);
    if plan.at_once && due > 0 && payment_methods::declines(books, method.as_deref(), customer.text("id")) {
        return Err(StripeError::declined(&Value::Null));
    }
    Ok(())
}

fn invoice(books: &mut Books, subscription: &Value, plan: &Plan) -> String {
    let (lines, now) = (plan.lines.clone(), books.now);
    invoices::issue(books, Bill { subscription, reason: "subscription_update", lines, start: now, end: now })
}

fn adopt(subscription: &mut Value, plan: Plan, now: i64) {
    subscription.set("items/data/0/current_period_start", plan.start);
    subscription.set("items/data/0/current_period_end", plan.end);
    if plan.restarts {
        subscription.set("billing_cycle_anchor", now);
        subscription.set("_pending_lines", Value::Null);
    } else if !plan.at_once && !plan.lines.is_empty() {
        let pending: Vec<Value> =
            subscription.list("_pending_lines").iter().cloned().chain(plan.lines.clone()).collect();
        subscription.set("_pending_lines", pending);
    }
    // What a later change gives back is what was paid last.
    let paid_line = plan.lines.last().filter(|_| plan.at_once).map(|line| line.text("id"));
    if let Some(paid_line) = paid_line {
        subscription.set("_paid_line", paid_line);
    }
}

fn cancel_at_period_end(subscription: &mut Value, cancels: bool, now: i64) {
    let end = subscription.at("items/data/0/current_period_end").clone();
    let (cancel_at, canceled_at, reason) = match cancels {
        true => (end, now.into(), "cancellation_requested".into()),
        false => (Value::Null, Value::Null, Value::Null),
    };
    subscription.set("cancel_at_period_end", cancels);
    subscription.set("cancel_at", cancel_at);
    subscription.set("canceled_at", canceled_at);
    subscription.set("cancellation_details/reason", reason);
}
