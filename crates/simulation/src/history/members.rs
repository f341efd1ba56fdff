//! What becomes of an account's members and keys in a history.

use oslira_app::{features::auth::Role, shared::ids::UserId};

use super::{Driver, MINUTE_MS, plan::any_limit};
use crate::{Op, Random, World, world::EPOCH_MS};

/// So many of a thousand histories begin shortly before the limits of members start anew.
const BEFORE_A_BORDER_PERMILLE: u64 = 250;
const DAY_MS: i64 = 86_400_000;

/// Some histories begin shortly before a day, a week or a month ends.
pub(super) fn wait_for_a_border(world: &mut World, random: &mut Random) {
    // After 2020-01-01: two Mondays, the 1st of February, and the 1st of March after a leap day.
    const BORDERS_DAYS: [i64; 4] = [5, 12, 31, 60];
    if random.chance(BEFORE_A_BORDER_PERMILLE) {
        let border_ms = EPOCH_MS + random.pick(&BORDERS_DAYS).copied().unwrap_or(0) * DAY_MS;
        let left_ms = i64::try_from(random.below(5 * MINUTE_MS)).unwrap_or(0);
        world.now_ms = world.now_ms.max(border_ms - left_ms);
    }
}

impl Driver {
    /// Somebody, mostly its owner, changes who may act for the account and what they may spend. Most of it is allowed.
    pub(super) fn change_members(&mut self) {
        const ROLES: [Role; 6] = [Role::Owner, Role::Admin, Role::Member, Role::Member, Role::Member, Role::Viewer];
        let by = self.somebody();
        let member = self.anybody();
        let op = match self.random.below(10) {
            0..=5 => {
                let role = self.random.pick(&ROLES).copied().unwrap_or(Role::Member);
                let limit = self.random.chance(500).then(|| any_limit(&mut self.random));
                Op::ChangeMember { by, member, role, limit }
            }
            // Anybody may leave.
            6 => Op::RemoveMember { by: member, member },
            7 => Op::RemoveMember { by, member },
            _ => Op::RevokeKey { by, key: member },
        };
        let mut world = self.world.lock();
        if !world.store_is_down() {
            world.apply(&op);
        }
    }

    /// Each as often, the owner too.
    fn anybody(&mut self) -> UserId {
        let owner = self.world.lock().database.customer.user;
        let at = usize::try_from(self.random.below(self.members.len() as u64 + 1)).unwrap_or(0);
        self.members.get(at).copied().unwrap_or(owner)
    }
}
