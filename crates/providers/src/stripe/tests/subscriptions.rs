//! What events of subscriptions and their invoices say.

use std::slice;

use jiff::Timestamp;
use oslira_app::features::billing::{EventReading, Invoice, PaidLine, StripePrice, SubscriptionState};
use serde_json::{Value, json};

use super::{fixture, nothing, read_changed, unreadable};

const PRICE: &str = "price_1PgafmB7WZ01zgkW6dKueIc5";

const FIRST: i64 = 1_793_000_000;
const SECOND: i64 = 1_795_592_000;
const THIRD: i64 = 1_798_184_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn subscription(name: &str, changes: &[(&str, Value)]) -> SubscriptionState {
    match read_changed(name, changes) {
        EventReading::Subscription(state) => *state,
        other => panic!("{other:?}"),
    }
}

fn invoice(name: &str, changes: &[(&str, Value)]) -> Invoice {
    match read_changed(name, changes) {
        EventReading::InvoicePaid(invoice) => invoice,
        other => panic!("{other:?}"),
    }
}

/// As it is right after it was created.
fn active() -> SubscriptionState {
    SubscriptionState {
        id: "sub_Constructed01".to_owned(),
        customer_id: "cus_Constructed01".to_owned(),
        account_id: Some("00000000-0000-4000-8000-000000000001".parse().unwrap()),
        price: StripePrice { id: PRICE.to_owned(), lookup_key: None, unit_amount: Some(2000) },
        status: "active".to_owned(),
        anchor_at: at(FIRST),
        period_starts_at: at(FIRST),
        period_ends_at: at(SECOND),
        cancel_at: None,
        ended_at: None,
        observed_at: at(FIRST),
    }
}

fn line(starts: i64, ends: i64) -> PaidLine {
    PaidLine { price_id: PRICE.to_owned(), amount_cents: 2000, starts_at: at(starts), ends_at: at(ends) }
}

#[test]
fn a_subscription_is_told_as_it_was_when_the_event_was_created() {
    assert_eq!(subscription("customer.subscription.created", &[]), active());

    let renewed = SubscriptionState {
        period_starts_at: at(SECOND),
        period_ends_at: at(THIRD),
        observed_at: at(SECOND),
        ..active()
    };
    assert_eq!(subscription("customer.subscription.updated.renewal", &[]), renewed);
    for kind in ["paused", "resumed", "trial_will_end"] {
        let kind = json!(format!("customer.subscription.{kind}"));
        assert_eq!(subscription("customer.subscription.updated.renewal", &[("/type", kind)]), renewed);
    }
}

#[test]
fn a_deleted_subscription_has_ended() {
    let ended = SubscriptionState {
        status: "canceled".to_owned(),
        cancel_at: Some(at(SECOND)),
        ended_at: Some(at(SECOND)),
        observed_at: at(SECOND),
        ..active()
    };
    assert_eq!(subscription("customer.subscription.deleted", &[]), ended);
    let silent = [("/data/object/ended_at", Value::Null), ("/created", json!(SECOND + 9))];
    assert_eq!(subscription("customer.subscription.deleted", &silent).ended_at, Some(at(SECOND + 9)));
}

#[test]
fn a_subscription_ends_when_that_is_decided_or_with_its_period() {
    let end = |changes: &[(&str, Value)]| subscription("customer.subscription.created", changes).cancel_at;
    let (with_period, on_a_day) =
        (("/data/object/cancel_at_period_end", json!(true)), ("/data/object/cancel_at", json!(FIRST + 5)));
    assert_eq!(end(&[]), None);
    assert_eq!(end(slice::from_ref(&with_period)), Some(at(SECOND)));
    assert_eq!(end(slice::from_ref(&on_a_day)), Some(at(FIRST + 5)));
    assert_eq!(end(&[with_period, on_a_day]), Some(at(FIRST + 5)));
}

#[test]
fn an_account_that_is_no_uuid_is_none() {
    for metadata in [json!({}), Value::Null, json!({"account_id": "x"}), json!({"account_id": 5}), json!([])] {
        let state = subscription("customer.subscription.created", &[("/data/object/metadata", metadata)]);
        assert_eq!(state.account_id, None);
    }
}

