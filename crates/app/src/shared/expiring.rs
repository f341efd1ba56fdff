//! A map whose entries expire and whose size has a limit: for what one isolate remembers between requests.
//!
//! Promises: an entry is never returned at or after its expiry; there are never more entries than `capacity`; when it
//! is full, a new entry takes the place of those that have expired, and only if there are none, of the oldest.

use std::{collections::HashMap, hash::Hash};

/// The map. It has no clock: the caller passes the present time, in milliseconds since 1970.
#[derive(Debug)]
pub struct Expiring<K, V> {
    capacity: usize,
    entries: HashMap<K, Entry<V>>,
    inserted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    until_ms: i64,
    /// How many entries had been inserted before: the smallest is the oldest.
    number: u64,
}

impl<K: Eq + Hash + Clone, V> Expiring<K, V> {
    /// An empty map of at most `capacity` entries; with a capacity of 0 it remembers nothing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new(), inserted: 0 }
    }

    /// The value, unless it has expired.
    pub fn get(&self, key: &K, now_ms: i64) -> Option<&V> {
        self.entries.get(key).filter(|entry| entry.until_ms > now_ms).map(|entry| &entry.value)
    }

    /// Remembers a value until `until_ms`, in place of an older one of the same key.
    pub fn insert(&mut self, key: K, value: V, now_ms: i64, until_ms: i64) {
        if until_ms <= now_ms {
            // What has already expired must neither evict a live entry nor leave an older value of its key.
            self.entries.remove(&key);
            return;
        }
        if !self.entries.contains_key(&key) {
            self.make_room(now_ms);
        }
        if self.capacity > 0 {
            self.inserted += 1;
            self.entries.insert(key, Entry { value, until_ms, number: self.inserted });
        }
    }

    /// Looks at every entry, but only when the map is full; at the capacities in use that takes microseconds.
    fn make_room(&mut self, now_ms: i64) {
        if self.entries.len() < self.capacity {
            return;
        }
        self.entries.retain(|_, entry| entry.until_ms > now_ms);
        if self.entries.len() >= self.capacity {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.number).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.entries.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::property::config;

    #[test]
    fn an_entry_is_answered_until_its_end_and_not_at_it() {
        let mut map = Expiring::new(4);
        map.insert("a", 1, 0, 10);
        assert_eq!(map.get(&"a", 9), Some(&1));
        assert_eq!(map.get(&"a", 10), None);
        assert_eq!(map.get(&"b", 0), None);
    }

    #[test]
    fn a_full_map_forgets_the_expired_before_the_living() {
        let mut map = Expiring::new(2);
        map.insert("old and living", 1, 0, 100);
        map.insert("young and expired", 2, 1, 5);
        map.insert("new", 3, 10, 100);
        assert_eq!(map.get(&"old and living", 10), Some(&1));
        assert_eq!(map.get(&"new", 10), Some(&3));
        assert_eq!(map.entries.len(), 2);
    }

    #[test]
    fn a_full_map_of_living_entries_forgets_the_oldest_alone() {
        let mut map = Expiring::new(3);
        for (now_ms, key) in ["a", "b", "c"].into_iter().enumerate() {
            map.insert(key, now_ms, now_ms as i64, 100);
        }
        // Inserting a key again makes its entry the newest and evicts none.
        map.insert("a", 7, 3, 100);
        assert_eq!(map.entries.len(), 3);
        map.insert("d", 8, 4, 100);
        assert_eq!(["a", "b", "c", "d"].map(|key| map.get(&key, 4).copied()), [Some(7), None, Some(2), Some(8)]);
    }

    #[test]
    fn what_has_already_expired_is_not_taken_in_and_replaces_what_was_known() {
        let mut map = Expiring::new(1);
        map.insert("a", 1, 0, 100);
        map.insert("b", 2, 10, 10);
        assert_eq!(map.get(&"a", 10), Some(&1), "it pushed out a living entry");
        map.insert("a", 3, 10, 10);
        assert_eq!(map.get(&"a", 10), None, "the older value came back");
    }

    proptest! {
        #![proptest_config(config())]

        /// Compared with a model that forgets nothing: what the map returns is the last value of its key and has not
        /// expired.
        #[test]
        fn no_answer_is_expired_or_another_keys_and_the_limit_holds(
            capacity in 0_usize..5,
            steps in prop::collection::vec((0_u8..8, 0_i64..4, 0_i64..12), 0..60),
        ) {
            let (mut map, mut all, mut now_ms) = (Expiring::new(capacity), HashMap::new(), 0);
            for (value, (key, later_ms, lasts_ms)) in steps.into_iter().enumerate() {
                now_ms += later_ms;
                map.insert(key, value, now_ms, now_ms + lasts_ms);
                all.insert(key, (value, now_ms + lasts_ms));
                prop_assert!(map.entries.len() <= capacity);
                prop_assert_eq!(map.get(&key, now_ms).is_some(), capacity > 0 && lasts_ms > 0);
                for (key, (last, until_ms)) in &all {
                    if let Some(value) = map.get(key, now_ms) {
                        prop_assert_eq!(value, last);
                        prop_assert!(*until_ms > now_ms);
                    }
                }
            }
        }
    }
}
