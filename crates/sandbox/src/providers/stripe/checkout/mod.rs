//! Checkout sessions. The page where a customer would pay is `/control/stripe/complete`.

mod complete;
mod create;

use serde::Deserialize;

pub(super) use complete::{Outcome, complete};
pub(super) use create::create;

use super::{
    books::Books,
    call::{Answer, Call},
    errors::StripeError,
    listing::{Page, cut, list},
    object::{Fields, LINE_ITEM, SESSION},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    customer: Option<String>,
    payment_intent: Option<String>,
    subscription: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Everything {}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(SESSION, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, SESSION, &page, |session| {
        [
            ("customer", &wanted.customer),
            ("payment_intent", &wanted.payment_intent),
            ("subscription", &wanted.subscription),
            ("status", &wanted.status),
        ]
        .into_iter()
        .all(|(field, wanted)| wanted.as_deref().is_none_or(|wanted| wanted == session.text(field)))
    })
}

/// What is bought.
pub(super) fn line_items(books: &mut Books, call: &Call) -> Answer {
    let (page, Everything {}) = call.page()?;
    let items = books.find(SESSION, call.id())?.list("_line_items/data").iter().collect::<Vec<_>>();
    cut(&items, LINE_ITEM, &page)
}

pub(super) fn expire(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    let status = books.find(SESSION, call.id())?.text("status");
    if status != "open" {
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of \
             {status}."
        );
        return Err(StripeError::invalid(message));
    }
    expire_session(books, call.id());
    Ok(books.find(SESSION, call.id())?.clone())
}

/// Ends a session that nobody has completed.
pub(super) fn expire_session(books: &mut Books, id: &str) {
    let session = books.change(id, |session| {
        session.set("status", "expired");
        session.set("url", serde_json::Value::Null);
    });
    books.emit("checkout.session.expired", &session, None);
}
