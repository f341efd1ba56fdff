//! The invariants of scraping: no request is read twice, nobody waits while a lease is free, a scrape has an answer for
//! everybody, and every lease ends. That a scrape has one actor run, and that there are never too many, is checked where they begin
//! (`apify.rs`).

use std::collections::{BTreeMap, BTreeSet};

use oslira_app::{
    features::scraping::{Place, RequestKey, ScrapeOrder, ScrapeRequest},
    shared::ids::ScrapeId,
};

use crate::World;

/// What is remembered of requests, apart from the gate.
#[derive(Debug, Clone, Default)]
pub(super) struct ScrapingChecks {
    /// Who asked and is known to the gate.
    asked: BTreeSet<RequestKey>,
    /// Which scrape each request was last told.
    placed: BTreeMap<RequestKey, ScrapeId>,
}

impl ScrapingChecks {
    pub(super) fn asked(&mut self, requests: &[ScrapeRequest]) {
        self.asked.extend(requests.iter().map(|request| request.key));
    }
}

impl World {
    /// To be called after each change of the gate.
    pub(super) fn check_gate(&mut self) {
        let scraping = &mut self.scraping;
        let Some(gate) = &scraping.gate.live else { return };
        let is_free = gate.held() < scraping.leases_max;
        let mut violation = None;
        scraping.checks.asked.retain(|key| match gate.place(key) {
            // It has gone, or the gate has forgotten it and is asked again.
            None => false,
            Some(Place::Waiting) => {
                if is_free {
                    violation = Some(format!("a lease is free, and {key:?} waits"));
                }
                true
            }
            Some(Place::Scrape(scrape)) => {
                let before = scraping.checks.placed.insert(*key, scrape).filter(|before| *before != scrape);
                if let Some(before) = before.filter(|before| scraping.gate.stored.contains_key(before)) {
                    violation = Some(format!("{key:?} is read by scrape {scrape} after {before}"));
                }
                true
            }
        });
        if let Some(violation) = violation {
            self.report_violation(violation);
        }
    }

    /// To be called when a scrape has returned its lease.
    pub(super) fn check_answers(&mut self, id: ScrapeId, order: &ScrapeOrder) {
        let Some(object) = self.scraping.scrapes.get(&id) else { return };
        let forgotten = order.usernames.iter().find(|username| !object.answers.contains_key(username.as_str()));
        if let Some(username) = forgotten {
            self.report_violation(format!("scrape {id} ended without an answer about @{username}"));
        }
    }

    /// To be called when no object has anything more to do.
    pub fn check_leases(&mut self) {
        if let Some(lease) = self.scraping.gate.stored.values().next() {
            let violation = format!("a lease never ends: {lease}");
            self.report_violation(violation);
        }
    }
}
