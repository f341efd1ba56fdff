//! What a customer does on the checkout page: pays at once, or in a way of which the bank tells later.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::providers::stripe::{
    books::Books,
    call::Answer,
    customers,
    errors::StripeError,
    object::{Fields, SESSION, shown},
    payment_methods,
    payments::{self, Attempt},
    subscriptions::{self, Opening},
};

/// How a checkout ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::providers::stripe) enum Outcome {
    #[default]
    Paid,
    /// Completed, and the bank says later whether it pays.
    Unpaid,
    AsyncSucceeded,
    AsyncFailed,
}

pub(in crate::providers::stripe) fn complete(books: &mut Books, id: &str, outcome: Outcome) -> Answer {
    let session = books.find(SESSION, id)?.clone();
    match outcome {
        Outcome::Paid | Outcome::Unpaid if session.text("status") == "open" => {
            let customer = customer(books, &session);
            if session.text("mode") == "payment" {
                Ok(pay(books, &session, &customer, outcome))
            } else if outcome == Outcome::Paid {
                Ok(subscribe(books, &session, &customer))
            } else {
                Err(StripeError::invalid("in the sandbox a subscription is paid at once"))
            }
        }
        Outcome::AsyncSucceeded | Outcome::AsyncFailed
            if session.text("payment_status") == "unpaid"
                && session.text("status") == "complete"
                && !session.flag("_failed") =>
        {
            Ok(settle(books, &session, outcome == Outcome::AsyncSucceeded))
        }
        _ => {
            let (status, paid) = (session.text("status"), session.text("payment_status"));
            Err(StripeError::invalid(format!("the session is {status} and {paid}, so it can't be {outcome:?}")))
        }
    }
}

/// Who pays: the customer of the session, or a new one.
fn customer(books: &mut Books, session: &Value) -> String {
    let id = match session.text("customer") {
        "" => {
            let email = Some(session.text("customer_email")).filter(|email| !email.is_empty());
            customers::register(books, email.unwrap_or("customer@example.com"))
        }
        id => id.to_owned(),
    };
    // Who comes to a checkout brings a card that is accepted.
    books.change(&id, |customer| customer.set("_card", "ok"));
    id
}

fn pay(books: &mut Books, session: &Value, customer: &str, outcome: Outcome) -> Value {
    let data = session.at("_data");
    let method = payment_methods::give(books, customer);
    let intent = payments::open(
        books,
        json!({
            "amount": session.at("amount_total"), "customer": customer, "description": data.at("description"),
            "metadata": data.at("metadata"), "setup_future_usage": data.at("setup_future_usage"),
        }),
    );
    let attempt = if outcome == Outcome::Paid { Attempt::Succeeds } else { Attempt::Pending };
    payments::attempt(books, &intent, Some(&method), attempt);
    end(books, session, customer, |session| {
        session.set("payment_intent", intent);
        session.set("payment_status", if outcome == Outcome::Paid { "paid" } else { "unpaid" });
    })
}

fn subscribe(books: &mut Books, session: &Value, customer: &str) -> Value {
    let method = payment_methods::give(books, customer);
    let price = books.get(session.text("_line_items/data/0/price/id")).cloned().unwrap_or_default();
    let opening = Opening {
        customer,
        price: &price,
        quantity: session.number("_line_items/data/0/quantity"),
        metadata: session.at("_data/metadata").clone(),
        payment_method: &method,
    };
    let (subscription, invoice) = subscriptions::open(books, opening);
    end(books, session, customer, |session| {
        session.set("subscription", subscription);
        session.set("invoice", invoice);
        session.set("payment_status", "paid");
    })
}

fn end(books: &mut Books, session: &Value, customer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let details = books.get(customer).map(|customer| {
        json!({
            "address": {
                "city": null, "country": "US", "line1": null, "line2": null, "postal_code": "94103", "state": null,
            },
            "business_name": null, "email": customer.at("email"), "individual_name": null, "name": customer.at("name"),
            "phone": null, "tax_exempt": "none", "tax_ids": [],
        })
    });
    let session = books.change(session.text("id"), |session| {
        session.set("customer", customer);
        session.set("customer_details", details);
        session.set("status", "complete");
        session.set("url", Value::Null);
        change(session);
    });
    books.emit("checkout.session.completed", &session, None);
    shown(&session)
}

/// The bank tells how an unpaid session ends.
fn settle(books: &mut Books, session: &Value, succeeds: bool) -> Value {
    payments::settle(books, session.text("payment_intent"), succeeds);
    let session = books.change(session.text("id"), |session| {
        // Stripe leaves a session unpaid whose payment has failed; here its failure is noted, so that it comes once.
        session.set("payment_status", if succeeds { "paid" } else { "unpaid" });
        session.set("_failed", !succeeds);
    });
    let kind =
        if succeeds { "checkout.session.async_payment_succeeded" } else { "checkout.session.async_payment_failed" };
    books.emit(kind, &session, None);
    shown(&session)
}
