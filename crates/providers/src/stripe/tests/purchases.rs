//! What events of checkouts, charges, refunds and disputes say.

use oslira_app::features::billing::{Dispute, Disputed, EventReading, PurchasePaid, Refunded};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{nothing, read_changed};

const PURCHASE: &str = "00000000-0000-4000-8000-0000000000aa";

fn purchase() -> Uuid {
    PURCHASE.parse().unwrap()
}

fn of_purchase() -> (&'static str, Value) {
    ("/data/object/metadata", json!({"purchase_id": PURCHASE}))
}

#[test]
fn a_checkout_that_is_paid_is_a_purchase() {
    let paid = |purchase_id, number: u8, amount_cents| {
        let payment_intent_id = Some(format!("pi_Constructed0{number}"));
        EventReading::PurchasePaid(PurchasePaid { purchase_id, payment_intent_id, amount_cents })
    };
    let completed = "checkout.session.completed.payment";
    assert_eq!(read_changed(completed, &[]), paid(None, 2, 2000));
    assert_eq!(read_changed(completed, &[of_purchase()]), paid(Some(purchase()), 2, 2000));
    let later = "checkout.session.async_payment_succeeded";
    assert_eq!(read_changed(later, &[of_purchase()]), paid(Some(purchase()), 3, 2000));

    let free = [
        of_purchase(),
        ("/data/object/payment_status", json!("no_payment_required")),
        ("/data/object/payment_intent", Value::Null),
        ("/data/object/amount_total", json!(0)),
    ];
    let nothing_paid = PurchasePaid { purchase_id: Some(purchase()), payment_intent_id: None, amount_cents: 0 };
    assert_eq!(read_changed(completed, &free), EventReading::PurchasePaid(nothing_paid));
}

#[test]
fn a_checkout_that_is_not_paid_yet_waits() {
    let waiting = "checkout.session.completed.payment_unpaid_async";
    assert_eq!(nothing(waiting, &[of_purchase()]), "waits for the payment");
    for mode in ["subscription", "setup"] {
        let why = nothing("checkout.session.completed.payment", &[("/data/object/mode", json!(mode))]);
        assert_eq!(why, "events of the subscription and its invoices tell of it");
    }
}

#[test]
fn a_checkout_that_comes_to_nothing_ends_its_purchase() {
    let name = "checkout.session.completed.payment_unpaid_async";
    for kind in ["checkout.session.expired", "checkout.session.async_payment_failed"] {
        let kind = ("/type", json!(kind));
        let failed = read_changed(name, &[kind.clone(), of_purchase()]);
        assert_eq!(failed, EventReading::PurchaseFailed(purchase()));
        let subscribes = ("/data/object/mode", json!("subscription"));
        for changes in [vec![kind.clone()], vec![kind, of_purchase(), subscribes]] {
            assert_eq!(nothing(name, &changes), "the checkout is of no purchase");
        }
    }
}

#[test]
fn of_payments_only_the_automatic_ones_are_read() {
    let event = |kind: &str, metadata: Value| {
        let object = json!({"id": "pi_1", "object": "payment_intent", "amount_received": 4900, "currency": "usd", "metadata": metadata});
        let changes = [("/type", json!(kind)), ("/data/object", object)];
        read_changed("charge.refunded.partial", &changes)
    };
    let automatic = json!({"purchase_id": PURCHASE, "origin": "auto_top_up"});
    let paid =
        PurchasePaid { purchase_id: Some(purchase()), payment_intent_id: Some("pi_1".to_owned()), amount_cents: 4900 };
    assert_eq!(event("payment_intent.succeeded", automatic.clone()), EventReading::PurchasePaid(paid));
    assert_eq!(event("payment_intent.payment_failed", automatic), EventReading::PurchaseFailed(purchase()));
    for metadata in [json!({}), json!({"purchase_id": PURCHASE}), json!({"origin": "auto_top_up"})] {
        for kind in ["payment_intent.succeeded", "payment_intent.payment_failed"] {
            let expected = EventReading::Nothing("its checkout or invoice tells of it".to_owned());
            assert_eq!(event(kind, metadata.clone()), expected);
        }
    }
}

#[test]
fn a_refund_tells_all_that_went_back_so_far() {
    let name = "charge.refunded.partial";
    let refunded = |purchase_id, payment_intent: Option<&str>, refunded_cents| {
        let payment_intent_id = payment_intent.map(str::to_owned);
        EventReading::Refunded(Refunded { payment_intent_id, purchase_id, refunded_cents })
    };
    assert_eq!(read_changed(name, &[]), refunded(None, Some("pi_Constructed02"), 500));
    let changes =
        [of_purchase(), ("/data/object/amount_refunded", json!(1500)), ("/data/object/payment_intent", Value::Null)];
    assert_eq!(read_changed(name, &changes), refunded(Some(purchase()), None, 1500));
    for kind in ["refund.created", "refund.updated"] {
        assert_eq!(nothing(name, &[("/type", json!(kind))]), "charge.refunded tells of it");
    }
    let failed = nothing(name, &[("/type", json!("refund.failed"))]);
    assert_eq!(failed, "a refund failed: an operator grants its credits again");
}

#[test]
fn a_dispute_holds_the_money_until_it_is_won() {
    let event = |kind: &str, status: &str| {
        let dispute =
            json!({"id": "dp_1", "object": "dispute", "amount": 2000, "payment_intent": "pi_1", "status": status});
        read_changed("charge.refunded.partial", &[("/type", json!(kind)), ("/data/object", dispute)])
    };
    let disputed = |status| {
        let (dispute_id, payment_intent_id) = ("dp_1".to_owned(), Some("pi_1".to_owned()));
        EventReading::Disputed(Disputed { dispute_id, payment_intent_id, amount_cents: 2000, status })
    };
    // Every status of npm stripe 23.1.0.
    for (status, expected) in [
        ("needs_response", Some(Dispute::Open)),
        ("under_review", Some(Dispute::Open)),
        ("appeal_needs_response", Some(Dispute::Open)),
        ("appeal_under_review", Some(Dispute::Open)),
        ("won", Some(Dispute::Won)),
        ("prevented", Some(Dispute::Won)),
        ("lost", Some(Dispute::Lost)),
        ("warning_needs_response", None),
        ("warning_under_review", None),
        ("warning_closed", None),
    ] {
        for kind in ["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"] {
            assert_eq!(event(&format!("charge.dispute.{kind}"), status), disputed(expected), "{kind} {status}");
        }
    }
    let why = "data.object.status is missing or not what it must be";
    assert_eq!(event("charge.dispute.updated", "escalated"), EventReading::Unreadable(why.to_owned()));
}
