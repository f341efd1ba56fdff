//! Who may act for the account, and what each may spend: what `refuse_without`, `over_member_limit`, `count_spending`,
//! `change_member`, `remove_member` and `revoke_key` must do.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use oslira_app::{
    features::{
        analysis::{BeginOutcome, UndoOutcome},
        auth::{LimitPeriod, Permission, Role, SpendingLimit},
    },
    shared::ids::{RunId, UserId},
};

use super::ReferenceDatabase;
use crate::{Answer, MemberRow, Mutation};

const DAY_S: i64 = 24 * 3_600;

/// What somebody may do in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    May,
    /// They belong to it, and may not do this.
    MayNot,
    /// To them the account does not exist.
    Stranger,
}

impl ReferenceDatabase {
    /// An account that these belong to as well.
    #[must_use]
    pub fn with_members(mut self, members: &[MemberRow]) -> Self {
        self.members.extend(members.iter().map(|member| (member.id, member.clone())));
        self.keys.extend(members.iter().filter(|member| member.role == Role::Key).map(|key| key.id));
        self
    }

    pub(super) fn standing(&self, by: UserId, needed: Permission) -> Standing {
        match self.members.get(&by) {
            Some(member) if member.may(needed) || self.has(Mutation::ViewerSpends) => Standing::May,
            Some(_) => Standing::MayNot,
            None => Standing::Stranger,
        }
    }

    /// The undoing of a run: whoever began it may have lost the permission since, or have left.
    pub(super) fn undo_of(&mut self, by: UserId, run: RunId) -> Answer {
        let began = self.runs.get(&run).is_some_and(|row| row.by == by);
        if self.has(Mutation::UndoNeedsPermission) && self.standing(by, Permission::Analyse) != Standing::May {
            return Answer::Refused;
        }
        Answer::Undone(if began { self.undo(run) } else { UndoOutcome::NotFound })
    }

    /// The refusal of more credits to a member whose limit does not allow them.
    pub(super) fn over_member_limit(&self, by: UserId, required: i64) -> Option<BeginOutcome> {
        let SpendingLimit { credits: limit, period } = self.members.get(&by)?.limit?;
        let counted = if self.has(Mutation::LimitCountsTheDayOnly) { LimitPeriod::Day } else { period };
        let (starts_s, _) = period_of(counted, self.now_s);
        let days = self.spending.range((by, starts_s)..=(by, i64::MAX));
        let used = days.map(|(_, credits)| credits).sum::<i64>();
        if used + required <= limit || self.has(Mutation::MemberLimitIgnored) {
            return None;
        }
        let (_, ends_s) = period_of(period, self.now_s);
        let resets_in_s = u32::try_from(ends_s - self.now_s).unwrap_or(1).max(1);
        Some(BeginOutcome::MemberLimitReached { limit, period, used, required, resets_in_s })
    }

    pub(super) fn count_charge(&mut self, by: UserId, credits: i64) {
        let by = if self.has(Mutation::ChargeOfAnother) { self.customer.user } else { by };
        *self.spending.entry((by, day_of(self.now_s))).or_default() += credits;
    }

    /// A refund counts for the day of its charge.
    pub(super) fn count_refund(&mut self, by: UserId, charged_s: i64, credits: i64) {
        let day = day_of(if self.has(Mutation::RefundCountsToday) { self.now_s } else { charged_s });
        if !self.has(Mutation::RefundLeavesTheLimitUsed) {
            let spent = self.spending.entry((by, day)).or_default();
            *spent = (*spent - credits).max(0);
        }
    }

    /// Whether the account would be without an owner if this member were none.
    fn is_last_owner(&self, member: UserId) -> bool {
        let is_other = |other: &MemberRow| other.role == Role::Owner && other.id != member;
        !self.members.values().any(is_other) && !self.has(Mutation::LastOwnerLeaves)
    }

    fn is_owner(&self, member: UserId) -> bool {
        self.members.get(&member).is_some_and(|member| member.role == Role::Owner)
    }

