//! The lines of an invoice: a whole period, or what a change leaves of one.

use serde_json::{Value, json};

use crate::providers::stripe::{
    calendar::date,
    object::{Fields, LINE_ITEM, fresh_id},
};

/// What a line is about: so many of a price, for a period of a subscription.
#[derive(Debug, Clone, Copy)]
pub(in crate::providers::stripe) struct Supply<'a> {
    pub(in crate::providers::stripe) subscription: &'a Value,
    pub(in crate::providers::stripe) price: &'a Value,
    pub(in crate::providers::stripe) quantity: i64,
    pub(in crate::providers::stripe) start: i64,
    pub(in crate::providers::stripe) end: i64,
}

impl Supply<'_> {
    /// What the whole period costs.
    pub(in crate::providers::stripe) fn cents(&self) -> i64 {
        self.price.number("unit_amount") * self.quantity
    }

    /// What of it the time from then on costs.
    fn cents_from(&self, at: i64) -> i64 {
        let (cents, left, whole) = (self.cents(), self.end - at, (self.end - self.start).max(1));
        // To the nearest cent.
        (2 * cents * left + whole) / (2 * whole)
    }

    /// The line for the whole period.
    pub(in crate::providers::stripe) fn whole(&self) -> Value {
        let dollars =
            format!("${}.{:02}", self.price.number("unit_amount") / 100, self.price.number("unit_amount") % 100);
        let interval = self.price.text("recurring/interval");
        let description = format!("{} × {} (at {dollars} / {interval})", self.quantity, self.price.text("_name"));
        self.line(self.cents(), self.start, &description)
    }

    /// What is given back of a period that was paid and is not used from then on.
    pub(in crate::providers::stripe) fn unused_after(&self, at: i64) -> Value {
        let description = format!("Unused time on {} after {}", self.price.text("_name"), date(at));
        let mut line = self.line(-self.cents_from(at), at, &description);
        let paid = self.subscription.text("_paid_line");
        let credited = json!({"invoice": self.subscription.at("latest_invoice"), "invoice_line_items": [paid]});
        prorate(&mut line, if paid.is_empty() { Value::Null } else { credited });
        line
    }

    /// What the rest of a period that has begun with something else costs.
    pub(in crate::providers::stripe) fn remaining_after(&self, at: i64) -> Value {
        let description = format!("Remaining time on {} after {}", self.price.text("_name"), date(at));
        let mut line = self.line(self.cents_from(at), at, &description);
        prorate(&mut line, Value::Null);
        line
    }

    fn line(&self, cents: i64, start: i64, description: &str) -> Value {
        LINE_ITEM.with(json!({
            "amount": cents,
            "subtotal": cents,
            "description": description,
            "metadata": self.subscription.at("metadata"),
            "parent/subscription_item_details/subscription": self.subscription.at("id"),
            "parent/subscription_item_details/subscription_item": self.subscription.at("items/data/0/id"),
            "period/start": start,
            "period/end": self.end,
            "pricing/price_details/price": self.price.at("id"),
            "pricing/price_details/product": self.price.at("product"),
            "pricing/unit_amount_decimal": self.price.at("unit_amount_decimal"),
            "quantity": self.quantity,
            "quantity_decimal": self.quantity.to_string(),
            "subscription": self.subscription.at("id"),
        }))
    }
}

fn prorate(line: &mut Value, credited: Value) {
    line.set("discountable", false);
    line.set("parent/subscription_item_details/proration", true);
    line.set("parent/subscription_item_details/invoice_item", fresh_id("ii_"));
    line.set("parent/subscription_item_details/proration_details", json!({"credited_items": credited}));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_in_the_middle_costs_half_of_each() {
        let subscription = json!({"id": "sub_1", "items": {"data": [{"id": "si_1"}]}});
        let price = json!({"unit_amount": 2_001, "_name": "Starter", "recurring": {"interval": "month"}});
        let supply = Supply { subscription: &subscription, price: &price, quantity: 1, start: 0, end: 1_000 };
        assert_eq!(supply.whole().number("amount"), 2_001);
        assert_eq!(supply.whole().text("description"), "1 × Starter (at $20.01 / month)");
        assert_eq!(supply.unused_after(500).number("amount"), -1_001);
        let rest = supply.remaining_after(750);
        assert_eq!((rest.number("amount"), rest.number("period/start")), (500, 750));
        assert!(rest.flag("parent/subscription_item_details/proration"));
    }
}
