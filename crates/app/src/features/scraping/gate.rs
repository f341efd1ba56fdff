//! The gate: who is scraped next.
//!
//! Promises: never more leases at once than allowed; a lease ends when its actor run has ended or cannot go on any more, whatever
//! dies; of the accounts that wait, the one with the fewest leases is next, and within an account whoever asked first; an
//! actor run is never held back to fill it; a profile that is just being read is not read again for the next who asks; what gave
//! nothing twice is read alone, so that one profile on which actor runs fail takes no others with it for good.
//!
//! Only leases are stored. The line is not: everybody in it asks again within a minute, and their place follows from the
//! age of their runs.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{Lease, Place, RequestKey, ScrapeOrder, ScrapeRequest};
use crate::{
    features::profiles::{InstagramHandle, ScrapePart},
    shared::ids::{AccountId, RunId, ScrapeId},
};

/// How often the gate looks after its leases while there are any.
pub const GATE_LOOKS_EVERY: Duration = Duration::from_secs(10);
/// An actor run reads so many usernames at most, and the posts of so many: an isolate has to hold them all.
pub const USERNAMES_MAX: usize = 10;
pub const POSTS_OF_MAX: usize = 3;
/// Who has not asked for so long has gone. The engine that is to ask may take half a minute to start.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// So long after its end, whoever asks is still told which scrape it was.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// What the shell must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateEffect {
    /// Stores the lease in place of an older form of it.
    Store(Lease),
    /// Deletes what is stored of it.
    Delete(ScrapeId),
    /// Gives the order to the scrape; a repeat does nothing. Then [`ScrapeGate::taken`] is called.
    Order(ScrapeOrder),
}

#[derive(Debug, Clone)]
struct Waiting {
    request: ScrapeRequest,
    heard_at: Timestamp,
}

/// The gate, as it was read from its store.
#[derive(Debug, Clone)]
pub struct ScrapeGate {
    leases_max: usize,
    leases: BTreeMap<ScrapeId, Lease>,
    placed: BTreeMap<RequestKey, ScrapeId>,
    /// In the order in which they asked.
    waiting: BTreeMap<RequestKey, Waiting>,
}

impl ScrapeGate {
    /// With the stored leases.
    #[must_use]
    pub fn new(leases_max: usize, stored: impl IntoIterator<Item = Lease>) -> Self {
        let leases: BTreeMap<ScrapeId, Lease> = stored.into_iter().map(|lease| (lease.order.id, lease)).collect();
        let of = |lease: &Lease| lease.requests.iter().map(|key| (*key, lease.order.id)).collect::<Vec<_>>();
        let placed = leases.values().flat_map(of).collect();
        Self { leases_max, leases, placed, waiting: BTreeMap::new() }
    }

    /// Takes requests in, and gives out the leases that are free. Whoever is known already changes nothing.
    #[must_use]
    pub fn ask(
        &mut self,
        requests: Vec<ScrapeRequest>,
        now: Timestamp,
        new_id: &mut dyn FnMut() -> ScrapeId,
    ) -> Vec<GateEffect> {
        let mut effects = vec![];
        for request in requests {
            if self.placed.contains_key(&request.key) {
                continue;
            }
            match self.joined(&request) {
                Some(lease) => effects.push(GateEffect::Store(lease)),
                None => drop(self.waiting.insert(request.key, Waiting { request, heard_at: now })),
            }
        }
        effects.extend(self.give_out(now, new_id));
        effects
    }

    /// Where a request is; `None` for one that never asked, or has gone.
    #[must_use]
    pub fn place(&self, key: &RequestKey) -> Option<Place> {
        match self.placed.get(key) {
            Some(scrape) => Some(Place::Scrape(*scrape)),
            None => self.waiting.contains_key(key).then_some(Place::Waiting),
        }
    }

