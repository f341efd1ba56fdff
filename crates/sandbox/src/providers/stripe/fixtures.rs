//! Recorded and constructed events, to be sent by name.

use serde_json::Value;

use super::object::Fields;

/// The account that the events are about.
const ACCOUNT: &str = "00000000-0000-4000-8000-000000000001";

macro_rules! events {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../fixtures/stripe/", $name, ".json")))),*]
    };
}

/// By name; of several of a type the first is what the type alone stands for.
const EVENTS: &[(&str, &str)] = events! {
    "charge.refunded.partial"
    "checkout.session.async_payment_succeeded"
    "checkout.session.completed.payment"
    "checkout.session.completed.payment_unpaid_async"
    "customer.subscription.created"
    "customer.subscription.deleted"
    "customer.subscription.updated.renewal"
    "invoice.paid"
    "invoice.paid.cycle"
    "invoice.payment_failed"
};

pub(super) fn names() -> Vec<&'static str> {
    EVENTS.iter().map(|(name, _)| *name).collect()
}

/// The event with this name or of this type, about this account.
pub(super) fn find(name: &str, account: Option<&str>) -> Option<Value> {
    let read = |text: &str| serde_json::from_str::<Value>(&text.replace(ACCOUNT, account.unwrap_or(ACCOUNT))).ok();
    let by_name = EVENTS.iter().find(|(known, _)| *known == name).and_then(|(_, text)| read(text));
    by_name.or_else(|| EVENTS.iter().filter_map(|(_, text)| read(text)).find(|event| event.text("type") == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_found_by_name_and_by_type() {
        for name in names() {
            let event = find(name, Some("acme")).unwrap();
            assert!(name.starts_with(event.text("type")), "{name}");
            assert!(find(event.text("type"), None).is_some());
            assert!(!event.to_string().contains(ACCOUNT), "{name}");
        }
        assert!(find("nothing", None).is_none());
    }
}
