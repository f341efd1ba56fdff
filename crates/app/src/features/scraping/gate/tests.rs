use uuid::Uuid;

use super::*;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Run `number` of an account; later runs have higher numbers.
pub(super) fn request(account: u128, number: u128, username: &str) -> ScrapeRequest {
    let run_id = RunId::new(Uuid::from_u128(number));
    ScrapeRequest {
        key: RequestKey { run_id, part: ScrapePart::Details, attempt: RequestKey::FIRST_ATTEMPT },
        account_id: AccountId::new(Uuid::from_u128(account)),
        username: username.parse().unwrap(),
    }
}

/// A list of so many people of one account, from run `first` on.
pub(super) fn list(account: u128, first: u128, people: u128) -> Vec<ScrapeRequest> {
    (first..first + people).map(|number| request(account, number, &format!("person_{account}_{number}"))).collect()
}

pub(super) fn ids() -> impl FnMut() -> ScrapeId {
    let mut last = 0;
    move || {
        last += 1;
        ScrapeId::new(Uuid::from_u128(last))
    }
}

fn orders(effects: &[GateEffect]) -> Vec<ScrapeOrder> {
    let order = |effect: &GateEffect| match effect {
        GateEffect::Order(order) => Some(order.clone()),
        GateEffect::Store(_) | GateEffect::Delete(_) => None,
    };
    effects.iter().filter_map(order).collect()
}

fn sizes(effects: &[GateEffect]) -> Vec<usize> {
    orders(effects).iter().map(|order| order.usernames.len()).collect()
}

#[test]
fn one_request_is_one_scrape_at_once() {
    let (mut gate, mut id) = (ScrapeGate::new(10, []), ids());
    let ann = request(1, 1, "ann");
    let effects = gate.ask(vec![ann.clone()], at(0), &mut id);
    assert_eq!(sizes(&effects), [1]);
    assert_eq!(gate.place(&ann.key), Some(Place::Scrape(ScrapeId::new(Uuid::from_u128(1)))));
    assert_eq!(gate.ask(vec![ann], at(1), &mut id), [], "asking again is the same request");
}

#[test]
fn a_list_fills_the_free_leases_evenly() {
    for (people, expected) in [(100, vec![10; 10]), (15, vec![2, 2, 2, 2, 2, 1, 1, 1, 1, 1]), (3, vec![1; 3])] {
        let mut gate = ScrapeGate::new(10, []);
        let effects = gate.ask(list(1, 1, people), at(0), &mut ids());
        assert_eq!(sizes(&effects), expected, "{people}");
    }
}

#[test]
fn a_single_behind_a_list_gets_the_next_lease_and_is_read_first() {
    let (mut gate, mut id) = (ScrapeGate::new(2, []), ids());
    let begun = orders(&gate.ask(list(1, 1, 60), at(0), &mut id));
    assert_eq!(begun.len(), 2);
    assert_eq!(orders(&gate.ask(vec![request(2, 99, "single")], at(1), &mut id)), []);
    let next = orders(&gate.ended(begun[0].id, at(8), &mut id));
    assert_eq!(next[0].usernames[0].as_str(), "single");
    assert_eq!(next[0].usernames.len(), 10, "others ride along");
}

#[test]
fn riders_are_taken_in_turn_from_every_account() {
    let (mut gate, mut id) = (ScrapeGate::new(1, []), ids());
    let first = orders(&gate.ask(vec![request(9, 1, "first")], at(0), &mut id));
    let mut all = list(1, 10, 30);
    all.extend(list(2, 50, 3));
    assert_eq!(gate.ask(all, at(1), &mut id), []);
    let next = orders(&gate.ended(first[0].id, at(8), &mut id));
    let of_two = next[0].usernames.iter().filter(|name| name.as_str().starts_with("person_2_")).count();
    assert_eq!((next[0].usernames.len(), of_two), (10, 3));
}

