//! Events by hand, where they go, and how their delivery is disturbed.

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, carry_out};
use crate::providers::stripe::{
    books::Books,
    delivery::{Knobs, Post},
    errors::StripeError,
    fixtures,
    object::{EVENT, Fields, shown},
};

/// The most copies of an event at once.
const TIMES_MAX: usize = 1_000;

/// An event to send: one that there is, a fixture by its name or type, or a raw one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sending {
    event: Option<String>,
    /// Whose fixture it shall be.
    account: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    object: Option<Value>,
    previous_attributes: Option<Value>,
    times: Option<usize>,
}

pub(super) async fn send(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: Sending| {
        let times = asked.times.unwrap_or(1);
        if !(1..=TIMES_MAX).contains(&times) {
            return Err(StripeError::invalid(format!("times must lie between 1 and {TIMES_MAX}")));
        }
        let (id, more) = chosen(&mut state.books, asked)?;
        for _ in 0..times - usize::from(!more) {
            state.post.repeat(&mut state.books, &id);
        }
        Ok(shown(state.books.find(EVENT, &id)?))
    })
}

/// The event to be sent, and whether it existed before, so that no delivery of it is planned yet.
fn chosen(books: &mut Books, asked: Sending) -> Result<(String, bool), StripeError> {
    match (asked.event, asked.kind, asked.object) {
        (Some(id), None, None) if id.starts_with("evt_") => Ok((books.find(EVENT, &id)?.text("id").to_owned(), true)),
        (Some(name), None, None) => {
            let event = fixtures::find(books, &name, asked.account.as_deref()).ok_or_else(|| {
                StripeError::invalid(format!("there is no event {name}; there are: {}", fixtures::names().join(", ")))
            })?;
            let previous = event.at("data").get("previous_attributes").cloned();
            Ok((books.emit(event.text("type"), event.at("data/object"), previous), false))
        }
        (None, Some(kind), Some(object)) => Ok((books.emit(&kind, &object, asked.previous_attributes), false)),
        _ => Err(StripeError::invalid("give event, or type and object")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointChange {
    url: Option<String>,
    secrets: Option<Vec<String>>,
    enabled_events: Option<Vec<String>>,
    api_version: Option<String>,
}

pub(super) async fn set_endpoint(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: EndpointChange| {
        let endpoint = &mut state.post.endpoint;
        // An empty address is none.
        endpoint.url = asked.url.or(endpoint.url.take()).filter(|url| !url.is_empty());
        endpoint.secrets = asked.secrets.unwrap_or(std::mem::take(&mut endpoint.secrets));
        endpoint.enabled_events = asked.enabled_events.unwrap_or(std::mem::take(&mut endpoint.enabled_events));
        endpoint.api_version = asked.api_version.unwrap_or(std::mem::take(&mut endpoint.api_version));
        Ok(described(&state.post))
    })
}

pub(super) async fn read_endpoint(State(stripe): Control) -> Json<Value> {
    Json(stripe.transact(None, |state| described(&state.post)))
}

/// The endpoint without its secrets, which are for signing only.
fn described(post: &Post) -> Value {
    let endpoint = &post.endpoint;
    json!({
        "url": endpoint.url, "secrets": endpoint.secrets.len(), "enabled_events": endpoint.enabled_events,
        "api_version": endpoint.api_version,
    })
}

pub(super) async fn set_knobs(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, knobs: Knobs| {
        state.post.knobs = knobs;
        Ok(json!(state.post.knobs))
    })
}

pub(super) async fn read_knobs(State(stripe): Control) -> Json<Value> {
    Json(stripe.transact(None, |state| json!(state.post.knobs)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliverySelection {
    event: Option<String>,
}

pub(super) async fn list_deliveries(State(stripe): Control, Query(wanted): Query<DeliverySelection>) -> Json<Value> {
    let deliveries = stripe.transact(None, |state| Post::report(&state.books, wanted.event.as_deref()));
    Json(json!({"deliveries": deliveries}))
}
