//! The invariants of members: who is charged may spend, and within their limit; a refund counts for the day of its charge; an
//! account has an owner; a key ends with whoever made it.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use oslira_app::{
    features::{
        analysis::{BeginOutcome, CancelOutcome, UndoOutcome},
        auth::{LimitPeriod, Permission, Role, SpendingLimit},
    },
    shared::ids::{RunId, UserId},
};

use crate::{Answer, MemberRow, Op, ReferenceDatabase};

const DAY_S: i64 = 86_400;

type Verdict = Result<(), String>;

/// What the checker remembers of members.
#[derive(Clone, Default)]
pub(crate) struct Spending {
    /// Who belongs to the account, as they must be after the operations that it has seen.
    members: BTreeMap<UserId, MemberRow>,
    /// Who was charged for each run.
    buyers: BTreeMap<RunId, UserId>,
    /// Requests that a limit refused, requests without the permission, and changes to members and keys.
    pub(crate) counts: [u32; 3],
}

impl Spending {
    /// Those who belong to the account before the first operation.
    pub(crate) fn of(database: &ReferenceDatabase) -> Self {
        Self { members: database.members.clone(), ..Self::default() }
    }

    /// Follows an operation, and compares.
    pub(crate) fn check(&mut self, op: &Op, answer: &Answer, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        self.permission_comes_first(op, answer)?;
        match (op, answer) {
            (Op::Begin { by, run, .. }, Answer::Begun(BeginOutcome::Started(_))) => {
                self.charged(*by, &[*run], database, now_s)?;
            }
            (Op::BeginBulk { by, .. }, Answer::BulkBegun(Some(runs))) => self.charged(*by, runs, database, now_s)?,
            (Op::Begin { by, .. }, Answer::Begun(BeginOutcome::MemberLimitReached { used, required, .. })) => {
                self.counts[0] += 1;
                self.is_truly_over(*by, *used, *required, database, now_s)?;
            }
            (Op::Undo { by, run }, answer) => {
                let bought = self.buyers.get(run) == Some(by);
                let is_known = !matches!(answer, Answer::Refused | Answer::Undone(UndoOutcome::NotFound));
                hold(bought == is_known, || format!("{by} asked for the undoing of {run} and heard {answer:?}"))?;
            }
            (Op::ChangeMember { by, member, role, limit }, Answer::Members("ok")) => {
                self.counts[2] += 1;
                self.manages(*by)?;
                self.changed(*member, *role, *limit);
            }
            (Op::RemoveMember { by, member }, Answer::Members("ok")) => {
                self.counts[2] += 1;
                if by != member {
                    self.manages(*by)?;
                }
                self.members.retain(|id, row| id != member && row.maker != Some(*member));
            }
            (Op::RevokeKey { by, key }, Answer::Members("ok")) => {
                self.counts[2] += 1;
                self.manages(*by)?;
                self.members.retain(|id, row| id != key || row.role != Role::Key);
            }
            (_, Answer::Refused) => self.counts[1] += 1,
            _ => {}
        }
        let has_owner = self.members.values().any(|row| row.role == Role::Owner);
        hold(has_owner, || "the account has no owner".to_owned())
    }

    /// Permission is asked before anything else, also before the first answer to a request that is repeated. A member who may not
    /// spend is refused, a stranger hears that there is no such account, run or bulk, and nobody else is told either.
    fn permission_comes_first(&self, op: &Op, answer: &Answer) -> Verdict {
        let (by, unknown) = match op {
            Op::Begin { by, .. } => (by, Answer::Begun(BeginOutcome::Forbidden)),
            Op::Cancel { by, .. } => (by, Answer::Cancelled(CancelOutcome::NotFound)),
            Op::BeginBulk { by, .. } => (by, Answer::BulkBegun(None)),
            Op::CancelBulk { by, .. } => (by, Answer::BulkCancelled(None)),
            _ => return Ok(()),
        };
        let may = self.may_spend(*by);
        let is_right = if may {
            *answer != Answer::Refused && *answer != Answer::Begun(BeginOutcome::Forbidden)
        } else {
            *answer == if self.members.contains_key(by) { Answer::Refused } else { unknown }
        };
        hold(is_right, || {
            format!("{by}, who {}, is answered {answer:?}", if may { "may spend" } else { "may not spend" })
        })
    }

