//! Doubles of what billing needs from outside: a database, a queue, a bucket and Stripe, in memory. They write down what they
//! are asked, and fail where a test says so.

mod stripe;
mod tables;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Applied, BillingJobPorts, ChargeOutcome, CheckoutOrder, Effect, EventEnvelope, EventReading, PaidFor, PaidLine,
    Payer, StripeError, StripePrice, SubscriptionState, TopUp, WebhookPorts, WebhookRefusal,
};
use crate::{
    features::auth::Member,
    shared::{
        clock::Clock,
        ids::{AccountId, UserId},
        store::StoreError,
        telemetry::{Point, Telemetry},
    },
};

pub fn now() -> Timestamp {
    at("2026-11-26T12:00:00Z")
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn member() -> Member {
    Member::new(UserId::new(Uuid::from_u128(1)), AccountId::new(Uuid::from_u128(2)))
}

pub fn event(id: &str) -> EventEnvelope {
    EventEnvelope { id: id.to_owned(), kind: "invoice.paid".to_owned(), api_version: None, taken_at: None }
}

pub fn price(id: &str) -> StripePrice {
    StripePrice { id: id.to_owned(), lookup_key: Some("growth_month".to_owned()), unit_amount: Some(7_900) }
}

/// As `status` says it is.
pub fn subscription(id: &str, status: &str) -> SubscriptionState {
    SubscriptionState {
        id: id.to_owned(),
        customer_id: "cus_1".to_owned(),
        account_id: Some(member().account()),
        price: price("price_1"),
        status: status.to_owned(),
        anchor_at: at("2026-11-01T00:00:00Z"),
        period_starts_at: at("2026-11-01T00:00:00Z"),
        period_ends_at: at("2026-12-01T00:00:00Z"),
        cancel_at: None,
        ended_at: None,
        observed_at: now(),
    }
}

/// Who has paid for this account as `cus_1`.
pub fn payer(account_id: AccountId) -> Payer {
    Payer { account_id, customer_id: "cus_1".to_owned(), asked_at: now() }
}

pub fn line(price: &str) -> PaidLine {
    PaidLine {
        price_id: price.to_owned(),
        amount_cents: 7_900,
        starts_at: at("2026-11-01T00:00:00Z"),
        ends_at: at("2026-12-01T00:00:00Z"),
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Whoever is asked does not answer.
    Away,
    /// They refuse this very call.
    Defect,
    /// Only Stripe knows of no such object.
    NotFound,
    /// Only Stripe's bank declines.
    Declined,
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Away => Self::Unavailable("no answer".to_owned()),
            other => Self::Defect(format!("{other:?}")),
        }
    }
}

impl From<Fault> for StripeError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Away => Self::Unavailable("no answer".to_owned()),
            Fault::Defect => Self::Refused("sk_live_secret is no key".to_owned()),
            Fault::NotFound => Self::NotFound,
            Fault::Declined => Self::Declined("expired_card".to_owned()),
        }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        format!("{fault:?}")
    }
}

/// An event in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub payload: String,
    pub is_processed: bool,
    /// Whether it may be claimed.
    pub is_due: bool,
}

