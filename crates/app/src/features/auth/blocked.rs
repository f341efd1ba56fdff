//! What an isolate knows of blocked accounts, so that a flood asks the shared memory once in a while only.
//!
//! Promises: what the isolate was told while it read the shared memory is newer than what it read, and stays.

use jiff::Timestamp;

use crate::shared::{expiring::Expiring, ids::AccountId};

const REMEMBERED_MS: i64 = 10_000;
const REMEMBERED_MAX: usize = 1_024;

/// Which accounts are blocked and which are not, for ten seconds.
#[derive(Debug)]
pub struct KnownBlocks(Expiring<AccountId, bool>);

impl Default for KnownBlocks {
    fn default() -> Self {
        Self(Expiring::new(REMEMBERED_MAX))
    }
}

impl KnownBlocks {
    /// Whether the account is blocked, if that is known.
    #[must_use]
    pub fn get(&self, account: AccountId, now: Timestamp) -> Option<bool> {
        self.0.get(&account, now.as_millisecond()).copied()
    }

    /// Takes in what the database or an operator has just said.
    pub fn learn(&mut self, account: AccountId, is_blocked: bool, now: Timestamp) {
        let now_ms = now.as_millisecond();
        self.0.insert(account, is_blocked, now_ms, now_ms.saturating_add(REMEMBERED_MS));
    }

    /// Takes in what was read when nothing was known, unless something is known by now; what holds.
    pub fn settle(&mut self, account: AccountId, read: bool, now: Timestamp) -> bool {
        if let Some(newer) = self.get(account, now) {
            return newer;
        }
        self.learn(account, read, now);
        read
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_said_during_a_read_is_not_overwritten_by_it() {
        let (mut known, account) = (KnownBlocks::default(), AccountId::new(Uuid::nil()));
        let at = |second| Timestamp::from_second(second).unwrap();
        // The read begins here and finds no entry; meanwhile the database says that the account is blocked.
        assert_eq!(known.get(account, at(0)), None);
        known.learn(account, true, at(1));
        assert!(known.settle(account, false, at(2)), "an older answer came after a newer one");
        assert_eq!(known.get(account, at(10)), Some(true));
        assert_eq!(known.get(account, at(11)), None);
        assert!(!known.settle(account, false, at(12)));
        assert_eq!(known.get(account, at(13)), Some(false));
    }
}
