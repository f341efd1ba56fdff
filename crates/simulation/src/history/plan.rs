//! What a history is made of.

use oslira_app::{
    features::auth::{LimitPeriod, Permission, Role, SpendingLimit},
    shared::ids::UserId,
};
use uuid::Uuid;

use crate::{Customer, GrantRow, GrantSource, MemberRow, Mutation, Random};

/// Few, so that histories run out of credits: an XRAY costs 6.
const CREDITS_MAX: u64 = 24;
/// The hourly limit in histories, low enough to be met. The plan in the real database is set to the same.
const HOURLY_MAX: usize = 4;
const GRANTS_MAX: usize = 4;
const HOUR_S: i64 = 3_600;
/// So that the draws of the grants do not equal those of the credits.
const GRANTS: u64 = 0x6772_616e_7473;
const MEMBERS: u64 = 0x006d_656d_6265_7273;
/// So that limits are met: an XRAY costs 6.
const LIMIT_MAX: u64 = 14;

/// What a history is made of; the same plan gives the same history.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// The deliberate defect to find, if any.
    pub mutation: Option<Mutation>,
    pub customer: Customer,
    /// Keep every operation, for a replay against the database.
    pub record: bool,
}

impl Plan {
    /// The history of a seed, without defects.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, mutation: None, customer: Customer::default(), record: false }
    }

    /// The credits that the history starts with.
    #[must_use]
    pub fn credits(self) -> i64 {
        // A generator of its own: a replay must create the customer in the real database before it plays the history.
        i64::try_from(Random::new(self.seed).below(CREDITS_MAX)).unwrap_or(0) + 1
    }

    /// The grants that these credits come in: some that end soon, some late, and some never.
    #[must_use]
    pub fn grants(self, now_s: i64) -> Vec<GrantRow> {
        let mut random = Random::new(self.seed ^ GRANTS);
        let mut below = |limit: u64| i64::try_from(random.below(limit)).unwrap_or(0);
        let mut grants = Vec::new();
        let mut left = self.credits();
        while left > 0 {
            let is_last = grants.len() + 1 == GRANTS_MAX;
            let amount = if is_last { left } else { 1 + below(left.unsigned_abs()) };
            let source = usize::try_from(below(GrantSource::ALL.len() as u64)).ok();
            let source = source.and_then(|at| GrantSource::ALL.get(at)).copied().unwrap_or(GrantSource::Pack);
            let ends_s = match below(10) {
                0 => Some(60 + below(HOUR_S.unsigned_abs())),
                1..=2 => Some(HOUR_S + below(30 * HOUR_S.unsigned_abs())),
                3..=5 => Some(40 * HOUR_S + below(400 * HOUR_S.unsigned_abs())),
                _ => None,
            };
            grants.push(GrantRow::new(source, amount, ends_s.map(|after_s| now_s + after_s)));
            left -= amount;
        }
        grants
    }

    /// Who belongs to the account beside its owner: an admin, a member, a viewer, and two keys.
    #[must_use]
    pub fn members(self) -> Vec<MemberRow> {
        let mut random = Random::new(self.seed ^ MEMBERS);
        // With the seed in it, because the histories that are replayed in one real database must not share ids; and below those
        // of runs.
        let id = |number: u64| {
            UserId::new(Uuid::from_u128((u128::from(self.seed) << 64) | 0xffff_0000 | u128::from(number)))
        };
        let person = |number, role| MemberRow::person(id(number), role);
        let mut limit = |permille| random.chance(permille).then(|| any_limit(&mut random));
        let [admin, member] = [
            MemberRow { limit: limit(150), ..person(1, Role::Admin) },
            MemberRow { limit: limit(700), ..person(2, Role::Member) },
        ];
        let limits = [limit(700), limit(300)];
        let key = |number, limit, maker, scopes: &[Permission]| MemberRow {
            scopes: scopes.to_vec(),
            limit,
            maker: Some(maker),
            ..person(number, Role::Key)
        };
        let (owner, spends) = (self.customer.user, [Permission::Read, Permission::Analyse]);
        let of_owner = key(4, limits[0], owner, &spends);
        let of_admin = key(5, limits[1], admin.id, if random.chance(500) { &spends } else { &[Permission::Read] });
        vec![admin, member, person(3, Role::Viewer), of_owner, of_admin]
    }

    /// The hourly limit that the account's plan must have.
    #[must_use]
    pub const fn hourly_max() -> usize {
        HOURLY_MAX
    }
}

/// What somebody may spend in a period.
pub(super) fn any_limit(random: &mut Random) -> SpendingLimit {
    const PERIODS: [LimitPeriod; 3] = [LimitPeriod::Day, LimitPeriod::Week, LimitPeriod::Month];
    let period = random.pick(&PERIODS).copied().unwrap_or(LimitPeriod::Day);
    SpendingLimit { credits: i64::try_from(random.below(LIMIT_MAX)).unwrap_or(0), period }
}
