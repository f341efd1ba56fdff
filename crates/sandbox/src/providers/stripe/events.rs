//! Events: what has happened, for thirty days.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use super::{
    books::Books,
    call::{Answer, Call},
    delivery::undelivered,
    errors::StripeError,
    form::Flag,
    listing::{Page, cut},
    object::{EVENT, Fields},
};

const SHOWN_S: i64 = 30 * 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    types: Vec<String>,
    delivery_success: Option<Flag>,
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    let event = books.find(EVENT, call.id())?;
    if !is_shown(books, event) {
        return Err(StripeError::missing(EVENT.name, call.id()));
    }
    Ok(as_of_now(event, &undelivered(books)))
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    let matches = |pattern: &str, kind: &str| match pattern.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => pattern == kind,
    };
    let pending = undelivered(books);
    let events: Vec<Value> = books
        .all(EVENT.name)
        .rev()
        .filter(|event| is_shown(books, event))
        .filter(|event| wanted.kind.as_deref().is_none_or(|kind| matches(kind, event.text("type"))))
        .filter(|event| wanted.types.is_empty() || wanted.types.iter().any(|kind| kind == event.text("type")))
        .map(|event| as_of_now(event, &pending))
        .filter(|event| {
            wanted.delivery_success.is_none_or(|Flag(success)| success == (event.number("pending_webhooks") == 0))
        })
        .collect();
    cut(&events.iter().collect::<Vec<_>>(), EVENT, &page)
}

fn is_shown(books: &Books, event: &Value) -> bool {
    event.number("created") + SHOWN_S > books.now
}

fn as_of_now(event: &Value, pending: &HashSet<String>) -> Value {
    let mut event = event.clone();
    event.set("pending_webhooks", i64::from(pending.contains(event.text("id"))));
    event
}