    /// What is kept of each member's days is what their runs cost. To be asked when credits have moved.
    pub(crate) fn adds_up(&self, database: &ReferenceDatabase) -> Verdict {
        let mut days: BTreeMap<(UserId, i64), i64> = BTreeMap::new();
        for (run, buyer) in &self.buyers {
            if let Some(row) = database.runs.get(run).filter(|row| row.outcome != Some("refunded")) {
                *days.entry((*buyer, row.created_s - row.created_s.rem_euclid(DAY_S))).or_default() += row.credits;
            }
        }
        let kept = database.spending.iter().filter(|(_, credits)| **credits != 0);
        hold(kept.clone().eq(&days), || {
            format!("kept of days is {:?}, and runs cost {days:?}", kept.collect::<Vec<_>>())
        })
    }

    fn may_spend(&self, member: UserId) -> bool {
        self.members.get(&member).is_some_and(|row| match row.role {
            Role::Owner | Role::Admin | Role::Member => true,
            Role::Viewer => false,
            Role::Key => row.scopes.contains(&Permission::Analyse),
        })
    }

    fn charged(&mut self, by: UserId, runs: &[RunId], database: &ReferenceDatabase, now_s: i64) -> Verdict {
        self.buyers.extend(runs.iter().map(|run| (*run, by)));
        let Some(limit) = self.members.get(&by).and_then(|row| row.limit).filter(|_| !runs.is_empty()) else {
            return Ok(());
        };
        let spent = self.spent(by, limit.period, database, now_s);
        hold(spent <= limit.credits, || format!("{by} has spent {spent}, beyond the limit {limit:?}"))
    }

    fn is_truly_over(&self, by: UserId, used: i64, required: i64, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        let limit = self.members.get(&by).and_then(|row| row.limit);
        let spent = limit.map(|limit| self.spent(by, limit.period, database, now_s));
        let is_over = limit.is_some_and(|limit| used + required > limit.credits);
        hold(is_over && spent == Some(used), || {
            format!("{by} is refused with {used} and {required}, spent is {spent:?}")
        })
    }

    /// What somebody's runs of the present period cost, refunded ones left out.
    fn spent(&self, by: UserId, period: LimitPeriod, database: &ReferenceDatabase, now_s: i64) -> i64 {
        let theirs = database.runs.iter().filter(|(run, _)| self.buyers.get(*run) == Some(&by));
        theirs
            .map(|(_, row)| row)
            .filter(|row| row.outcome != Some("refunded") && is_of_period(period, row.created_s, now_s))
            .map(|row| row.credits)
            .sum()
    }

    fn manages(&self, by: UserId) -> Verdict {
        let manages = self.members.get(&by).is_some_and(|row| matches!(row.role, Role::Owner | Role::Admin));
        hold(manages, || format!("{by} changes members, and may not"))
    }

    fn changed(&mut self, member: UserId, role: Role, limit: Option<SpendingLimit>) {
        let Some(row) = self.members.get_mut(&member) else { return };
        let is_same = (row.role, row.limit) == (role, limit);
        (row.role, row.limit) = (role, limit);
        let keeps_keys = match role {
            Role::Owner => true,
            Role::Admin => limit.is_none(),
            Role::Member | Role::Viewer | Role::Key => false,
        };
        if !is_same && !keeps_keys {
            self.members.retain(|_, row| row.maker != Some(member));
        }
    }
}

fn hold(holds: bool, violation: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(violation()) }
}

fn date(at_s: i64) -> Date {
    Timestamp::from_second(at_s).unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC).date()
}

/// Whether two moments are of the same period of the calendar.
fn is_of_period(period: LimitPeriod, at_s: i64, now_s: i64) -> bool {
    let (at, now) = (date(at_s), date(now_s));
    match period {
        LimitPeriod::Day => at == now,
        LimitPeriod::Week => {
            (at.iso_week_date().year(), at.iso_week_date().week())
                == (now.iso_week_date().year(), now.iso_week_date().week())
        }
        LimitPeriod::Month => (at.year(), at.month()) == (now.year(), now.month()),
    }
}
