//! Stripe's objects, which are kept as the JSON that they are answered as.
//!
//! A field that begins with an underscore is the sandbox's own and never shown. What never changes in an object stands
//! in `data/stripe`; what is put together here is only what differs.

use serde_json::{Value, json};

use crate::shared::random::Seeded;

/// Reading and writing the fields of an object by their path, for example `items/data/0/price`.
pub(super) trait Fields {
    /// What stands there; null where nothing does.
    fn at(&self, path: &str) -> &Value;
    /// The text there; empty where there is none.
    fn text(&self, path: &str) -> &str;
    /// The whole number there; 0 where there is none.
    fn number(&self, path: &str) -> i64;
    fn flag(&self, path: &str) -> bool;
    fn list(&self, path: &str) -> &[Value];
    fn set(&mut self, path: &str, value: impl Into<Value>);
}

impl Fields for Value {
    fn at(&self, path: &str) -> &Value {
        let found = path.split('/').try_fold(self, |value, name| match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => value.get(name),
        });
        found.unwrap_or(&Value::Null)
    }

    fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_default()
    }

    fn number(&self, path: &str) -> i64 {
        self.at(path).as_i64().unwrap_or_default()
    }

    fn flag(&self, path: &str) -> bool {
        self.at(path).as_bool().unwrap_or_default()
    }

    fn list(&self, path: &str) -> &[Value] {
        self.at(path).as_array().map_or(&[], Vec::as_slice)
    }

    fn set(&mut self, path: &str, value: impl Into<Value>) {
        let (parent, name) =
            path.rsplit_once('/').map_or((String::new(), path), |(parent, name)| (format!("/{parent}"), name));
        if let Some(place) = self.pointer_mut(&format!("{parent}/{name}")) {
            *place = value.into();
        } else if let Some(Value::Object(fields)) = self.pointer_mut(&parent) {
            fields.insert(name.to_owned(), value.into());
        }
    }
}

/// A kind of object that the sandbox can make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Its `object`.
    pub(super) name: &'static str,
    prefix: &'static str,
    template: &'static str,
}

macro_rules! kinds {
    ($($constant:ident $name:literal $prefix:literal $file:literal;)*) => {
        $(pub(super) const $constant: Kind = Kind {
            name: $name,
            prefix: $prefix,
            template: include_str!(concat!("../../../data/stripe/", $file, ".json")),
        };)*
        #[cfg(test)]
        const ALL: &[Kind] = &[$($constant),*];
    };
}

kinds! {
    BALANCE_TRANSACTION "balance_transaction" "txn_" "balance_transaction";
    CHARGE "charge" "ch_" "charge";
    CUSTOMER "customer" "cus_" "customer";
    DISPUTE "dispute" "du_" "dispute";
    EVENT "event" "evt_" "event";
    INVOICE "invoice" "in_" "invoice";
    INVOICE_PAYMENT "invoice_payment" "inpay_" "invoice_payment";
    LINE_ITEM "line_item" "il_" "line_item";
    PAYMENT_INTENT "payment_intent" "pi_" "payment_intent";
    PAYMENT_METHOD "payment_method" "pm_" "payment_method";
    PORTAL_SESSION "billing_portal.session" "bps_" "portal_session";
    PRICE "price" "price_" "price";
    REFUND "refund" "re_" "refund";
    SESSION "checkout.session" "cs_test_" "checkout_session";
    SUBSCRIPTION "subscription" "sub_" "subscription";
    SUBSCRIPTION_ITEM "subscription_item" "si_" "subscription_item";
}

impl Kind {
    /// A new object of this kind with an id of its own and these fields, whose names are paths.
    pub(super) fn with(self, fields: Value) -> Value {
        // The templates are compiled in, and a test reads them all.
        let mut object: Value = serde_json::from_str(self.template).unwrap_or_default();
        object.set("id", fresh_id(self.prefix));
        if let Value::Object(fields) = fields {
            fields.into_iter().for_each(|(path, value)| object.set(&path, value));
        }
        object
    }
}

/// An identifier that nothing else has.
pub(super) fn fresh_id(prefix: &str) -> String {
    let length = if prefix == "cs_test_" { 58 } else { 24 };
    format!("{prefix}{}", Seeded::fresh().alphanumeric(length))
}

/// The object without the sandbox's own fields.
pub(super) fn shown(object: &Value) -> Value {
    let mut shown = object.clone();
    if let Value::Object(fields) = &mut shown {
        fields.retain(|name, _| !name.starts_with('_'));
    }
    shown
}

/// A list that is part of an object, all of it.
pub(super) fn part_list(data: Vec<Value>, url: &str) -> Value {
    json!({"object": "list", "data": data, "has_more": false, "total_count": data.len(), "url": url})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_an_object_of_its_kind() {
        for kind in ALL {
            let object = kind.with(json!({}));
            assert_eq!(object.text("object"), kind.name);
            assert!(object.text("id").starts_with(kind.prefix), "{object}");
        }
    }

    #[test]
    fn fields_are_set_where_they_are_and_added_where_their_parent_is() {
        let mut object = json!({"items": {"data": [{"price": null}]}, "_card": "ok"});
        object.set("items/data/0/price", "price_1");
        object.set("items/url", "/v1");
        object.set("nowhere/at_all", 1);
        assert_eq!(shown(&object), json!({"items": {"data": [{"price": "price_1"}], "url": "/v1"}}));
    }
}
