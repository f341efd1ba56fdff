//! Which snapshots of a profile are worth knowing, and which of them serves an analysis.
//!
//! Promises: of all snapshots ever added, the newest that is deep enough is found; none of those kept is both older and
//! shallower than another, so there are never more than there are depths.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SnapshotKey;

/// The snapshots of one username that are worth knowing, newest first: the object that is stored in the bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPointer {
    snapshots: Vec<KnownSnapshot>,
}

/// What the pointer knows of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSnapshot {
    /// Where it is kept.
    pub key: SnapshotKey,
    /// When the profile was scraped.
    pub scraped_at: Timestamp,
    /// How many of the newest posts were asked for.
    pub depth: u32,
}

impl KnownSnapshot {
    /// Whether this one serves every analysis that the other one serves.
    fn covers(&self, other: &Self) -> bool {
        self.scraped_at >= other.scraped_at && self.depth >= other.depth
    }
}

impl SnapshotPointer {
    /// Adds a snapshot and drops those that it covers; nothing changes if one that is known covers it.
    #[must_use]
    pub fn with(mut self, new: KnownSnapshot) -> Self {
        // Left as it is where it can be, so that the store sees that there is nothing to write.
        if !self.snapshots.iter().any(|known| known.covers(&new)) {
            self.snapshots.retain(|known| !new.covers(known));
            self.snapshots.push(new);
            self.snapshots.sort_by_key(|known| std::cmp::Reverse(known.scraped_at));
        }
        self
    }

    /// The newest snapshot that was scraped at or after `not_before` and is at least `depth` posts deep.
    #[must_use]
    pub fn serving(&self, not_before: Timestamp, depth: u32) -> Option<&SnapshotKey> {
        let serves = |known: &&KnownSnapshot| known.scraped_at >= not_before && known.depth >= depth;
        self.snapshots.iter().find(serves).map(|known| &known.key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::property::config;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn snapshot(second: i64, depth: u32) -> KnownSnapshot {
        KnownSnapshot { key: SnapshotKey(format!("{second}-{depth}")), scraped_at: at(second), depth }
    }

    fn pointer(snapshots: &[KnownSnapshot]) -> SnapshotPointer {
        snapshots.iter().cloned().fold(SnapshotPointer::default(), SnapshotPointer::with)
    }

    #[test]
    fn a_newer_snapshot_replaces_what_is_not_deeper() {
        let pointer = pointer(&[snapshot(1, 12), snapshot(1, 50), snapshot(2, 12)]);
        assert_eq!(pointer.snapshots, [snapshot(2, 12), snapshot(1, 50)]);
        assert_eq!(pointer.serving(at(0), 12), Some(&snapshot(2, 12).key));
        assert_eq!(pointer.serving(at(0), 13), Some(&snapshot(1, 50).key));
        assert_eq!(pointer.serving(at(2), 13), None);
        assert_eq!(pointer.serving(at(3), 1), None);
    }

    #[test]
    fn a_snapshot_that_arrives_late_moves_nothing_back() {
        let newest = pointer(&[snapshot(5, 50)]);
        assert_eq!(newest.clone().with(snapshot(4, 50)), newest);
        // Two scrapes of the same second: the first one stays, so that repeated saves write nothing.
        let twin = KnownSnapshot { key: SnapshotKey("twin".to_owned()), ..snapshot(5, 50) };
        assert_eq!(newest.clone().with(twin), newest);
    }

    #[test]
    fn the_stored_form_stays_readable() {
        let stored = r#"{"snapshots":[{"key":"k","scraped_at":"2026-11-20T12:00:00Z","depth":12}]}"#;
        let pointer: SnapshotPointer = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&pointer).unwrap(), stored);
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn whatever_was_added_the_newest_that_is_deep_enough_serves(
            added in prop::collection::vec((0_i64..8, 0_u32..6), 0..20),
            not_before in 0_i64..9,
            depth in 0_u32..7,
        ) {
            let added: Vec<_> = added.into_iter().map(|(second, depth)| snapshot(second, depth)).collect();
            let pointer = pointer(&added);
            let fits = |known: &&KnownSnapshot| known.scraped_at >= at(not_before) && known.depth >= depth;
            let newest = added.iter().filter(fits).map(|known| known.scraped_at).max();
            let found = pointer.serving(at(not_before), depth);
            let found = found.map(|key| added.iter().find(|known| known.key == *key).unwrap());
            prop_assert!(found.iter().all(fits));
            prop_assert_eq!(found.map(|known| known.scraped_at), newest);

            for (number, one) in pointer.snapshots.iter().enumerate() {
                let others = pointer.snapshots.iter().enumerate().filter(|(other, _)| *other != number);
                prop_assert!(others.into_iter().all(|(_, other)| !one.covers(other)), "one of them is needless");
                prop_assert_eq!(&pointer.clone().with(one.clone()), &pointer);
            }
        }
    }
}
