//! The five-minute job: what `claim_silent_runs`, `note_woken` and `sweep_stale_runs` must do.

use oslira_app::{features::analysis::RunStatus, shared::ids::RunId};

use super::ReferenceDatabase;
use crate::{Mutation, RunRow};

impl ReferenceDatabase {
    pub(super) fn claim_silent(&mut self, age_s: i64, limit: u32, now_s: i64) -> Vec<(RunId, i64)> {
        let heard_s = |row: &RunRow| row.claimed_s.max(Some(row.last_sign_s()));
        let is_silent = |row: &RunRow| row.is_active() && heard_s(row) <= Some(now_s - age_s);
        let silent = self.runs.iter().filter(|(_, row)| is_silent(row));
        let mut claimed: Vec<(RunId, i64)> = silent.map(|(id, row)| (*id, now_s - row.last_sign_s())).collect();
        claimed.sort_by_key(|(id, silent_s)| (-silent_s, *id));
        claimed.truncate(limit as usize);
        claimed.sort_unstable();
        for (run, _) in &claimed {
            if let Some(row) = self.runs.get_mut(run) {
                row.claimed_s = Some(now_s);
            }
        }
        claimed
    }

    pub(super) fn note_woken(&mut self, runs: &[RunId], now_s: i64) {
        for (_, row) in self.runs.iter_mut().filter(|(id, row)| runs.contains(id) && row.is_active()) {
            row.woken_s = Some(now_s);
        }
    }

    pub(super) fn sweep(&mut self, age_s: i64, grace_s: i64, limit: u32, now_s: i64) -> Vec<RunId> {
        let (by_age, blind) = (self.has(Mutation::SweepIgnoresHeartbeat), self.has(Mutation::SweepMissesPending));
        let is_dead = |row: &RunRow| {
            let was_woken = row.woken_s > Some(row.last_sign_s()) && row.woken_s <= Some(now_s - grace_s);
            row.last_sign_s() <= now_s - age_s && was_woken
        };
        let is_old = |row: &RunRow| row.created_s <= now_s - age_s;
        let is_swept = |row: &RunRow| row.is_active() && if by_age { is_old(row) } else { is_dead(row) };
        let swept = self.runs.iter().filter(|(_, row)| is_swept(row) && !(blind && row.status == RunStatus::Pending));
        let swept: Vec<RunId> = swept.map(|(id, _)| *id).take(limit as usize).collect();
        for run in &swept {
            self.stall(*run);
        }
        swept
    }
}
