//! Whatever comes, reading it ends: with an answer, never with a panic.

use jiff::Timestamp;
use oslira_app::features::billing::{EventReading, StripeEvents as _};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{
    super::{STRIPE_API_VERSION, SignedEvents, WebhookSecrets, envelope, reading},
    NAMES, fixture,
};
use crate::property::{config, damaged, strange};

fn events() -> SignedEvents {
    SignedEvents::new(WebhookSecrets::read("whsec_Y29uc3RydWN0ZWQgZm9yIHRlc3RzIG9ubHk", false).unwrap())
}

fn any_damaged() -> impl Strategy<Value = Value> {
    select(&NAMES[..]).prop_flat_map(|name| damaged(fixture(name)))
}

/// Every type that is read, with an object of any shape.
fn any_of_a_type() -> impl Strategy<Value = Value> {
    let kinds = [
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.paid",
        "invoice.payment_failed",
        "checkout.session.completed",
        "checkout.session.expired",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.refunded",
        "charge.dispute.closed",
    ];
    (select(kinds.to_vec()), strange()).prop_map(|(kind, object)| {
        json!({"id": "evt_1", "object": "event", "type": kind, "created": 1, "api_version": STRIPE_API_VERSION,
               "data": {"object": object}})
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_header_and_no_body_are_accepted_without_the_secret(
        header in prop_oneof!["\\PC{0,80}", "t=[0-9]{0,22},v1=[0-9a-f]{0,70}(,v1=[0-9a-g]{64}){0,3}"],
        body in vec(any::<u8>(), 0..200),
        now in 0..2_000_000_000_i64,
    ) {
        let now = Timestamp::from_second(now).unwrap();
        prop_assert!(events().verify(Some(&header), &body, now).is_err());
    }

    #[test]
    fn bytes_are_an_event_only_with_an_id_of_stripes(body in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(envelope::read(&body), None);
        reading::of(&String::from_utf8_lossy(&body));
    }

    #[test]
    fn a_damaged_event_is_read_or_named(event in any_damaged()) {
        let text = event.to_string();
        if let Some(envelope) = envelope::read(text.as_bytes()) {
            prop_assert!(envelope.id.starts_with("evt_") && envelope.id.len() <= 255);
        }
        if let EventReading::InvoicePaid(invoice) = reading::of(&text) {
            prop_assert!(invoice.lines.iter().all(|line| line.starts_at <= line.ends_at));
        }
    }

    #[test]
    fn an_object_of_any_shape_is_read_or_named(event in any_of_a_type()) {
        if let EventReading::Unreadable(why) = reading::of(&event.to_string()) {
            prop_assert!(why.starts_with("data.object") || why.starts_with("currency "), "{}", why);
        }
    }
}