    /// A person of the account.
    fn person(&self, member: UserId) -> Option<MemberRow> {
        self.members.get(&member).filter(|member| member.role != Role::Key).cloned()
    }

    pub(super) fn change_member(
        &mut self,
        by: UserId,
        member: UserId,
        role: Role,
        limit: Option<SpendingLimit>,
    ) -> Answer {
        match self.standing(by, Permission::ManageMembers) {
            Standing::May => {}
            Standing::MayNot => return Answer::Refused,
            Standing::Stranger => return Answer::Members("forbidden"),
        }
        let Some(before) = self.person(member) else { return Answer::Members("not_found") };
        let changes = (before.role, before.limit) != (role, limit);
        let is_limited = self.members.get(&by).is_some_and(|by| by.limit.is_some());
        let of_owners = before.role == Role::Owner || role == Role::Owner;
        if !self.is_owner(by) && (of_owners || (is_limited && changes)) {
            return Answer::Members("owner_required");
        }
        if before.role == Role::Owner && role != Role::Owner && self.is_last_owner(member) {
            return Answer::Members("last_owner");
        }
        if changes {
            self.members.insert(member, MemberRow { role, limit, ..before });
            // A key would spend what its maker may not.
            if (limit.is_some() && role != Role::Owner) || !role.permissions().contains(&Permission::ManageKeys) {
                self.revoke_keys_of(member);
            }
        }
        Answer::Members("ok")
    }

    pub(super) fn remove_member(&mut self, by: UserId, member: UserId) -> Answer {
        let needed = if by == member { Permission::Read } else { Permission::ManageMembers };
        match self.standing(by, needed) {
            Standing::May => {}
            Standing::MayNot => return Answer::Refused,
            Standing::Stranger => return Answer::Members("forbidden"),
        }
        let Some(before) = self.person(member) else { return Answer::Members("not_found") };
        if before.role == Role::Owner && !self.is_owner(by) {
            return Answer::Members("owner_required");
        }
        if before.role == Role::Owner && self.is_last_owner(member) {
            return Answer::Members("last_owner");
        }
        self.members.remove(&member);
        self.revoke_keys_of(member);
        Answer::Members("ok")
    }

    pub(super) fn revoke_key(&mut self, by: UserId, key: UserId) -> Answer {
        match self.standing(by, Permission::ManageKeys) {
            Standing::May => {}
            Standing::MayNot => return Answer::Refused,
            Standing::Stranger => return Answer::Members("forbidden"),
        }
        if !self.keys.contains(&key) {
            return Answer::Members("not_found");
        }
        self.end_keys(|row| row.id == key);
        Answer::Members("ok")
    }

    fn revoke_keys_of(&mut self, maker: UserId) {
        self.end_keys(|row| row.maker == Some(maker));
    }

    fn end_keys(&mut self, is_ended: impl Fn(&MemberRow) -> bool) {
        if !self.has(Mutation::RevokedKeySpends) {
            self.members.retain(|_, row| row.role != Role::Key || !is_ended(row));
        }
    }
}

/// The second at which the day (UTC) of another begins.
const fn day_of(at_s: i64) -> i64 {
    at_s.div_euclid(DAY_S) * DAY_S
}

/// The seconds at which a period of the calendar (UTC) begins and at which the next one does.
fn period_of(period: LimitPeriod, at_s: i64) -> (i64, i64) {
    let date = Timestamp::from_second(at_s).unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC).date();
    let (from, to) = match period {
        LimitPeriod::Day => (date, date + 1.day()),
        LimitPeriod::Week => {
            let monday = date - i64::from(date.weekday().to_monday_zero_offset()).days();
            (monday, monday + 1.week())
        }
        LimitPeriod::Month => (date.first_of_month(), date.first_of_month() + 1.month()),
    };
    (start_s(from), start_s(to))
}

fn start_s(date: Date) -> i64 {
    date.to_zoned(TimeZone::UTC).map_or(i64::MAX, |zoned| zoned.timestamp().as_second())
}
