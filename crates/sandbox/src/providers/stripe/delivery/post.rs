//! What is to be delivered, when, and what has become of it.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use super::{
    DELIVERY, Endpoint, Knobs,
    send::{Parcel, Sent},
    signature,
};
use crate::{
    providers::stripe::{
        books::Books,
        object::{Fields, fresh_id, shown},
    },
    shared::{clock::now_ms, latency::Latency, random::Seeded},
};

/// After so many attempts a delivery is given up.
const ATTEMPTS_MAX: usize = 200;
/// The wait after the first failure, which doubles with each further one, and the longest wait, in scaled seconds.
const RETRY_S: f64 = 1.0;
const RETRY_S_MAX: f64 = 60.0;
/// No wait is shorter, so that an endpoint that is down does not keep a test's processor busy.
const RETRY_MS_MIN: u64 = 20;
/// How often it is looked for what falls due by itself.
const LOOK: Duration = Duration::from_secs(1);

pub(in crate::providers::stripe) struct Post {
    pub(in crate::providers::stripe) endpoint: Endpoint,
    pub(in crate::providers::stripe) knobs: Knobs,
    /// The deliveries that have not come to an end, oldest first.
    waiting: Vec<String>,
    /// Those of them that are being sent.
    under_way: HashSet<String>,
}

pub(in crate::providers::stripe) enum Next {
    Parcel(Parcel),
    NothingFor(Duration),
}

impl Post {
    pub(in crate::providers::stripe) fn new(books: &Books, endpoint: Endpoint) -> Self {
        let waiting = books.all(DELIVERY).filter(|delivery| delivery.text("state") == "waiting");
        let waiting = waiting.map(|delivery| delivery.text("id").to_owned()).collect();
        Self { endpoint, knobs: Knobs::default(), waiting, under_way: HashSet::new() }
    }

    /// Plans the delivery of the events that were just caused, and says whether there are any.
    pub(in crate::providers::stripe) fn plan(&mut self, books: &mut Books) -> bool {
        let caused = books.take_caused();
        for id in &caused {
            let kind = books.get(id).map(|event| event.text("type").to_owned()).unwrap_or_default();
            for _ in 0..self.knobs.copies(&kind) {
                self.add(books, id, &kind);
            }
        }
        !caused.is_empty()
    }

    /// Delivers an event that exists once more.
    pub(in crate::providers::stripe) fn repeat(&mut self, books: &mut Books, event: &str) {
        let kind = books.get(event).map(|event| event.text("type").to_owned()).unwrap_or_default();
        self.add(books, event, &kind);
    }

    fn add(&mut self, books: &mut Books, event: &str, kind: &str) {
        if self.endpoint.url.is_none() || !self.endpoint.wants(kind) {
            return;
        }
        let id = fresh_id("wd_");
        let state = if self.knobs.drops(kind) { "dropped" } else { "waiting" };
        books.put(json!({
            "id": id, "object": DELIVERY, "event": event, "type": kind, "state": state,
            "due_ms": now_ms() + self.knobs.delay_ms(kind), "attempts": [],
        }));
        if state == "waiting" {
            self.waiting.push(id);
        }
    }

    /// What is to be sent next, while so many are being sent.
    pub(in crate::providers::stripe) fn next(&mut self, books: &Books, under_way: usize) -> Next {
        let now = now_ms();
        let Some(url) = self.endpoint.url.clone() else { return Next::NothingFor(LOOK) };
        if under_way >= self.knobs.at_once() {
            return Next::NothingFor(LOOK);
        }
        let open = self.waiting.iter().filter(|id| !self.under_way.contains(*id)).filter_map(|id| books.get(id));
        let mut open: Vec<&Value> = open.filter(|delivery| !self.knobs.holds(delivery.text("type"))).collect();
        let due_ms = |delivery: &Value| u64::try_from(delivery.number("due_ms")).unwrap_or(0);
        open.sort_by_key(|delivery| due_ms(delivery));
        let due = open.partition_point(|delivery| due_ms(delivery) <= now);
        let place = if self.knobs.shuffle { Seeded::fresh().below(due) } else { 0 };
        match open.get(place) {
            Some(delivery) if due > 0 => {
                let parcel = self.parcel(books, delivery, url);
                self.under_way.insert(parcel.delivery.clone());
                Next::Parcel(parcel)
            }
            Some(first) => Next::NothingFor(LOOK.min(Duration::from_millis(due_ms(first).saturating_sub(now)))),
            None => Next::NothingFor(LOOK),
        }
    }

    fn parcel(&self, books: &Books, delivery: &Value, url: String) -> Parcel {
        let mut event = books.get(delivery.text("event")).map(shown).unwrap_or_default();
        event.set("api_version", self.endpoint.api_version.as_str());
        event.set("pending_webhooks", 1);
        let body = format!("{event:#}");
        // The receiver compares this with its own clock, which is the real one.
        let signature = signature::header(&self.endpoint.secrets, now_ms() / 1_000, &body);
        Parcel { delivery: delivery.text("id").to_owned(), url, body, signature }
    }

    /// Notes what has become of an attempt.
    pub(in crate::providers::stripe) fn record(&mut self, books: &mut Books, sent: &Sent, latency: Latency) {
        self.under_way.remove(&sent.delivery);
        let arrived = sent.status.is_some_and(|status| (200..300).contains(&status));
        let delivery = books.change(&sent.delivery, |delivery| {
            let attempt = json!({"at_ms": now_ms(), "status": sent.status, "error": sent.error});
            let attempts: Vec<Value> = delivery.list("attempts").iter().cloned().chain([attempt]).collect();
            let failed = attempts.len();
            delivery.set("attempts", attempts);
            if arrived {
                delivery.set("state", "delivered");
            } else if failed >= ATTEMPTS_MAX {
                delivery.set("state", "given_up");
            } else {
                let wait_s = (RETRY_S * 2_f64.powi(i32::try_from(failed - 1).unwrap_or(i32::MAX))).min(RETRY_S_MAX);
                let wait_ms = u64::try_from(latency.scaled(wait_s).as_millis()).unwrap_or(u64::MAX);
                delivery.set("due_ms", now_ms() + wait_ms.max(RETRY_MS_MIN));
            }
        });
        if delivery.text("state") != "waiting" {
            self.waiting.retain(|id| *id != sent.delivery);
        }
    }

    /// Every delivery of this event, or of all, oldest first.
    pub(in crate::providers::stripe) fn report(books: &Books, event: Option<&str>) -> Vec<Value> {
        let wanted = |delivery: &&Value| event.is_none_or(|event| event == delivery.text("event"));
        books.all(DELIVERY).filter(wanted).cloned().collect()
    }
}
