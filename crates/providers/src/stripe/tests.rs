//! Events as Stripe sends them (`fixtures/stripe`), its API behind a double, and headers that Stripe's own library made.

mod api;
mod charges;
mod delivery;
mod errors;
mod properties;
mod purchases;
mod subscriptions;
mod unreadable;

use oslira_app::features::billing::EventReading;
use serde_json::Value;

const NAMES: [&str; 10] = [
    "charge.refunded.partial",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed.payment",
    "checkout.session.completed.payment_unpaid_async",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.updated.renewal",
    "invoice.paid",
    "invoice.paid.cycle",
    "invoice.payment_failed",
];

fn fixture(name: &str) -> Value {
    let path = format!("{}/fixtures/stripe/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What the event says, once these of its fields are changed; null stands for null, `REMOVED` for a field that is gone.
fn read_changed(name: &str, changes: &[(&str, Value)]) -> EventReading {
    let mut event = fixture(name);
    for (pointer, value) in changes {
        change(&mut event, pointer, value.clone());
    }
    super::reading::of(&event.to_string())
}

const REMOVED: &str = "(removed)";

fn change(event: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match event.pointer_mut(parent).unwrap() {
        Value::Object(fields) if value == REMOVED => drop(fields.remove(name).unwrap()),
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(entries) => entries[name.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer}: {other}"),
    }
}

/// Why there is nothing to be done.
fn nothing(name: &str, changes: &[(&str, Value)]) -> String {
    match read_changed(name, changes) {
        EventReading::Nothing(why) => why,
        other => panic!("{other:?}"),
    }
}

fn unreadable(name: &str, changes: &[(&str, Value)]) -> String {
    match read_changed(name, changes) {
        EventReading::Unreadable(why) => why,
        other => panic!("{other:?}"),
    }
}