#[test]
fn who_asks_for_the_same_profile_shares_its_scrape_but_a_new_attempt_does_not() {
    let (mut gate, mut id) = (ScrapeGate::new(10, []), ids());
    let (one, other) = (request(1, 1, "ann"), request(2, 2, "ann"));
    let begun = orders(&gate.ask(vec![one.clone()], at(0), &mut id));
    assert_eq!(orders(&gate.ask(vec![other.clone()], at(1), &mut id)), []);
    assert_eq!(gate.place(&other.key), Some(Place::Scrape(begun[0].id)));
    // It gave nothing: the next attempt reads anew.
    let again = ScrapeRequest { key: RequestKey { attempt: 2, ..one.key }, ..one };
    assert_eq!(orders(&gate.ask(vec![again], at(2), &mut id)).len(), 1);
    // Nor does anybody join what is closed, or another part.
    let mut gate = ScrapeGate::new(10, []);
    let begun = orders(&gate.ask(vec![request(1, 1, "ann")], at(0), &mut id));
    let posts = RequestKey { part: ScrapePart::newest(50), ..other.key };
    assert_eq!(orders(&gate.ask(vec![ScrapeRequest { key: posts, ..other.clone() }], at(1), &mut id)).len(), 1);
    assert_eq!(gate.closed(begun[0].id).len(), 1);
    assert_eq!(orders(&gate.ask(vec![other], at(1), &mut id)).len(), 1);
}

#[test]
fn requests_share_an_actor_run_only_where_part_and_window_agree() {
    let (mut gate, mut id) = (ScrapeGate::new(1, []), ids());
    let first = orders(&gate.ask(vec![request(1, 1, "first")], at(0), &mut id));
    let of = |number, part| ScrapeRequest {
        key: RequestKey { part, ..request(1, number, "x").key },
        ..request(1, number, &format!("n{number}"))
    };
    let parts = [ScrapePart::newest(50), ScrapePart::newer(50, at(0)), ScrapePart::newest(50), ScrapePart::Details];
    let requests = parts.into_iter().zip(2..).map(|(part, number)| of(number, part)).collect();
    assert_eq!(gate.ask(requests, at(1), &mut id), []);
    let mut seen = vec![];
    let mut last = first[0].id;
    for _ in 0..3 {
        let next = orders(&gate.ended(last, at(9), &mut id)).remove(0);
        seen.push((next.part, next.usernames.len()));
        last = next.id;
    }
    assert_eq!(seen, [(parts[0], 2), (parts[1], 1), (parts[3], 1)]);
}

#[test]
fn what_gave_nothing_twice_is_read_alone() {
    let (mut gate, mut id) = (ScrapeGate::new(1, []), ids());
    let first = orders(&gate.ask(vec![request(9, 1, "first")], at(0), &mut id));
    let repeat = |attempt, number, username| {
        let request = request(1, number, username);
        ScrapeRequest { key: RequestKey { attempt, ..request.key }, ..request }
    };
    let waiting =
        vec![repeat(3, 2, "ann"), request(1, 3, "bob"), repeat(3, 4, "eve"), repeat(2, 5, "joe"), request(1, 6, "eve")];
    assert_eq!(gate.ask(waiting, at(1), &mut id), []);
    let mut read = vec![];
    let mut last = first[0].id;
    for _ in 0..2 {
        let next = orders(&gate.ended(last, at(9), &mut id)).remove(0);
        read.push(next.usernames.iter().map(ToString::to_string).collect::<Vec<_>>());
        last = next.id;
    }
    // Who wants the same profile for the first time still shares it.
    assert_eq!(read, [vec!["ann"], vec!["bob", "joe", "eve"]]);
}

#[test]
fn a_lease_that_nobody_returns_expires_after_its_actor_run_must_have_ended() {
    let (mut gate, mut id) = (ScrapeGate::new(1, []), ids());
    let begun = orders(&gate.ask(vec![request(1, 1, "ann")], at(0), &mut id)).remove(0);
    let late = request(2, 2, "bob");
    assert_eq!(gate.ask(vec![late.clone()], at(1), &mut id), []);
    // An order that did not arrive is given again, until it is too late for a start.
    assert_eq!(orders(&gate.look_after(at(10), &mut id)), std::slice::from_ref(&begun));
    assert_eq!(begun.start_before, at(60));
    assert_eq!(gate.ask(vec![late.clone()], at(110), &mut id), []);
    assert_eq!(orders(&gate.look_after(at(200), &mut id)), [], "the actor run may still be under way");
    assert_eq!(gate.ask(vec![late.clone()], at(239), &mut id), []);
    let next = orders(&gate.look_after(at(240), &mut id));
    assert_eq!(next[0].usernames, [late.username]);
}

