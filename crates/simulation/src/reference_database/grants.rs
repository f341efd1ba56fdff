//! Grants: what `draw`, `end_due_grants` and `refund_run` must do.

use oslira_app::shared::ids::RunId;

use super::ReferenceDatabase;
use crate::{Entry, GrantRow, Mutation};

/// A refund to a grant that has ended can be spent for so long.
const GRACE_S: i64 = 7 * 24 * 3_600;

impl ReferenceDatabase {
    /// An account that has these grants, each with the entry that gave it.
    #[must_use]
    pub fn with_grants(mut self, grants: &[GrantRow]) -> Self {
        self.balance = 0;
        self.entries.clear();
        self.grants = grants.to_vec();
        for (place, grant) in grants.iter().enumerate() {
            self.balance += grant.amount;
            self.entries.push(Entry {
                kind: "adjustment",
                amount: grant.amount,
                balance_after: self.balance,
                run: None,
                grants: vec![(place, grant.amount)],
            });
        }
        self
    }

    /// Takes credits out of the grants, in the order in which they are drawn. Returns what it took of each.
    pub(super) fn draw(&mut self, amount: i64) -> Vec<(usize, i64)> {
        let mut order: Vec<usize> = (0..self.grants.len()).collect();
        let (by_age, last_end_first) = (self.has(Mutation::DrawsTheOldest), self.has(Mutation::DrawsTheLastToEnd));
        order.sort_by_key(|place| {
            let grant = self.grants.get(*place);
            let (priority, ends_s) = grant.map_or((0, 0), |grant| (grant.source.priority(), end(grant)));
            match (by_age, last_end_first) {
                (true, _) => (0, 0, *place),
                (false, true) => (priority, -ends_s, *place),
                (false, false) => (priority, ends_s, *place),
            }
        });
        let mut left = amount;
        let mut taken = Vec::new();
        for place in order {
            let Some(grant) = self.grants.get_mut(place) else { continue };
            let part = left.min(grant.remaining);
            if part > 0 {
                grant.remaining -= part;
                left -= part;
                taken.push((place, -part));
            }
        }
        taken
    }

    /// Posts the end of grants whose time is over.
    pub(super) fn end_due_grants(&mut self) {
        let now_s = self.now_s;
        for place in 0..self.grants.len() {
            let Some(grant) = self.grants.get_mut(place) else { continue };
            if grant.remaining == 0 || grant.ends_s.is_none_or(|ends_s| ends_s > now_s) {
                continue;
            }
            let rest = std::mem::take(&mut grant.remaining);
            grant.times_ended += 1;
            self.balance -= rest;
            let grants = vec![(place, -rest)];
            let entry = Entry { kind: "expiry", amount: -rest, balance_after: self.balance, run: None, grants };
            self.entries.push(entry);
        }
    }

    /// Takes the price of a run.
    pub(super) fn charge(&mut self, run: RunId, price: i64) -> i64 {
        let grants = self.draw(price);
        self.post("charge", -price, run, grants)
    }

    /// Gives credits of a run back to the grants that its charge drew on: all of them, unless a defect gives fewer.
    pub(super) fn refund(&mut self, run: RunId, credits: i64) -> i64 {
        if !self.has(Mutation::RefundRevivesAnEndedGrant) {
            self.end_due_grants();
        }
        let charge = self.entries.iter().find(|entry| entry.kind == "charge" && entry.run == Some(run));
        let mut back: Vec<(usize, i64)> = charge
            .map(|charge| charge.grants.iter().map(|(place, moved)| (*place, -moved)).collect())
            .unwrap_or_default();
        if self.has(Mutation::RefundToAnotherGrant) {
            let last = self.grants.len().saturating_sub(1);
            back = vec![(last, credits)];
        }
        let now_s = self.now_s;
        for (place, moved) in &back {
            if let Some(grant) = self.grants.get_mut(*place).filter(|_| self.mutation != Some(Mutation::GrantForgotten))
            {
                grant.remaining += moved;
                if grant.ends_s.is_some_and(|ends_s| ends_s <= now_s) {
                    grant.ends_s = Some(now_s + GRACE_S);
                }
            }
        }
        self.post("refund", credits, run, back)
    }
}

/// When a grant ends, for an order in which those that never do come last.
fn end(grant: &GrantRow) -> i64 {
    grant.ends_s.unwrap_or(i64::MAX)
}
