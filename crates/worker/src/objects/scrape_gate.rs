//! The Durable Object of the gate: the shell round [`ScrapeGate`]. There is one.

use std::{cell::RefCell, time::Duration};

use oslira_app::{
    features::scraping::{GATE_LOOKS_EVERY, GateEffect, Lease, Place, RequestKey, ScrapeGate as Gate, ScrapeRequest},
    shared::{
        clock::Clock as _,
        ids::{RunId, ScrapeId},
    },
};
use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::{Bell, scrape::Scrapes};
use crate::{
    adapters::{PlatformClock, in_time, new_scrape_id},
    isolate::Isolate,
};

/// Before the ids of the leases in the store.
const LEASES: &str = "lease/";

/// What is asked of the gate.
#[derive(Debug, Serialize, Deserialize)]
pub enum GateCommand {
    /// Gets in line.
    Ask(Vec<ScrapeRequest>),
    /// Gets in line, and waits for so many milliseconds to be placed.
    Wait(ScrapeRequest, u64),
    /// Asks which of them have a scrape.
    Begun(Vec<RunId>),
    /// Leaves the line.
    Withdraw(Vec<RunId>),
    /// A scrape takes in nobody any more.
    Closed(ScrapeId),
    /// A scrape's actor run has ended.
    Ended(ScrapeId),
}

#[durable_object]
pub struct ScrapeGate {
    state: State,
    env: Env,
    gate: RefCell<Option<Gate>>,
    /// Rings when somebody may have been placed.
    bell: Bell,
}

impl DurableObject for ScrapeGate {
    fn new(state: State, env: Env) -> Self {
        Isolate::of(&env);
        Self { state, env, gate: RefCell::default(), bell: Bell::default() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        self.load().await?;
        let now = PlatformClock.now();
        match request.json().await? {
            GateCommand::Ask(requests) => {
                self.change(|gate| gate.ask(requests, now, &mut new_scrape_id)).await?;
                Response::from_json(&())
            }
            GateCommand::Wait(request, wait_ms) => {
                let key = request.key;
                self.change(|gate| gate.ask(vec![request], now, &mut new_scrape_id)).await?;
                let is_placed = || matches!(self.place(&key), Some(Place::Scrape(_)));
                self.bell.wait_until(is_placed, Duration::from_millis(wait_ms)).await;
                Response::from_json(&self.place(&key).unwrap_or(Place::Waiting))
            }
            GateCommand::Begun(runs) => {
                let begun = self.gate.borrow().as_ref().map(|gate| gate.begun(&runs));
                Response::from_json(&begun.unwrap_or_default())
            }
            GateCommand::Withdraw(runs) => {
                self.change(|gate| {
                    gate.withdraw(&runs);
                    vec![]
                })
                .await?;
                Response::from_json(&())
            }
            GateCommand::Closed(scrape) => {
                self.change(|gate| gate.closed(scrape)).await?;
                Response::from_json(&())
            }
            GateCommand::Ended(scrape) => {
                self.change(|gate| gate.ended(scrape, now, &mut new_scrape_id)).await?;
                Response::from_json(&())
            }
        }
    }

    /// Catches failures and sets the alarm again: the platform drops an alarm that has thrown in six retries.
    async fn alarm(&self) -> Result<Response> {
        let now = PlatformClock.now();
        let looked_after = async {
            self.load().await?;
            self.change(|gate| gate.look_after(now, &mut new_scrape_id)).await
        };
        if let Err(error) = looked_after.await {
            tracing::warn!(%error, "the gate was not looked after; trying again");
            self.state.storage().set_alarm(GATE_LOOKS_EVERY).await?;
        }
        Response::empty()
    }
}

impl ScrapeGate {
    /// Reads the leases, once in the life of the process.
    async fn load(&self) -> Result<()> {
        if self.gate.borrow().is_some() {
            return Ok(());
        }
        let options = worker::ListOptions::new().prefix(LEASES);
        let stored = self.state.storage().list_with_options(options).await?;
        let mut leases: Vec<Lease> = vec![];
        for entry in stored.entries() {
            let (key, value): (String, serde_json::Value) = serde_wasm_bindgen::from_value(entry?)?;
            match serde_json::from_str(value.as_str().unwrap_or_default()) {
                Ok(lease) => leases.push(lease),
                Err(error) => leases.extend(self.unreadable(&key, &error).await?),
            }
        }
        let leases_max = Isolate::of(&self.env).config.providers.scraper.runs_max;
        // Another request may have been let in meanwhile.
        self.gate.borrow_mut().get_or_insert_with(|| Gate::new(leases_max, leases));
        Ok(())
    }

    /// In place of a stored lease that this version cannot read, which must not keep the gate from all others. It is stored, so that its
    /// time is over once.
    async fn unreadable(&self, key: &str, error: &serde_json::Error) -> Result<Option<Lease>> {
        tracing::error!(key, %error, "a lease cannot be read; it is held for as long as any may be");
        let Ok(id) = serde_json::from_value(key.trim_start_matches(LEASES).into()) else {
            return Ok(None);
        };
        let lease = Lease::unreadable(id, PlatformClock.now());
        self.store(&lease).await?;
        Ok(Some(lease))
    }

    fn place(&self, key: &RequestKey) -> Option<Place> {
        self.gate.borrow().as_ref().and_then(|gate| gate.place(key))
    }

    async fn store(&self, lease: &Lease) -> Result<()> {
        self.state.storage().put(&format!("{LEASES}{}", lease.order.id), serde_json::to_string(lease)?).await
    }

    /// Changes the gate, carries the effects out, and wakes whoever waits.
    async fn change(&self, change: impl FnOnce(&mut Gate) -> Vec<GateEffect>) -> Result<()> {
        let (effects, is_idle) = match self.gate.borrow_mut().as_mut() {
            Some(gate) => (change(gate), gate.is_idle()),
            None => return Ok(()),
        };
        let carried_out = self.carry_out(effects, is_idle).await;
        if carried_out.is_err() {
            // What was not stored is not so: the leases are read again, and the line forms again by itself.
            *self.gate.borrow_mut() = None;
        }
        carried_out
    }

    async fn carry_out(&self, effects: Vec<GateEffect>, is_idle: bool) -> Result<()> {
        let storage = self.state.storage();
        // Before anything is stored, so that whatever is stored is looked after, should the process die in the middle.
        if !is_idle && storage.get_alarm().await?.is_none() {
            storage.set_alarm(GATE_LOOKS_EVERY).await?;
        }
        let mut orders = vec![];
        for effect in effects {
            match effect {
                GateEffect::Store(lease) => self.store(&lease).await?,
                GateEffect::Delete(scrape) => drop(storage.delete(&format!("{LEASES}{scrape}")).await?),
                GateEffect::Order(order) => orders.push(order),
            }
        }
        // Who joins a scrape was placed before they wait; everybody else is placed by an order.
        if !orders.is_empty() {
            self.bell.ring();
        }
        let scrapes = Scrapes::new(&self.env);
        let given =
            futures_util::future::join_all(orders.iter().map(|order| in_time(scrapes.order(order), Duration::ZERO)))
                .await;
        for (order, given) in orders.iter().zip(given) {
            match given {
                Ok(()) => {
                    let stored = self.gate.borrow_mut().as_mut().map(|gate| gate.taken(order.id)).unwrap_or_default();
                    for effect in stored {
                        if let GateEffect::Store(lease) = effect {
                            self.store(&lease).await?;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(scrape_id = %order.id, %error, "an order did not arrive; it is given again");
                }
            }
        }
        Ok(())
    }
}
