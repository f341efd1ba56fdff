//! How profiles are read in the simulated world: the product's own gate and scrapes, each in an object that dies at any
//! moment and then knows only what it has stored, over a simulated Apify.
//!
//! The objects act in events of virtual time ([`World::next_event_ms`]); between two events of an object its process can
//! die ([`World::evict_gate`], [`World::evict_scrape`]). They are no futures, so that a copy of the world has them in the
//! middle of their work.

mod apify;
mod behaviour;
mod checks;
mod gate_object;
mod scrape_object;
mod source;

use std::collections::BTreeMap;

use oslira_app::shared::ids::ScrapeId;
use uuid::Uuid;

pub use self::behaviour::ApifyBehaviour;
use self::{apify::Apify, checks::ScrapingChecks, gate_object::GateObject, scrape_object::ScrapeObject};
use crate::World;

/// So many actor runs at once, where a history does not say otherwise: an analysis asks for two at most.
const LEASES_MAX: usize = 2;

/// The gate, the scrapes and Apify.
#[derive(Debug, Clone)]
pub struct Scraping {
    /// How many actor runs the product allows itself at once.
    pub leases_max: usize,
    pub(crate) apify: Apify,
    /// How often a process of an object died.
    pub(crate) evictions: u32,
    /// Requests that had to wait for a lease.
    pub(crate) waits: u32,
    gate: GateObject,
    scrapes: BTreeMap<ScrapeId, ScrapeObject>,
    checks: ScrapingChecks,
    /// In the ids of its scrapes: the bills of many histories go to one real database.
    seed: u64,
    scrapes_named: u64,
}

/// The process of an object died, or a call to it was lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unheard;

impl Scraping {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            leases_max: LEASES_MAX,
            apify: Apify::default(),
            evictions: 0,
            waits: 0,
            gate: GateObject::default(),
            scrapes: BTreeMap::new(),
            checks: ScrapingChecks::default(),
            seed,
            scrapes_named: 0,
        }
    }

    /// Lets the names of Apify's calls count from here.
    pub fn forget_starts(&mut self) {
        self.apify.starts.clear();
    }
}

/// Names a scrape.
fn name(seed: u64, named: &mut u64) -> ScrapeId {
    *named += 1;
    ScrapeId::new(Uuid::from_u128((u128::from(seed) << 64) | u128::from(*named)))
}

/// An object, for the choice of the one that acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object {
    Gate,
    Scrape(ScrapeId),
}

impl World {
    /// When the next object acts; `None` when all have nothing more to do.
    #[must_use]
    pub fn next_event_ms(&self) -> Option<i64> {
        self.next_event().map(|(at_ms, _)| at_ms)
    }

    fn next_event(&self) -> Option<(i64, Object)> {
        let gate = self.scraping.gate.alarm_ms().map(|at_ms| (at_ms, Object::Gate));
        let scrapes = self.scraping.scrapes.iter();
        let scrapes = scrapes.filter_map(|(id, object)| Some((object.event_ms()?, Object::Scrape(*id))));
        gate.into_iter().chain(scrapes).min_by_key(|(at_ms, _)| *at_ms)
    }

    /// Lets the object act whose turn it is, if its time has come.
    pub fn act(&mut self) {
        match self.next_event().filter(|(at_ms, _)| *at_ms <= self.now_ms) {
            Some((_, Object::Gate)) => self.gate_alarm(),
            Some((_, Object::Scrape(id))) => self.scrape_acts(id),
            None => {}
        }
    }

    /// Time passes to a moment, if it is not over, and the objects act meanwhile.
    pub fn pass_to(&mut self, moment_ms: i64) {
        let moment_ms = moment_ms.max(self.now_ms);
        while let Some(next_ms) = self.next_event_ms().filter(|next_ms| *next_ms <= moment_ms) {
            self.now_ms = self.now_ms.max(next_ms);
            self.act();
        }
        self.now_ms = moment_ms;
    }

    /// Time passes until no object has anything more to do.
    pub fn pass_until_quiet(&mut self) {
        while let Some(next_ms) = self.next_event_ms() {
            self.pass_to(next_ms);
        }
    }

    /// Every object's process dies.
    pub fn evict_all(&mut self) {
        self.evict_gate();
        let scrapes: Vec<ScrapeId> = self.scraping.scrapes.keys().copied().collect();
        scrapes.into_iter().for_each(|scrape| self.evict_scrape(scrape));
    }

    /// The process of one object dies, of whichever.
    pub(crate) fn evict_any(&mut self) {
        let scrapes: Vec<ScrapeId> = self.scraping.scrapes.keys().copied().collect();
        match self.random.pick(&scrapes).copied() {
            Some(scrape) if self.random.chance(500) => self.evict_scrape(scrape),
            _ => self.evict_gate(),
        }
    }

    /// Whether an object's process dies before its next effect, or a call to an object is lost.
    fn object_fails(&mut self) -> bool {
        let rate = self.fault_rates.object;
        self.random.chance(rate)
    }
}
