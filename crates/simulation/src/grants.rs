//! The invariants of grants: a balance is what is left of its grants; what is left of a grant is the sum of its movements; a charge
//! draws on them in their order, and on none whose time is over; a refund returns to those that its charge drew on. A repeated
//! operation makes no second entry, so it draws nothing twice.

use std::collections::BTreeMap;

use oslira_app::shared::ids::RunId;

use crate::{Entry, GrantRow, ReferenceDatabase};

/// How long a grant that has ended can be spent after a refund to it, as `docs/reliability.md` has it.
const GRACE_S: i64 = 7 * 86_400;

type Verdict = Result<(), String>;

/// What the checker remembers of grants: as they must be after the entries that it has seen.
#[derive(Clone, Default)]
pub(crate) struct Grants {
    expected: Vec<GrantRow>,
    /// What each run's charge drew.
    charges: BTreeMap<RunId, Vec<(usize, i64)>>,
    entries: usize,
}

impl Grants {
    /// Follows the new entries, and compares.
    pub(crate) fn check(&mut self, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        for entry in database.entries.iter().skip(self.entries) {
            self.follow(entry, database, now_s)?;
        }
        self.entries = database.entries.len();
        for (place, (expected, grant)) in self.expected.iter().zip(&database.grants).enumerate() {
            if expected.remaining != grant.remaining {
                let (left, moved) = (grant.remaining, expected.remaining);
                return Err(format!("{left} is left of grant {place}, the sum of its movements is {moved}"));
            }
            if (expected.ends_s, expected.amount) != (grant.ends_s, grant.amount) {
                return Err(format!("grant {place} is {grant:?} instead of {expected:?}"));
            }
        }
        let left: i64 = database.grants.iter().map(|grant| grant.remaining).sum();
        if left != database.balance {
            return Err(format!("the balance is {}, and {left} is left of its grants", database.balance));
        }
        Ok(())
    }

    fn follow(&mut self, entry: &Entry, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        let moved: i64 = entry.grants.iter().map(|(_, credits)| credits).sum();
        if moved != entry.amount || entry.grants.iter().any(|(_, credits)| credits.signum() != entry.amount.signum()) {
            return Err(format!("an entry does not move what it says: {entry:?}"));
        }
        match (entry.kind, entry.run) {
            ("charge", Some(run)) => self.charged(run, entry, now_s)?,
            ("refund", Some(run)) => self.refunded(run, entry, now_s)?,
            ("expiry", None) => self.ended(entry, now_s)?,
            _ => {
                // A grant begins with the entry that gave it.
                let given = entry.grants.first().and_then(|(place, _)| database.grants.get(*place));
                let given = given.map(|grant| GrantRow { remaining: 0, ..grant.clone() });
                self.expected.extend(given);
            }
        }
        for (place, credits) in &entry.grants {
            let Some(grant) = self.expected.get_mut(*place) else {
                return Err(format!("an entry moves a grant that nobody gave: {entry:?}"));
            };
            grant.remaining += credits;
            if !(0..=grant.amount).contains(&grant.remaining) {
                return Err(format!("{} is left of grant {place} of {}", grant.remaining, grant.amount));
            }
        }
        Ok(())
    }

    fn charged(&mut self, run: RunId, entry: &Entry, now_s: i64) -> Verdict {
        let has_ended = |grant: &GrantRow| grant.ends_s.is_some_and(|ends_s| ends_s <= now_s);
        let mut spendable: Vec<(usize, &GrantRow)> =
            self.expected.iter().enumerate().filter(|(_, grant)| grant.remaining > 0 && !has_ended(grant)).collect();
        // Those that never end come after those that do.
        spendable.sort_by_key(|(place, grant)| (priority(grant), grant.ends_s.is_none(), grant.ends_s, *place));
        let mut left = -entry.amount;
        let mut due = Vec::new();
        for (place, grant) in spendable {
            let part = left.min(grant.remaining);
            if part > 0 {
                due.push((place, -part));
            }
            left -= part;
        }
        if entry.grants != due {
            return Err(format!("the charge of run {run} draws on {:?} instead of {due:?}", entry.grants));
        }
        self.charges.insert(run, due);
        Ok(())
    }

    fn refunded(&mut self, run: RunId, entry: &Entry, now_s: i64) -> Verdict {
        let drawn = self.charges.get(&run).cloned().unwrap_or_default();
        let due: Vec<(usize, i64)> = drawn.iter().map(|(place, credits)| (*place, -credits)).collect();
        if entry.grants != due {
            return Err(format!("the refund of run {run} goes to {:?} instead of {due:?}", entry.grants));
        }
        for (place, _) in due {
            let Some(grant) = self.expected.get_mut(place).filter(|grant| grant.ends_s.is_some_and(|at| at <= now_s))
            else {
                continue;
            };
            if grant.remaining > 0 {
                return Err(format!("what was left of grant {place} comes to life again: {grant:?}"));
            }
            grant.ends_s = Some(now_s + GRACE_S);
        }
        Ok(())
    }

    fn ended(&self, entry: &Entry, now_s: i64) -> Verdict {
        for (place, credits) in &entry.grants {
            let is_due = self
                .expected
                .get(*place)
                .is_some_and(|grant| grant.ends_s.is_some_and(|ends_s| ends_s <= now_s) && grant.remaining == -credits);
            if !is_due {
                return Err(format!("grant {place} ends by {credits} before its time, or in part"));
            }
        }
        Ok(())
    }
}

/// Promotions are spent first, then what is free, then the plan, then what was bought or corrected.
fn priority(grant: &GrantRow) -> usize {
    let order = ["promotion", "free", "plan"];
    order.iter().position(|source| *source == grant.source.name()).unwrap_or(order.len())
}
