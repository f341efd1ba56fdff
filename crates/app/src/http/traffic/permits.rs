//! How many requests of one client an isolate works on at once: each has a permit, as of a semaphore.
//!
//! An isolate has one thread. What a full bucket lets through in a moment would be worked on side by side, and a request of another client
//! would wait for a step of each of them before each of its own.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use super::Client;

/// As many as a browser sends to one host at once over HTTP/1.1.
const AT_ONCE: usize = 6;

/// A permit that was not given back by then is nobody's: the platform ends a request without a word that its client has left for long.
/// Longer than a request waits for the database.
const LIFE_MS: i64 = 60_000;

/// Of a request that has a permit or waits for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermitId(u64);

/// The permits of each client, and who waits for one; `W` wakes one that waits. A client without any is forgotten. Times are milliseconds
/// since 1970.
pub struct Permits<W> {
    at_once: usize,
    next: u64,
    clients: HashMap<Client, OfAClient<W>>,
}

struct OfAClient<W> {
    /// With the time when each was taken.
    taken: Vec<(PermitId, i64)>,
    waiting: VecDeque<(PermitId, W)>,
}

impl<W> Permits<W> {
    /// `scale` is a factor on how many a client has.
    #[must_use]
    pub fn new(scale: u32) -> Self {
        let at_once = AT_ONCE.saturating_mul(usize::try_from(scale).unwrap_or(usize::MAX)).max(1);
        Self { at_once, next: 0, clients: HashMap::new() }
    }

    /// Takes a permit of this client's; if all are taken, a place behind those that wait. Answers whether it was taken.
    pub fn take(&mut self, client: &Client, now_ms: i64, waker: impl FnOnce() -> W) -> (PermitId, bool) {
        let id = PermitId(self.next);
        self.next += 1;
        let new = || OfAClient { taken: Vec::new(), waiting: VecDeque::new() };
        let of = self.clients.entry(client.clone()).or_insert_with(new);
        of.taken.retain(|(_, since_ms)| now_ms.saturating_sub(*since_ms) < LIFE_MS);
        let has_room = of.taken.len() < self.at_once;
        if has_room {
            of.taken.push((id, now_ms));
        } else {
            of.waiting.push_back((id, waker()));
        }
        (id, has_room)
    }

    /// Asked after a while by one that waits: whether it has a permit by now. The foremost is given one beyond those that there are: a permit
    /// is for the others' sake, and no lock.
    pub fn is_taken(&mut self, client: &Client, id: PermitId, now_ms: i64) -> bool {
        let Some(of) = self.clients.get_mut(client) else { return true };
        if of.waiting.front().is_some_and(|(waiting, _)| *waiting == id) {
            of.waiting.pop_front();
            of.taken.push((id, now_ms));
        }
        !of.waiting.iter().any(|(waiting, _)| *waiting == id)
    }

    /// Gives a permit or a place back. Answers whom to wake: it has the permit.
    pub fn give_back(&mut self, client: &Client, id: PermitId, now_ms: i64) -> Option<W> {
        let Entry::Occupied(mut entry) = self.clients.entry(client.clone()) else { return None };
        let of = entry.get_mut();
        of.taken.retain(|(taken, _)| *taken != id);
        of.waiting.retain(|(waiting, _)| *waiting != id);
        if of.taken.len() < self.at_once
            && let Some((next, waker)) = of.waiting.pop_front()
        {
            of.taken.push((next, now_ms));
            return Some(waker);
        }
        if of.taken.is_empty() {
            entry.remove();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::shared::ids::UserId;

    const NOW: i64 = 1_795_000_000_000;

    fn client(number: u128) -> Client {
        Client::User(UserId::new(Uuid::from_u128(number)))
    }

    /// Six permits are taken and these wait, whose wakers are their names.
    fn busy(waiting: &[&'static str]) -> (Permits<&'static str>, Vec<PermitId>) {
        let mut permits = Permits::new(1);
        let mut ids = Vec::new();
        for number in 0..6 + waiting.len() {
            let (id, is_taken) = permits.take(&client(1), NOW, || waiting[number - 6]);
            assert_eq!(is_taken, number < 6, "{number}");
            ids.push(id);
        }
        (permits, ids)
    }

    #[test]
    fn a_client_has_six_and_others_of_it_wait_in_order() {
        let (mut permits, ids) = busy(&["a", "b"]);
        assert!(permits.take(&client(2), NOW, || "c").1, "another client");
        assert_eq!(permits.give_back(&client(1), ids[0], NOW), Some("a"));
        assert_eq!(permits.give_back(&client(1), ids[6], NOW), Some("b"), "which has been given one");
        assert_eq!(permits.give_back(&client(1), ids[1], NOW), None);
        assert!(permits.take(&client(1), NOW, || "d").1, "the one that was given back");
        assert!(!permits.take(&client(1), NOW, || "e").1);
    }

    #[test]
    fn of_those_that_have_waited_too_long_the_foremost_goes_on() {
        let (mut permits, ids) = busy(&["a", "b"]);
        assert!(!permits.is_taken(&client(1), ids[7], NOW), "behind another");
        assert!(permits.is_taken(&client(1), ids[6], NOW));
        assert_eq!(permits.give_back(&client(1), ids[0], NOW), None, "seven were taken");
        assert_eq!(permits.give_back(&client(1), ids[1], NOW), Some("b"));
        assert!(permits.is_taken(&client(1), ids[7], NOW), "it was given one in the same moment");
        for id in &ids {
            assert_eq!(permits.give_back(&client(1), *id, NOW), None);
        }
        assert!(permits.clients.is_empty());
    }

    #[test]
    fn who_leaves_its_place_is_not_woken() {
        let (mut permits, ids) = busy(&["a", "b"]);
        assert_eq!(permits.give_back(&client(1), ids[6], NOW), None, "six are taken");
        assert_eq!(permits.give_back(&client(1), ids[0], NOW), Some("b"));
    }

    #[test]
    fn a_permit_that_nobody_gives_back_ends_after_a_minute() {
        let (mut permits, ids) = busy(&[]);
        assert!(!permits.take(&client(1), NOW + 59_999, || "a").1);
        assert!(permits.take(&client(1), NOW + 60_000, || "b").1);
        // It comes late: the others are not its.
        assert_eq!(permits.give_back(&client(1), ids[0], NOW + 60_000), Some("a"));
        assert_eq!(permits.clients[&client(1)].taken.len(), 2);
    }

    #[test]
    fn a_stack_of_tests_has_more_and_who_is_done_is_forgotten() {
        let mut permits = Permits::new(1_000);
        let ids: Vec<PermitId> = (0..6_000).map(|_| permits.take(&client(1), NOW, || ()).0).collect();
        assert!(!permits.take(&client(1), NOW, || ()).1);
        let woken = ids.iter().filter(|id| permits.give_back(&client(1), **id, NOW).is_some());
        assert_eq!(woken.count(), 1);
        assert_eq!(permits.clients[&client(1)].taken.len(), 1);
    }
}