/// Everything outside.
#[derive(Default)]
pub struct World {
    pub(super) asked: Mutex<Vec<String>>,
    /// What was counted.
    pub points: Mutex<Vec<Point>>,
    /// Calls whose line begins like this fail.
    pub(super) broken: Mutex<Vec<(String, Fault)>>,
    /// After so many calls nobody answers any more, as if the process had died.
    pub(super) dies_after: Mutex<Option<usize>>,
    /// Why no delivery is genuine.
    pub refusal: Option<WebhookRefusal>,
    /// What a payload says; `Nothing` unless it is here.
    pub says: BTreeMap<String, EventReading>,
    /// How an event ends in the database; `Applied` unless it is here.
    pub ends: Mutex<BTreeMap<String, Applied>>,
    pub table: Mutex<BTreeMap<String, Row>>,
    pub effects: Mutex<Vec<(String, Effect)>>,
    /// By key.
    pub bucket: Mutex<BTreeMap<String, (EventEnvelope, String)>>,
    /// Prices that somebody has asked about.
    pub known_prices: Vec<String>,
    /// What the database has of subscriptions.
    pub ours: Mutex<BTreeMap<String, SubscriptionState>>,
    /// Subscriptions that may have to be renewed, in their order.
    pub renewable: Vec<Uuid>,
    /// How many accounts' grants end, call by call; then none.
    pub ending: Mutex<VecDeque<u64>>,
    pub top_ups: Vec<TopUp>,
    pub settled: Mutex<Vec<Effect>>,
    /// Those whose cards are not noted, in their order.
    pub payers: Mutex<Vec<Payer>>,
    /// Stripe's subscriptions, in the order of its list.
    pub subscriptions: Vec<SubscriptionState>,
    /// All lines of every invoice.
    pub lines: Vec<PaidLine>,
    /// By payment intent.
    pub paid: BTreeMap<String, PaidFor>,
    /// How a charge ends that is not declined; `Pending` unless it is here.
    pub charged: Option<ChargeOutcome>,
    pub orders: Mutex<Vec<CheckoutOrder>>,
    /// Ids of Stripe's list of events, newest first.
    pub listed: Vec<String>,
    /// Rows of a page of Stripe's lists.
    pub page: usize,
}

impl World {
    /// A world in which the payload `payload` says this.
    pub fn saying(reading: EventReading) -> Self {
        Self { says: BTreeMap::from([("payload".to_owned(), reading)]), ..Self::default() }
    }

    /// Calls whose line begins like this fail from now on.
    pub fn breaks(&self, call: &str, fault: Fault) {
        self.broken.lock().unwrap().push((call.to_owned(), fault));
    }

    /// From now on so many calls are answered, and then none, as if the process had died.
    pub fn dies_after(&self, calls: usize) {
        *self.dies_after.lock().unwrap() = Some(self.asked.lock().unwrap().len() + calls);
    }

    /// Nothing fails any more, and every event that waits may be claimed again.
    pub fn repair(&self) {
        self.broken.lock().unwrap().clear();
        *self.dies_after.lock().unwrap() = None;
        self.table.lock().unwrap().values_mut().for_each(|row| row.is_due = !row.is_processed);
    }

    /// Writes the call down; it fails if a test wants that.
    pub(super) fn hear(&self, call: impl Into<String>) -> Result<(), Fault> {
        let call = call.into();
        let broken = self.broken.lock().unwrap();
        let fault = broken.iter().find(|(line, _)| call.starts_with(line)).map(|(_, fault)| *fault);
        let mut asked = self.asked.lock().unwrap();
        let is_dead = self.dies_after.lock().unwrap().is_some_and(|calls| asked.len() >= calls);
        asked.push(call);
        if is_dead { Err(Fault::Away) } else { fault.map_or(Ok(()), Err) }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The calls that begin like this.
    pub fn heard(&self, call: &str) -> Vec<String> {
        self.asked().into_iter().filter(|line| line.starts_with(call)).collect()
    }

    /// The effects that are in the database.
    pub fn effects(&self) -> Vec<Effect> {
        self.effects.lock().unwrap().iter().map(|(_, effect)| effect.clone()).collect()
    }

    /// The events whose effects are in the database, in the order of their application.
    pub fn applied(&self) -> Vec<String> {
        self.effects.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }

    /// Puts an event into the table that is to be tried; its payload is its id.
    pub fn waits(&self, id: &str) {
        let row = Row { payload: id.to_owned(), is_processed: false, is_due: true };
        self.table.lock().unwrap().insert(id.to_owned(), row);
    }

    pub fn row(&self, id: &str) -> Option<Row> {
        self.table.lock().unwrap().get(id).cloned()
    }
}

pub fn job_ports(world: &Arc<World>) -> BillingJobPorts {
    BillingJobPorts { events: world.clone(), stripe: world.clone(), inbox: world.clone(), store: world.clone() }
}

pub fn webhook_ports(world: &Arc<World>) -> WebhookPorts {
    WebhookPorts {
        events: world.clone(),
        inbox: world.clone(),
        store: world.clone(),
        clock: world.clone(),
        telemetry: world.clone(),
    }
}

impl Telemetry for World {
    fn record(&self, point: Point) {
        self.points.lock().unwrap().push(point);
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        now()
    }
}
