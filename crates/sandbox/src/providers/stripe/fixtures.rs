//! Recorded and constructed events, to be sent by name.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    books::Books,
    calendar::period_end,
    object::{Fields, SESSION, SUBSCRIPTION},
};

/// The account that the events are about.
const ACCOUNT: &str = "00000000-0000-4000-8000-000000000001";

/// When their first month begins, ends, and the second ends.
const MONTHS: [i64; 3] = [1_793_000_000, 1_795_592_000, 1_798_184_000];

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

/// The event with this name or of this type. Told of an account, it speaks of what the account has bought here last, so that
/// whoever receives it finds at Stripe what it names.
pub(super) fn find(books: &Books, name: &str, account: Option<&str>) -> Option<Value> {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let by_name = EVENTS.iter().find(|(known, _)| *known == name).and_then(|(_, text)| read(text));
    let found =
        by_name.or_else(|| EVENTS.iter().filter_map(|(_, text)| read(text)).find(|event| event.text("type") == name));
    Some(match account {
        Some(account) => Cast::of(books, account).play(found?),
        None => found?,
    })
}

/// What stands in for the things that the events name.
struct Cast {
    account: String,
    names: HashMap<&'static str, String>,
    times: HashMap<i64, i64>,
    /// Ours, that the account's last purchase was begun with.
    purchase: Value,
}

impl Cast {
    fn of(books: &Books, account: &str) -> Self {
        let none = Value::Null;
        let newest =
            |kind: &str, has: &dyn Fn(&Value) -> bool| books.all(kind).rev().find(|one| has(one)).unwrap_or(&none);
        let subscription = newest(SUBSCRIPTION.name, &|one| one.text("metadata/account_id") == account);
        let is_purchase = |one: &Value| one.text("client_reference_id") == account && one.text("mode") == "payment";
        let session = newest(SESSION.name, &is_purchase);
        let item = subscription.at("items/data/0");
        let customer = if subscription.is_null() { session } else { subscription }.text("customer");
        let (start, end) = (item.number("current_period_start"), item.number("current_period_end"));
        let names = [
            ("cus_Constructed01", customer),
            ("sub_Constructed01", subscription.text("id")),
            ("si_Constructed01", item.text("id")),
            ("in_Constructed01", subscription.text("latest_invoice")),
            ("price_1PgafmB7WZ01zgkW6dKueIc5", item.text("price/id")),
            ("prod_QXg1hqf4jFNsqG", item.text("price/product")),
            ("cs_test_Constructed02", session.text("id")),
            ("cs_test_Constructed03", session.text("id")),
            ("pi_Constructed02", session.text("payment_intent")),
            ("pi_Constructed03", session.text("payment_intent")),
        ];
        let next_end =
            period_end(subscription.number("billing_cycle_anchor"), item.text("price/recurring/interval"), end);
        Self {
            account: account.to_owned(),
            names: names
                .map(|(name, own)| (name, own.to_owned()))
                .into_iter()
                .filter(|(_, own)| !own.is_empty())
                .collect(),
            times: if start > 0 { MONTHS.into_iter().zip([start, end, next_end]).collect() } else { HashMap::new() },
            purchase: session.at("metadata").clone(),
        }
    }

    fn play(&self, mut event: Value) -> Value {
        self.rename(&mut event);
        if event.text("data/object/object") == SESSION.name && self.purchase.is_object() {
            event.set("data/object/metadata", self.purchase.clone());
        }
        event
    }

    fn rename(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => fields.values_mut().for_each(|field| self.rename(field)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item)),
            Value::String(text) if *text == ACCOUNT => text.clone_from(&self.account),
            Value::String(text) => {
                if let Some(own) = self.names.get(text.as_str()) {
                    text.clone_from(own);
                } else if text.contains("_Constructed") {
                    // What the account does not have is still nobody else's.
                    text.push_str(&self.account.replace('-', ""));
                }
            }
            Value::Number(number) => {
                if let Some(own) = number.as_i64().and_then(|at| self.times.get(&at)) {
                    *value = (*own).into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_event_is_found_by_name_and_by_type() {
        for name in names() {
            let books = Books::default();
            let event = find(&books, name, Some("acme")).unwrap();
            assert!(name.starts_with(event.text("type")), "{name}");
            assert!(find(&books, event.text("type"), None).is_some());
            assert!(!event.to_string().contains(ACCOUNT), "{name}");
        }
        assert!(find(&Books::default(), "nothing", None).is_none());
    }

    #[test]
    fn an_event_speaks_of_what_the_account_has_and_of_nobody_elses() {
        let mut books = Books::default();
        for account in ["acme", "other"] {
            let mut subscription = SUBSCRIPTION.with(json!({
                "id": format!("sub_{account}"), "metadata": {"account_id": account}, "billing_cycle_anchor": 86_400,
                "customer": format!("cus_{account}"), "latest_invoice": format!("in_{account}"),
            }));
            subscription.set(
                "items",
                json!({"data": [{
                    "id": "si_1", "current_period_start": 86_400, "current_period_end": 86_400 * 32,
                    "price": {"id": "price_sandbox_starter_month", "recurring": {"interval": "month"}},
                }]}),
            );
            books.put(subscription);
        }
        books.put(SESSION.with(json!({
            "id": "cs_acme", "client_reference_id": "acme", "mode": "payment", "payment_intent": "pi_acme",
            "metadata": {"purchase_id": "p1"},
        })));
        let object = |name: &str| find(&books, name, Some("acme")).unwrap().at("data/object").clone();
        let cycle = object("invoice.paid.cycle");
        assert_eq!(cycle.text("parent/subscription_details/subscription"), "sub_acme");
        assert_eq!((cycle.text("id"), cycle.text("customer")), ("in_Constructed02acme", "cus_acme"));
        let line = cycle.at("lines/data/0");
        assert_eq!(line.text("pricing/price_details/price"), "price_sandbox_starter_month");
        assert_eq!((line.number("period/start"), line.number("period/end")), (86_400 * 32, 86_400 * 60));
        assert_eq!(object("invoice.paid").text("id"), "in_acme");
        let session = object("checkout.session.completed");
        assert_eq!((session.text("id"), session.text("metadata/purchase_id")), ("cs_acme", "p1"));
        assert_eq!(object("charge.refunded").text("payment_intent"), "pi_acme");
    }
}
