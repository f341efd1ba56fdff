//! Whatever is asked, told, lost or evicted: never too many leases, nobody starves, no lease is lost.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    tests::{at, ids, request},
    *,
};

#[derive(Debug, Clone)]
enum Event {
    Ask {
        account: u128,
        number: u128,
        name: u8,
    },
    Withdraw {
        number: u128,
    },
    /// The oldest actor run ends, and the gate hears of it.
    End,
    /// The oldest actor run ends by its timeout, and the gate never hears of it.
    Vanish,
    Evict,
    Wait {
        seconds: i64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (1..5_u128, 1..60_u128, 0..25_u8).prop_map(|(account, number, name)| Event::Ask { account, number, name }),
        1 => (1..60_u128).prop_map(|number| Event::Withdraw { number }),
        4 => Just(Event::End),
        1 => Just(Event::Vanish),
        1 => Just(Event::Evict),
        3 => (1..30_i64).prop_map(|seconds| Event::Wait { seconds }),
    ]
}

/// No actor run lasts longer: one that starts in the last moment of its order ends before its lease.
const RUNS_S: i64 = 179;

/// The gate and what lies outside of it: its store, and the actor runs.
struct Outside {
    gate: ScrapeGate,
    stored: BTreeMap<ScrapeId, Lease>,
    /// The actor runs that are under way, and since when.
    running: Vec<(ScrapeId, i64)>,
    /// Orders that scrapes have. A repeat starts nothing.
    ordered: BTreeSet<ScrapeId>,
    asked: BTreeMap<RequestKey, ScrapeRequest>,
    now: i64,
}

impl Outside {
    fn carry_out(&mut self, effects: Vec<GateEffect>) {
        for effect in effects {
            match effect {
                GateEffect::Store(lease) => drop(self.stored.insert(lease.order.id, lease)),
                GateEffect::Delete(scrape) => drop(self.stored.remove(&scrape)),
                GateEffect::Order(order) => {
                    assert!(!order.usernames.is_empty() && order.usernames.len() <= USERNAMES_MAX, "{order:?}");
                    let names: BTreeSet<&str> = order.usernames.iter().map(InstagramHandle::as_str).collect();
                    assert_eq!(names.len(), order.usernames.len(), "a username twice");
                    if self.ordered.insert(order.id) {
                        self.running.push((order.id, self.now));
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::property::config())]

    #[test]
    fn never_too_many_and_nobody_is_forgotten(events in prop::collection::vec(event(), 1..120), leases_max in 1..5_usize) {
        let mut id = ids();
        let mut outside = Outside {
            gate: ScrapeGate::new(leases_max, []), stored: BTreeMap::new(), running: vec![],
            ordered: BTreeSet::new(), asked: BTreeMap::new(), now: 0,
        };
        for event in events {
            match event {
                Event::Ask { account, number, name } => {
                    // A run belongs to one account and has one profile.
                    let request = request(account + 4 * number, number, &format!("p{name}"));
                    let request = outside.asked.entry(request.key).or_insert(request).clone();
                    let effects = outside.gate.ask(vec![request], at(outside.now), &mut id);
                    outside.carry_out(effects);
                }
                Event::Withdraw { number } => {
                    let run = request(1, number, "x").key.run_id;
                    outside.gate.withdraw(&[run]);
                    if outside.gate.place(&request(1, number, "x").key).is_none() {
                        outside.asked.retain(|key, _| key.run_id != run);
                    }
                }
                Event::End | Event::Vanish if outside.running.is_empty() => {}
                Event::End => {
                    let (scrape, _) = outside.running.remove(0);
                    let effects = outside.gate.ended(scrape, at(outside.now), &mut id);
                    outside.carry_out(effects);
                }
                Event::Vanish => drop(outside.running.remove(0)),
                Event::Evict => {
                    outside.gate = ScrapeGate::new(leases_max, outside.stored.values().cloned());
                }
                Event::Wait { seconds } => {
                    outside.now += seconds;
                    // Actor runs end by their timeout.
                    let now = outside.now;
                    outside.running.retain(|(_, since)| now - since < RUNS_S);
                    let effects = outside.gate.look_after(at(now), &mut id);
                    outside.carry_out(effects);
                }
            }
            prop_assert!(outside.running.len() <= leases_max, "{} actor runs", outside.running.len());
            let idle = leases_max > outside.gate.held();
            prop_assert!(!idle || outside.gate.waiting.is_empty(), "a free lease, and somebody waits");
        }
        // Everybody asks on, as they do; scrapes end or vanish. In the end all are placed and no lease is left.
        for round in 0..200 {
            outside.now += 5;
            let requests = outside.asked.values().cloned().collect();
            let mut effects = outside.gate.ask(requests, at(outside.now), &mut id);
            effects.extend(outside.gate.look_after(at(outside.now), &mut id));
            outside.carry_out(effects);
            if round % 2 == 0 && !outside.running.is_empty() {
                let (scrape, _) = outside.running.remove(0);
                let effects = outside.gate.ended(scrape, at(outside.now), &mut id);
                outside.carry_out(effects);
            }
            let now = outside.now;
            outside.running.retain(|(_, since)| now - since < RUNS_S);
            prop_assert!(outside.running.len() <= leases_max);
            let is_placed = |key: &RequestKey| matches!(outside.gate.place(key), Some(Place::Scrape(_)));
            let placed: Vec<RequestKey> = outside.asked.keys().filter(|key| is_placed(key)).copied().collect();
            placed.iter().for_each(|key| drop(outside.asked.remove(key)));
        }
        prop_assert!(outside.asked.is_empty(), "starved: {:?}", outside.asked.keys().collect::<Vec<_>>());
        outside.now += 1_000;
        for _ in 0..2 {
            outside.now += 601;
            let effects = outside.gate.look_after(at(outside.now), &mut id);
            outside.carry_out(effects);
        }
        prop_assert!(outside.gate.is_idle() && outside.stored.is_empty(), "{:?}", outside.stored);
    }

    /// The next lease goes to an account that waits and holds fewest.
    #[test]
    fn the_next_lease_goes_to_whoever_holds_fewest(lists in prop::collection::vec(1..40_u128, 1..5), ends in 1..30_usize) {
        let mut id = ids();
        let mut gate = ScrapeGate::new(3, []);
        let mut number = 0;
        let mut requests = vec![];
        for (account, people) in lists.iter().enumerate() {
            for _ in 0..*people {
                number += 1;
                requests.push(request(account as u128 + 1, number, &format!("p{number}")));
            }
        }
        let _ = gate.ask(requests, at(0), &mut id);
        for second in 0..ends {
            let Some(oldest) = gate.leases.values().find(|lease| is_held(lease)).map(|lease| lease.order.id) else { break };
            let mut held: BTreeMap<AccountId, usize> = BTreeMap::new();
            for lease in gate.leases.values().filter(|lease| is_held(lease) && lease.order.id != oldest) {
                *held.entry(lease.leader).or_default() += 1;
            }
            let waiting: BTreeSet<AccountId> = gate.waiting.values().map(|waiting| waiting.request.account_id).collect();
            let fewest = waiting.iter().map(|account| held.get(account).copied().unwrap_or(0)).min();
            let effects = gate.ended(oldest, at(second as i64), &mut id);
            for effect in effects {
                if let GateEffect::Store(lease) = effect && is_held(&lease) {
                    prop_assert_eq!(held.get(&lease.leader).copied().unwrap_or(0), fewest.unwrap());
                }
            }
        }
    }
}
