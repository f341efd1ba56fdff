//! Issuing an invoice: its sums, its number, and what the customer has to their credit.

use serde_json::{Value, json};

use crate::providers::stripe::{
    books::Books,
    object::{Fields, INVOICE, part_list},
};

/// What an invoice is about.
pub(in crate::providers::stripe) struct Bill<'a> {
    pub(in crate::providers::stripe) subscription: &'a Value,
    /// `subscription_create`, `subscription_cycle` or `subscription_update`.
    pub(in crate::providers::stripe) reason: &'static str,
    pub(in crate::providers::stripe) lines: Vec<Value>,
    pub(in crate::providers::stripe) start: i64,
    pub(in crate::providers::stripe) end: i64,
}

/// Makes an invoice and finalises it at once. Stripe leaves the invoice of a new period open to changes for an hour.
pub(in crate::providers::stripe) fn issue(books: &mut Books, bill: Bill<'_>) -> String {
    let now = books.now;
    let subscription = bill.subscription;
    let customer = books.get(subscription.text("customer")).cloned().unwrap_or_default();
    let total: i64 = bill.lines.iter().map(|line| line.number("amount")).sum();
    let balance = customer.number("balance");
    let mut invoice = INVOICE.with(json!({
        "billing_reason": bill.reason,
        "created": now,
        "customer": customer.at("id"),
        "customer_email": customer.at("email"),
        "customer_name": customer.at("name"),
        "parent": {
            "quote_details": null,
            "subscription_details": {
                "metadata": subscription.at("metadata"), "subscription": subscription.at("id"),
            },
            "type": "subscription_details",
        },
        "period_start": bill.start,
        "period_end": bill.end,
        "starting_balance": balance,
    }));
    for sum in ["subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"] {
        invoice.set(sum, total);
    }
    let due = (total + balance).max(0);
    invoice.set("amount_due", due);
    invoice.set("amount_remaining", due);
    let id = invoice.text("id").to_owned();
    let with_invoice = |mut line: Value| {
        line.set("invoice", id.as_str());
        line
    };
    let lines = bill.lines.into_iter().map(with_invoice).collect();
    invoice.set("lines", part_list(lines, &format!("/v1/invoices/{id}/lines")));
    books.put(invoice.clone());
    books.emit("invoice.created", &invoice, None);
    finalise(books, &id, &customer, (total + balance).min(0));
    id
}

fn finalise(books: &mut Books, id: &str, customer: &Value, ending_balance: i64) {
    let now = books.now;
    let number = customer.number("next_invoice_sequence");
    books.change(customer.text("id"), |customer| {
        customer.set("balance", ending_balance);
        customer.set("currency", "usd");
        customer.set("next_invoice_sequence", number + 1);
    });
    let invoice = books.change(id, |invoice| {
        invoice.set("status", "open");
        invoice.set("number", format!("{}-{number:04}", customer.text("invoice_prefix")));
        invoice.set("effective_at", now);
        invoice.set("ending_balance", ending_balance);
        invoice.set("status_transitions/finalized_at", now);
        invoice.set("hosted_invoice_url", format!("https://invoice.stripe.com/i/acct_sandbox/test_{id}"));
        invoice.set("invoice_pdf", format!("https://pay.stripe.com/invoice/acct_sandbox/test_{id}/pdf"));
    });
    books.emit("invoice.finalized", &invoice, None);
}
