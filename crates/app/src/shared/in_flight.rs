//! A limit on how much of one kind of work goes on at once, in all and for each key, such as an account.
//!
//! Promises: there are never more permits than the limits; a dropped permit makes room at once. One that is not dropped
//! makes room when its lease ends: when a client goes away, the platform may forget the work without dropping it.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How much may go on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub all_max: usize,
    pub each_max: usize,
    /// How long a permit that is not dropped counts.
    pub lease: SignedDuration,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    Key,
    All,
}

#[derive(Debug)]
pub struct InFlight<K> {
    limits: Limits,
    entries: Mutex<Entries<K>>,
}

#[derive(Debug)]
struct Entries<K> {
    entered: u64,
    live: Vec<Entry<K>>,
}

#[derive(Debug)]
struct Entry<K> {
    number: u64,
    key: K,
    until: Timestamp,
}

/// The right to do the work; drop it when the work is done.
#[derive(Debug)]
pub struct Permit<K> {
    in_flight: Arc<InFlight<K>>,
    number: u64,
}

impl<K: Eq> InFlight<K> {
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, entries: Mutex::new(Entries { entered: 0, live: Vec::new() }) }
    }

    /// # Errors
    /// [`Busy`] when a limit is reached; nothing waits for a place.
    pub fn enter(self: &Arc<Self>, key: K, now: Timestamp) -> Result<Permit<K>, Busy> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.live.retain(|entry| entry.until > now);
        if entries.live.iter().filter(|entry| entry.key == key).count() >= self.limits.each_max {
            return Err(Busy::Key);
        }
        if entries.live.len() >= self.limits.all_max {
            return Err(Busy::All);
        }
        entries.entered += 1;
        let number = entries.entered;
        let until = now.saturating_add(self.limits.lease).unwrap_or(Timestamp::MAX);
        entries.live.push(Entry { number, key, until });
        Ok(Permit { in_flight: self.clone(), number })
    }
}

impl<K> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut entries = self.in_flight.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.live.retain(|entry| entry.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit() -> Arc<InFlight<&'static str>> {
        Arc::new(InFlight::new(Limits { all_max: 3, each_max: 1, lease: SignedDuration::from_secs(60) }))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_key_has_its_limit_and_all_have_one() {
        let limit = limit();
        let a = limit.enter("a", at(0)).unwrap();
        assert_eq!(limit.enter("a", at(0)).unwrap_err(), Busy::Key);
        let others = ["b", "c"].map(|key| limit.enter(key, at(0)).unwrap());
        assert_eq!(limit.enter("d", at(0)).unwrap_err(), Busy::All);
        drop(a);
        let d = limit.enter("d", at(0)).unwrap();
        assert_eq!(limit.enter("a", at(0)).unwrap_err(), Busy::All);
        drop((others, d));
        assert!(limit.enter("a", at(0)).is_ok());
    }

    #[test]
    fn what_is_forgotten_makes_room_when_its_lease_ends_and_its_late_end_takes_nobody_elses_place() {
        let limit = limit();
        let forgotten = limit.enter("a", at(0)).unwrap();
        assert_eq!(limit.enter("a", at(59)).unwrap_err(), Busy::Key);
        let successor = limit.enter("a", at(60)).unwrap();
        drop(forgotten);
        assert_eq!(limit.enter("a", at(61)).unwrap_err(), Busy::Key);
        drop(successor);
        assert!(limit.enter("a", at(61)).is_ok());
    }
}
