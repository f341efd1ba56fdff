//! Delivering events to the endpoint: at least once, until it answers 2xx, in an order that nobody may rely on.

mod knobs;
mod post;
mod send;
mod signature;

use std::{collections::HashSet, sync::Arc};

use reqwest::redirect::Policy;
use tokio::task::JoinSet;

pub(super) use knobs::Knobs;
pub(super) use post::{Next, Post};

use super::{API_VERSION, books::Books, object::Fields, state::Stripe};

/// The `object` of a delivery, of which there is one for each copy of an event.
const DELIVERY: &str = "sandbox.delivery";

/// Where events go.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Without one nothing is delivered.
    pub(crate) url: Option<String>,
    /// One, or two while one takes the other's place: each signs.
    pub(crate) secrets: Vec<String>,
    /// The types of events that go there; when none is named, all.
    pub(crate) enabled_events: Vec<String>,
    /// The version in which events are said to be written.
    pub(crate) api_version: String,
}

impl Endpoint {
    pub(crate) fn new(url: Option<String>, secrets: Vec<String>) -> Self {
        Self { url, secrets, enabled_events: vec![], api_version: API_VERSION.to_owned() }
    }

    pub(super) fn wants(&self, kind: &str) -> bool {
        self.enabled_events.is_empty() || self.enabled_events.iter().any(|enabled| enabled == kind)
    }
}

/// The events that were to be delivered and never were.
pub(super) fn undelivered(books: &Books) -> HashSet<String> {
    let (arrived, others): (Vec<_>, Vec<_>) =
        books.all(DELIVERY).partition(|delivery| delivery.text("state") == "delivered");
    let mut events: HashSet<String> = others.iter().map(|delivery| delivery.text("event").to_owned()).collect();
    for delivery in arrived {
        events.remove(delivery.text("event"));
    }
    events
}

/// Delivers until the future is dropped.
pub(super) async fn deliver(stripe: Arc<Stripe>) {
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(send::TIMEOUT).build();
    let client = client.unwrap_or_default();
    let mut under_way = JoinSet::new();
    loop {
        let wait = loop {
            match stripe.transact(None, |state| state.post.next(&state.books, under_way.len())) {
                Next::Parcel(parcel) => {
                    under_way.spawn(send::send(client.clone(), parcel));
                }
                Next::NothingFor(wait) => break wait,
            }
        };
        tokio::select! {
            Some(Ok(sent)) = under_way.join_next() => {
                let latency = stripe.latency;
                stripe.transact(None, |state| state.post.record(&mut state.books, &sent, latency));
            }
            () = stripe.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