#[test]
fn a_lease_that_cannot_be_read_is_held_until_its_actor_run_must_have_ended() {
    let mut id = ids();
    let lease = Lease::unreadable(ScrapeId::new(Uuid::from_u128(7)), at(0));
    let mut gate = ScrapeGate::new(1, [lease]);
    let ann = request(1, 1, "ann");
    assert_eq!(gate.ask(vec![ann.clone()], at(1), &mut id), [], "it may be the one run that is allowed");
    assert_eq!(orders(&gate.look_after(at(30), &mut id)), [], "nor is it given to the scrape again");
    assert_eq!(gate.ask(vec![ann.clone()], at(200), &mut id), []);
    let next = orders(&gate.look_after(at(240), &mut id));
    assert_eq!(next[0].usernames, [ann.username]);
}

#[test]
fn who_does_not_ask_again_has_gone_and_who_withdraws_goes_at_once() {
    let (mut gate, mut id) = (ScrapeGate::new(1, []), ids());
    let begun = orders(&gate.ask(vec![request(1, 1, "ann")], at(0), &mut id)).remove(0);
    let (gone, cancelled, stays) = (request(2, 2, "gone"), request(3, 3, "cancelled"), request(4, 4, "stays"));
    assert_eq!(gate.ask(vec![gone.clone(), cancelled.clone(), stays.clone()], at(1), &mut id), []);
    assert_eq!(gate.place(&gone.key), Some(Place::Waiting));
    let ann = request(1, 1, "ann").key.run_id;
    assert_eq!(gate.begun(&[ann, gone.key.run_id]), [ann]);
    gate.withdraw(&[cancelled.key.run_id]);
    assert_eq!(gate.place(&cancelled.key), None);
    assert_eq!(gate.ask(vec![stays.clone()], at(100), &mut id), []);
    assert_eq!(gate.look_after(at(125), &mut id), []);
    assert_eq!(gate.place(&gone.key), None);
    let next = orders(&gate.ended(begun.id, at(126), &mut id)).remove(0);
    assert_eq!(next.usernames, [stays.username]);
}

#[test]
fn after_an_eviction_the_leases_are_known_and_the_line_forms_again_in_its_old_order() {
    let (mut gate, mut id) = (ScrapeGate::new(1, []), ids());
    let effects = gate.ask(list(1, 1, 12), at(0), &mut id);
    let stored = effects.iter().filter_map(|effect| match effect {
        GateEffect::Store(lease) => Some(lease.clone()),
        _ => None,
    });
    let mut again = ScrapeGate::new(1, stored);
    assert_eq!(again.held(), 1);
    let waiting = list(1, 11, 2);
    assert_eq!(again.place(&list(1, 1, 1)[0].key), gate.place(&list(1, 1, 1)[0].key));
    assert_eq!(again.ask(waiting.iter().rev().cloned().collect(), at(5), &mut id), []);
    let ended = again.leases.keys().next().copied().unwrap();
    let next = orders(&again.ended(ended, at(9), &mut id)).remove(0);
    assert_eq!(next.usernames, waiting.into_iter().map(|request| request.username).collect::<Vec<_>>());
}

#[test]
fn an_ended_scrape_is_remembered_for_ten_minutes_and_then_there_is_nothing_left() {
    let (mut gate, mut id) = (ScrapeGate::new(1, []), ids());
    let ann = request(1, 1, "ann");
    let begun = orders(&gate.ask(vec![ann.clone()], at(0), &mut id)).remove(0);
    assert_eq!(gate.taken(begun.id).len(), 1);
    assert_eq!(gate.taken(begun.id), []);
    assert_eq!(gate.ended(begun.id, at(8), &mut id).len(), 1);
    assert_eq!(gate.ended(begun.id, at(9), &mut id), [], "a repeat does nothing");
    assert_eq!(gate.look_after(at(607), &mut id), []);
    assert_eq!(gate.place(&ann.key), Some(Place::Scrape(begun.id)));
    assert_eq!(gate.look_after(at(608), &mut id), [GateEffect::Delete(begun.id)]);
    assert!(gate.is_idle() && gate.place(&ann.key).is_none());
}
