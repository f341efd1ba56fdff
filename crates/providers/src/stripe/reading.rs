//! What an event says. Its type decides which fields it promises; one that lacks them, or has another API version, is
//! unreadable and waits for a Worker that can read it.

use jiff::Timestamp;
use oslira_app::features::billing::EventReading;
use serde_json::Value;

use super::{
    STRIPE_API_VERSION, invoice, money_back,
    part::{Part, Unread},
    purchase, subscription,
};
use crate::send::error_word;

/// Reads the object of an event; the time is when the event was created.
type Reader = fn(&Part<'_>, Timestamp) -> Result<EventReading, Unread>;

/// What the event says.
pub(super) fn of(payload: &str) -> EventReading {
    let Ok(event) = serde_json::from_str::<Value>(payload) else {
        return EventReading::Unreadable("the event is not JSON".to_owned());
    };
    read(&Part::of(&event)).unwrap_or_else(|Unread(why)| EventReading::Unreadable(why))
}

/// The types that are read; of all others nothing is wanted. Stripe's list of events takes up to 20 types.
const READERS: [(&str, Reader); 20] = [
    ("customer.subscription.created", subscription::changed),
    ("customer.subscription.updated", subscription::changed),
    ("customer.subscription.paused", subscription::changed),
    ("customer.subscription.resumed", subscription::changed),
    ("customer.subscription.trial_will_end", subscription::changed),
    ("customer.subscription.deleted", subscription::ended),
    ("invoice.paid", invoice::paid),
    ("invoice.payment_failed", invoice::failed),
    ("checkout.session.completed", purchase::checked_out),
    ("checkout.session.async_payment_succeeded", purchase::checked_out),
    ("checkout.session.async_payment_failed", purchase::abandoned),
    ("checkout.session.expired", purchase::abandoned),
    ("payment_intent.succeeded", purchase::charged),
    ("payment_intent.payment_failed", purchase::not_charged),
    ("charge.refunded", money_back::refunded),
    ("charge.dispute.created", money_back::disputed),
    ("charge.dispute.updated", money_back::disputed),
    ("charge.dispute.closed", money_back::disputed),
    ("charge.dispute.funds_withdrawn", money_back::disputed),
    ("charge.dispute.funds_reinstated", money_back::disputed),
];

/// The types of events that are read: what the webhook endpoint has to be told of.
pub fn event_types() -> impl Iterator<Item = &'static str> {
    READERS.iter().map(|(kind, _)| *kind)
}

fn read(event: &Part<'_>) -> Result<EventReading, Unread> {
    let kind = event.text("type")?;
    let Some((_, reader)) = READERS.iter().find(|(read, _)| *read == kind) else {
        return Ok(nothing(match kind {
            "invoice.payment_succeeded" => "invoice.paid tells of it",
            "refund.failed" => "a refund failed: an operator grants its credits again",
            kind if kind.starts_with("refund.") => "charge.refunded tells of it",
            _ => "nothing that concerns credits",
        }));
    };
    match event.nullable_text("api_version")? {
        Some(STRIPE_API_VERSION) => reader(&event.part("data")?.part("object")?, event.time("created")?),
        other => Err(Unread(format!("api version {}", error_word(other)))),
    }
}

pub(super) fn nothing(why: &str) -> EventReading {
    EventReading::Nothing(why.to_owned())
}