    /// Those of the runs that have a scrape.
    #[must_use]
    pub fn begun(&self, runs: &[RunId]) -> Vec<RunId> {
        let is_placed = |run: &&RunId| self.placed.keys().any(|key| key.run_id == **run);
        runs.iter().filter(is_placed).copied().collect()
    }

    /// Takes the requests of runs out of the line. What is being read already is read to its end.
    pub fn withdraw(&mut self, runs: &[RunId]) {
        self.waiting.retain(|key, _| !runs.contains(&key.run_id));
    }

    /// The scrape has the order.
    #[must_use]
    pub fn taken(&mut self, scrape: ScrapeId) -> Vec<GateEffect> {
        self.change(scrape, |lease| lease.is_taken = true)
    }

    /// The scrape takes in nobody any more.
    #[must_use]
    pub fn closed(&mut self, scrape: ScrapeId) -> Vec<GateEffect> {
        self.change(scrape, |lease| lease.is_closed = true)
    }

    /// The actor run has ended: its lease is free.
    #[must_use]
    pub fn ended(&mut self, scrape: ScrapeId, now: Timestamp, new_id: &mut dyn FnMut() -> ScrapeId) -> Vec<GateEffect> {
        let mut effects = self.change(scrape, |lease| {
            lease.ended_at.get_or_insert(now);
        });
        effects.extend(self.give_out(now, new_id));
        effects
    }

    /// Looks after everything that nobody may ever tell: leases that expire, orders that did not arrive, people who have gone.
    #[must_use]
    pub fn look_after(&mut self, now: Timestamp, new_id: &mut dyn FnMut() -> ScrapeId) -> Vec<GateEffect> {
        let mut effects = vec![];
        let expired: Vec<ScrapeId> =
            self.leases.values().filter(|lease| is_held(lease) && lease.expires_at <= now).map(id).collect();
        for scrape in expired {
            tracing::error!(scrape_id = %scrape, "a scrape was not heard of again: its lease is taken back");
            effects.extend(self.change(scrape, |lease| lease.ended_at = Some(now)));
        }
        let is_forgotten = |lease: &&Lease| lease.ended_at.is_some_and(|ended| now.duration_since(ended) >= REMEMBERED);
        let forgotten: Vec<ScrapeId> = self.leases.values().filter(is_forgotten).map(id).collect();
        for scrape in forgotten {
            let requests = self.leases.remove(&scrape).map(|lease| lease.requests).unwrap_or_default();
            self.placed.retain(|key, _| !requests.contains(key));
            effects.push(GateEffect::Delete(scrape));
        }
        self.waiting.retain(|_, waiting| now.duration_since(waiting.heard_at) < GONE_AFTER);
        let is_lost = |lease: &&Lease| is_held(lease) && !lease.is_taken && now < lease.order.start_before;
        effects.extend(self.leases.values().filter(is_lost).map(|lease| GateEffect::Order(lease.order.clone())));
        effects.extend(self.give_out(now, new_id));
        effects
    }

