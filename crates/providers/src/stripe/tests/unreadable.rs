//! Events of no concern, of other shapes, and in other money.

use oslira_app::features::billing::EventReading;
use serde_json::{Value, json};

use super::{super::reading, NAMES, REMOVED, unreadable};

const FIRST: i64 = 1_793_000_000;
const SECOND: i64 = 1_795_592_000;

#[test]
fn other_types_concern_no_credits_whatever_their_version_and_shape() {
    for kind in ["product.created", "invoice.created", "charge.succeeded", "charge.dispute", "price.updated", "x"] {
        let payload = json!({"type": kind, "api_version": null}).to_string();
        assert_eq!(reading::of(&payload), EventReading::Nothing("nothing that concerns credits".to_owned()));
    }
}

#[test]
fn another_api_version_is_not_read() {
    for name in NAMES {
        for (version, note) in [
            (json!("2020-03-02"), "api version 2020-03-02"),
            (json!("2026-09-30.dahlia"), "api version 2026-09-30.dahlia"),
            (json!("2026-10-28.endive "), "api version unknown"),
            (Value::Null, "api version unknown"),
        ] {
            assert_eq!(unreadable(name, &[("/api_version", version)]), note);
        }
    }
}

#[test]
fn shapes_of_before_march_2025_are_not_guessed_at() {
    let item = "/data/object/items/data/0";
    let old_subscription = [
        (format!("{item}/current_period_start"), json!(REMOVED)),
        ("/data/object/current_period_start".to_owned(), json!(FIRST)),
        ("/data/object/current_period_end".to_owned(), json!(SECOND)),
    ];
    let old_subscription = old_subscription.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    let why = "data.object.items.data.0.current_period_start is missing or not what it must be";
    assert_eq!(unreadable("customer.subscription.created", &old_subscription), why);

    let old_invoice =
        [("/data/object/parent", json!(REMOVED)), ("/data/object/subscription", json!("sub_Constructed01"))];
    let why = "data.object.parent is missing or not what it must be";
    assert_eq!(unreadable("invoice.paid", &old_invoice), why);
}

#[test]
fn what_is_missing_is_named_by_its_path_and_never_shown() {
    let line = "/data/object/lines/data/0";
    for (name, pointer, value) in [
        ("invoice.paid", "/data/object/amount_paid", json!("12secret")),
        ("invoice.paid", "/data/object/amount_paid", json!(12.5)),
        ("invoice.paid", "/data/object/lines", json!(["secret"])),
        ("invoice.paid", &format!("{line}/pricing"), Value::Null),
        ("invoice.paid", &format!("{line}/pricing/price_details/price"), json!({"id": "secret"})),
        ("invoice.paid", &format!("{line}/period/end"), json!(FIRST - 1)),
        ("invoice.paid", &format!("{line}/period/start"), json!(-1)),
        ("invoice.paid", line, json!("secret")),
        ("invoice.payment_failed", "/data/object/amount_remaining", json!(REMOVED)),
        ("customer.subscription.created", "/data/object/customer", json!("")),
        ("customer.subscription.created", "/data/object/customer", json!("secret\u{0}")),
        ("customer.subscription.created", "/data/object/id", json!("s".repeat(256))),
        ("customer.subscription.created", "/data/object/cancel_at", json!(REMOVED)),
        ("customer.subscription.created", "/data/object/billing_cycle_anchor", json!(i64::MAX)),
        ("checkout.session.completed.payment", "/data/object/amount_total", Value::Null),
        ("checkout.session.completed.payment", "/data/object/payment_status", json!("secret")),
        ("checkout.session.completed.payment", "/data/object/payment_intent", json!({"id": "secret"})),
        ("charge.refunded.partial", "/data/object/amount_refunded", json!(REMOVED)),
        ("charge.refunded.partial", "/data/object", json!("secret")),
        ("charge.refunded.partial", "/created", json!("secret")),
    ] {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        assert_eq!(unreadable(name, &[(pointer, value)]), format!("{path} is missing or not what it must be"));
    }
    for payload in ["", "{", "\u{feff}{}", "secret"] {
        assert_eq!(reading::of(payload), EventReading::Unreadable("the event is not JSON".to_owned()));
    }
    let no_event = EventReading::Unreadable("type is missing or not what it must be".to_owned());
    assert!(["[]", "{}", "null", r#"{"type":5}"#].iter().all(|payload| reading::of(payload) == no_event));
}

#[test]
fn other_money_grants_nothing() {
    for (name, pointer) in [
        ("invoice.paid", "/data/object/currency"),
        ("invoice.paid", "/data/object/lines/data/0/currency"),
        ("checkout.session.completed.payment", "/data/object/currency"),
        ("checkout.session.async_payment_succeeded", "/data/object/currency"),
    ] {
        assert_eq!(unreadable(name, &[(pointer, json!("eur"))]), "currency eur");
        assert_eq!(unreadable(name, &[(pointer, json!("not a word"))]), "currency unknown");
    }
}
