//! The object of the gate, as `crates/worker/src/objects/scrape_gate.rs` is it: it stores each lease, and its alarm looks
//! after them while there are any.

use std::collections::BTreeMap;

use jiff::Timestamp;
use oslira_app::{
    features::scraping::{
        GATE_LOOKS_EVERY, GateEffect, Lease, Place, RequestKey, ScrapeGate, ScrapeOrder, ScrapeRequest,
    },
    shared::ids::{RunId, ScrapeId},
};

use super::{Unheard, name};
use crate::{Mutation, World};

const LOOKS_EVERY_MS: i64 = GATE_LOOKS_EVERY.as_millis() as i64;

#[derive(Debug, Clone, Default)]
pub(super) struct GateObject {
    /// By scrape, the lease as JSON.
    pub(super) stored: BTreeMap<ScrapeId, String>,
    alarm_ms: Option<i64>,
    /// What its process knows; `None` until somebody asks for it after its death.
    pub(super) live: Option<ScrapeGate>,
    /// How many processes have died: who waited in one of them hears nothing.
    pub(super) deaths: u32,
}

impl GateObject {
    pub(super) const fn alarm_ms(&self) -> Option<i64> {
        self.alarm_ms
    }
}

/// What changes the gate, at a moment and with a source of names for scrapes.
type NewId<'a> = &'a mut dyn FnMut() -> ScrapeId;

impl World {
    /// Gets requests in line.
    pub(crate) fn ask_gate(&mut self, requests: &[ScrapeRequest]) -> Result<(), Unheard> {
        self.work.gate_requests += 1;
        self.scraping.checks.asked(requests);
        let asked = requests.to_vec();
        self.change_gate(|gate, now, new_id| gate.ask(asked, now, new_id))?;
        let gate = self.scraping.gate.live.as_ref();
        let waits = |request: &&ScrapeRequest| {
            gate.is_some_and(|gate| matches!(gate.place(&request.key), Some(Place::Waiting)))
        };
        self.scraping.waits += u32::try_from(requests.iter().filter(waits).count()).unwrap_or(u32::MAX);
        Ok(())
    }

    /// Takes ended runs out of the line.
    pub(crate) fn withdraw_from_gate(&mut self, runs: &[RunId]) -> Result<(), Unheard> {
        self.work.gate_requests += 1;
        self.change_gate(|gate, _, _| {
            gate.withdraw(runs);
            vec![]
        })
    }

    /// A scrape says that it takes in nobody any more.
    pub(super) fn close_lease(&mut self, scrape: ScrapeId) -> Result<(), Unheard> {
        if self.has(Mutation::LeaseReturnedEarly) {
            return self.return_lease(scrape);
        }
        self.work.gate_requests += 1;
        self.change_gate(|gate, _, _| gate.closed(scrape))
    }

    /// A scrape says that its actor run has ended.
    pub(super) fn return_lease(&mut self, scrape: ScrapeId) -> Result<(), Unheard> {
        self.work.gate_requests += 1;
        self.change_gate(|gate, now, new_id| gate.ended(scrape, now, new_id))
    }

    /// Where a request is, as far as a live process knows.
    pub(super) fn place(&self, key: &RequestKey) -> Option<Place> {
        self.scraping.gate.live.as_ref().and_then(|gate| gate.place(key))
    }

    pub(super) fn gate_alarm(&mut self) {
        self.scraping.gate.alarm_ms = None;
        let is_held = self.scraping.gate.live.as_ref().is_none_or(|gate| gate.held() > 0);
        if self.has(Mutation::GateNeverLooks) && is_held {
            return;
        }
        if self.change_gate(|gate, now, new_id| gate.look_after(now, new_id)).is_err() {
            // The handler sets it again after a failure, and the platform repeats an alarm whose process died.
            self.scraping.gate.alarm_ms = Some(self.now_ms + LOOKS_EVERY_MS);
        }
    }

    /// The gate's process dies.
    pub(crate) fn evict_gate(&mut self) {
        let gate = &mut self.scraping.gate;
        if gate.live.take().is_some() {
            gate.deaths += 1;
            self.scraping.evictions += 1;
        }
    }

    fn change_gate(
        &mut self,
        change: impl FnOnce(&mut ScrapeGate, Timestamp, NewId<'_>) -> Vec<GateEffect>,
    ) -> Result<(), Unheard> {
        if self.object_fails() {
            return Err(Unheard);
        }
        self.load_gate();
        let (now, seed) = (self.now(), self.scraping.seed);
        let named = &mut self.scraping.scrapes_named;
        let Some(gate) = self.scraping.gate.live.as_mut() else { return Err(Unheard) };
        let effects = change(gate, now, &mut || name(seed, named));
        // Before anything is stored, so that whatever is stored is looked after.
        if !gate.is_idle() {
            self.scraping.gate.alarm_ms.get_or_insert(self.now_ms + LOOKS_EVERY_MS);
        }
        self.carry_out_for_gate(effects)?;
        self.check_gate();
        if self.object_fails() { Err(Unheard) } else { Ok(()) }
    }

    fn load_gate(&mut self) {
        if self.scraping.gate.live.is_some() {
            return;
        }
        if self.has(Mutation::GateForgetsLeases) {
            self.scraping.gate.stored.clear();
        }
        let mut leases: Vec<Lease> = vec![];
        for text in self.scraping.gate.stored.values() {
            match serde_json::from_str(text) {
                Ok(lease) => leases.push(lease),
                Err(error) => return self.report_violation(format!("a stored lease cannot be read: {error}: {text}")),
            }
        }
        let mut leases_max = self.scraping.leases_max;
        if self.has(Mutation::LeaseNeverGiven) && leases_max > 1 {
            leases_max -= 1;
        }
        self.scraping.gate.live = Some(ScrapeGate::new(leases_max, leases));
    }

    fn carry_out_for_gate(&mut self, effects: Vec<GateEffect>) -> Result<(), Unheard> {
        let mut orders: Vec<ScrapeOrder> = vec![];
        for effect in effects {
            if self.object_fails() {
                self.evict_gate();
                return Err(Unheard);
            }
            match effect {
                GateEffect::Store(lease) => self.store_lease(&lease),
                GateEffect::Delete(scrape) => drop(self.scraping.gate.stored.remove(&scrape)),
                GateEffect::Order(order) => orders.push(order),
            }
        }
        for order in orders {
            // One that did not arrive is given again by the alarm.
            if self.give_order(&order).is_err() {
                continue;
            }
            let taken = self.scraping.gate.live.as_mut().map(|gate| gate.taken(order.id)).unwrap_or_default();
            for effect in taken {
                if let GateEffect::Store(lease) = effect {
                    self.store_lease(&lease);
                }
            }
        }
        Ok(())
    }

    fn store_lease(&mut self, lease: &Lease) {
        let Ok(mut value) = serde_json::to_value(lease) else { return };
        if self.has(Mutation::GateForgetsRequests)
            && let Some(requests) = value.get_mut("requests")
        {
            *requests = serde_json::json!([]);
        }
        let text = self.written(value.to_string());
        self.scraping.gate.stored.insert(lease.order.id, text);
    }
}