    /// Whether there is anything to look after.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.leases.is_empty() && self.waiting.is_empty()
    }

    /// Leases that are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.leases.values().filter(|lease| is_held(lease)).count()
    }

    fn change(&mut self, scrape: ScrapeId, change: impl FnOnce(&mut Lease)) -> Vec<GateEffect> {
        let Some(lease) = self.leases.get_mut(&scrape) else { return vec![] };
        let before = lease.clone();
        change(lease);
        if *lease == before { vec![] } else { vec![GateEffect::Store(lease.clone())] }
    }

    /// Lets a request share a scrape that is about to read, or has just read, the same of the same profile.
    fn joined(&mut self, request: &ScrapeRequest) -> Option<Lease> {
        let RequestKey { run_id, part, .. } = request.key;
        let fits = |lease: &&mut Lease| {
            is_held(lease)
                && !lease.is_closed
                && lease.order.part == part
                && lease.order.usernames.contains(&request.username)
                // Another attempt after what this scrape gave.
                && !lease.requests.iter().any(|key| key.run_id == run_id)
        };
        let lease = self.leases.values_mut().find(fits)?;
        lease.requests.push(request.key);
        self.placed.insert(request.key, lease.order.id);
        Some(lease.clone())
    }

    fn give_out(&mut self, now: Timestamp, new_id: &mut dyn FnMut() -> ScrapeId) -> Vec<GateEffect> {
        let mut effects = vec![];
        while let Some(free) = self.leases_max.checked_sub(self.held()).filter(|free| *free > 0) {
            let Some(leader) = self.next() else { break };
            let lease = self.lease(&leader, free, now, new_id());
            effects.extend([GateEffect::Store(lease.clone()), GateEffect::Order(lease.order.clone())]);
            self.leases.insert(lease.order.id, lease);
        }
        effects
    }

    /// Of the accounts that wait, the one with the fewest leases; of its requests the oldest.
    fn next(&self) -> Option<ScrapeRequest> {
        let mut leases: BTreeMap<AccountId, usize> = BTreeMap::new();
        for lease in self.leases.values().filter(|lease| is_held(lease)) {
            *leases.entry(lease.leader).or_default() += 1;
        }
        let held = |request: &ScrapeRequest| leases.get(&request.account_id).copied().unwrap_or(0);
        let requests = self.waiting.values().map(|waiting| &waiting.request);
        requests.min_by_key(|request| (held(request), request.key)).cloned()
    }

    /// A lease for the leader, shared with whoever waits for the same part: as many as make all free leases equally full. What gave
    /// nothing twice is shared with nobody.
    fn lease(&mut self, leader: &ScrapeRequest, free: usize, now: Timestamp, id: ScrapeId) -> Lease {
        let part = leader.key.part;
        let mut lease = Lease::new(id, leader.account_id, part, now);
        let names: BTreeSet<&str> = self.company_for(part).map(|request| request.username.as_str()).collect();
        let most = match part {
            _ if leader.key.is_suspect() => 1,
            ScrapePart::Details => USERNAMES_MAX,
            ScrapePart::Posts(_) => POSTS_OF_MAX,
        };
        let size = names.len().div_ceil(free).clamp(1, most);
        let mut shares: BTreeMap<AccountId, usize> = BTreeMap::new();
        let mut next = Some(leader.clone());
        while let Some(request) = next {
            *shares.entry(request.account_id).or_default() += 1;
            self.take_in(&mut lease, request.username);
            if lease.order.usernames.len() >= size {
                break;
            }
            // In turn among the accounts, so that the one with the longest list does not fill it.
            let share = |request: &ScrapeRequest| shares.get(&request.account_id).copied().unwrap_or(0);
            next = self.company_for(part).min_by_key(|request| (share(request), request.key)).cloned();
        }
        lease
    }

    fn waiting_for(&self, part: ScrapePart) -> impl Iterator<Item = &ScrapeRequest> {
        self.waiting.values().map(|waiting| &waiting.request).filter(move |request| request.key.part == part)
    }

    /// Who may share an actor run.
    fn company_for(&self, part: ScrapePart) -> impl Iterator<Item = &ScrapeRequest> {
        self.waiting_for(part).filter(|request| !request.key.is_suspect())
    }

    /// Puts a username into the lease, with everybody who waits for it.
    fn take_in(&mut self, lease: &mut Lease, username: InstagramHandle) {
        let part = lease.order.part;
        let keys: Vec<RequestKey> =
            self.waiting_for(part).filter(|request| request.username == username).map(|request| request.key).collect();
        for key in keys {
            self.waiting.remove(&key);
            self.placed.insert(key, lease.order.id);
            lease.requests.push(key);
        }
        lease.order.usernames.push(username);
    }
}

const fn is_held(lease: &Lease) -> bool {
    lease.ended_at.is_none()
}

const fn id(lease: &Lease) -> ScrapeId {
    lease.order.id
}