#[test]
fn a_price_in_other_money_has_no_amount() {
    let price = "/data/object/items/data/0/price";
    let changes = [(format!("{price}/currency"), json!("eur")), (format!("{price}/lookup_key"), json!("pro_month"))];
    let changes = changes.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    let expected = StripePrice { id: PRICE.to_owned(), lookup_key: Some("pro_month".to_owned()), unit_amount: None };
    assert_eq!(subscription("customer.subscription.created", &changes).price, expected);
}

#[test]
fn a_subscription_that_is_not_of_one_item_is_none_of_ours() {
    let item = fixture("customer.subscription.created").pointer("/data/object/items/data/0").unwrap().clone();
    for (items, has_more) in [(json!([]), false), (json!([item, item]), false), (json!([item]), true)] {
        let changes = [("/data/object/items/data", items), ("/data/object/items/has_more", json!(has_more))];
        let why = nothing("customer.subscription.updated.renewal", &changes);
        assert_eq!(why, "the subscription has no item or several, and ours have one");
    }
}

#[test]
fn a_paid_invoice_tells_which_months_were_paid() {
    let expected = Invoice {
        id: "in_Constructed01".to_owned(),
        subscription_id: "sub_Constructed01".to_owned(),
        amount_cents: 2000,
        payment_intent_id: None,
        lines: vec![line(FIRST, SECOND)],
        has_more_lines: false,
    };
    assert_eq!(invoice("invoice.paid", &[]), expected);
    let cycle = Invoice { id: "in_Constructed02".to_owned(), lines: vec![line(SECOND, THIRD)], ..expected.clone() };
    assert_eq!(invoice("invoice.paid.cycle", &[]), cycle);
    assert!(invoice("invoice.paid", &[("/data/object/lines/has_more", json!(true))]).has_more_lines);

    let failed = Invoice { id: "in_Constructed03".to_owned(), ..expected };
    assert_eq!(read_changed("invoice.payment_failed", &[]), EventReading::InvoiceFailed(failed));
}

#[test]
fn all_lines_for_time_of_the_subscription_count_and_no_others() {
    let whole = fixture("invoice.paid").pointer("/data/object/lines/data/0").unwrap().clone();
    let with_parent = |parent: Value| {
        let mut line = whole.clone();
        line["parent"] = parent;
        line["amount"] = json!(-700);
        line
    };
    let item = |proration: bool, subscription: Value| {
        let details = json!({"invoice_item": "ii_1", "proration": proration, "subscription": subscription});
        with_parent(json!({"type": "invoice_item_details", "invoice_item_details": details}))
    };
    let back = with_parent(json!({"type": "subscription_item_details", "subscription_item_details": {
        "invoice_item": null, "proration": true, "subscription": "sub_Constructed01", "subscription_item": "si_1"}}));
    let lines = json!([
        whole,
        back,
        item(true, json!("sub_Constructed01")),
        item(false, json!("sub_Constructed01")),
        item(true, Value::Null),
        with_parent(Value::Null),
        with_parent(json!({"type": "something_new"})),
    ]);
    let given_back = PaidLine { amount_cents: -700, ..line(FIRST, SECOND) };
    let read = invoice("invoice.paid", &[("/data/object/lines/data", lines)]);
    assert_eq!(read.lines, [line(FIRST, SECOND), given_back.clone(), given_back]);

    let strange = json!([item(true, json!("sub_Other"))]);
    let why = unreadable("invoice.paid", &[("/data/object/lines/data", strange)]);
    assert_eq!(why, "a line is of another subscription than the invoice");
}

#[test]
fn an_invoice_that_pays_for_no_subscription_grants_nothing() {
    let parent = "/data/object/parent";
    for name in ["invoice.paid", "invoice.payment_failed"] {
        for other in [Value::Null, json!({"type": "quote_details", "quote_details": {"quote": "qt_1"}})] {
            assert_eq!(nothing(name, &[(parent, other)]), "the invoice is of no subscription");
        }
        let by_hand = [("/data/object/billing_reason", json!("manual"))];
        assert_eq!(nothing(name, &by_hand), "the invoice was made by hand");
    }
    let twin = [("/type", json!("invoice.payment_succeeded"))];
    assert_eq!(nothing("invoice.paid", &twin), "invoice.paid tells of it");
}
