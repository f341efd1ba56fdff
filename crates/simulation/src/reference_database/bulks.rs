//! Bulks: what `begin_bulk`, `cancel_bulk`, `tend_bulk`, `beat_unstarted` and `end_finished_bulks` must do, without the options
//! of a purchase.

use oslira_app::{
    features::analysis::{RunStatus, Tended},
    shared::{
        analysis_type::AnalysisType,
        ids::{BulkId, RunId, UserId},
    },
};

use super::{ReferenceDatabase, price};
use crate::{BulkEnd, BulkRow, Mutation, RunRow};

impl ReferenceDatabase {
    /// Charges each line by itself, or none, also when it is more than the buyer's limit allows. Returns the runs that were bought.
    pub(super) fn begin_bulk(
        &mut self,
        by: UserId,
        bulk: BulkId,
        kind: AnalysisType,
        lines: &[(String, RunId)],
        now_s: i64,
    ) -> Option<Vec<RunId>> {
        // Stalled runs are ended first: what they give back counts.
        let is_free = |database: &mut Self, name: &str| database.active_duplicate(name, kind, now_s).is_none();
        let bought: Vec<&(String, RunId)> = lines.iter().filter(|(name, _)| is_free(self, name)).collect();
        let each = price(kind);
        let required = each * i64::try_from(bought.len()).unwrap_or(i64::MAX);
        self.end_due_grants();
        let is_over = !self.has(Mutation::BulkIgnoresLimit) && self.over_member_limit(by, required).is_some();
        if is_over || self.balance < required {
            return None;
        }
        for (username, run) in &bought {
            self.runs.insert(*run, RunRow { bulk: Some(bulk), ..RunRow::new(by, username, kind, each, now_s) });
            self.count_charge(by, each);
            self.charge(*run, each);
        }
        let runs: Vec<RunId> = bought.iter().map(|(_, run)| *run).collect();
        let end = runs.is_empty().then_some(BulkEnd::Complete);
        self.bulks.insert(bulk, BulkRow { runs: runs.clone(), end });
        Some(runs)
    }

    fn active_lines(&self, bulk: BulkId) -> Vec<RunId> {
        let runs = self.bulks.get(&bulk).map(|row| row.runs.clone()).unwrap_or_default();
        runs.into_iter().filter(|run| self.runs.get(run).is_some_and(RunRow::is_active)).collect()
    }

    fn pending_lines(&self, bulk: BulkId) -> Vec<RunId> {
        let is_pending = |run: &RunId| self.runs.get(run).is_some_and(|row| row.status == RunStatus::Pending);
        self.active_lines(bulk).into_iter().filter(is_pending).collect()
    }

    /// Ends a bulk whose lines have ended; whether it has ended now or before.
    fn settle_bulk(&mut self, bulk: BulkId) -> bool {
        let is_over = self.active_lines(bulk).is_empty() || self.has(Mutation::BulkEndsEarly);
        let is_forgotten = self.has(Mutation::BulkNeverEnds);
        let Some(row) = self.bulks.get_mut(&bulk) else { return true };
        if is_over && !is_forgotten && row.end.is_none() {
            row.end = Some(BulkEnd::Complete);
        }
        row.end.is_some()
    }

    /// Cancels every line that is active by its own rule. Returns them, what was refunded, and what was kept; `None` when the
    /// bulk had ended by itself. A repeat gives the first answer.
    pub(super) fn cancel_bulk(&mut self, bulk: BulkId) -> Option<(Vec<RunId>, i64, i64)> {
        if let Some(BulkRow { end: Some(BulkEnd::Cancelled(answer)), .. }) = self.bulks.get(&bulk) {
            return Some(answer.clone());
        }
        if !self.bulks.contains_key(&bulk) || self.settle_bulk(bulk) {
            return None;
        }
        let mut runs = self.active_lines(bulk);
        if self.has(Mutation::BulkCancelSparesUnstarted) {
            let pending = self.pending_lines(bulk);
            runs.retain(|run| !pending.contains(run));
        }
        runs.sort_unstable();
        let (mut refunded, mut kept) = (0, 0);
        for run in &runs {
            let Some(row) = self.runs.get(run) else { continue };
            let (credits, outcome) = (row.credits, self.cancels_as(row));
            *(if outcome == "refunded" { &mut refunded } else { &mut kept }) += credits;
            self.end(*run, RunStatus::Cancelled, outcome, None);
        }
        let answer = (runs, refunded, kept);
        if let Some(row) = self.bulks.get_mut(&bulk) {
            row.end = Some(BulkEnd::Cancelled(answer.clone()));
        }
        Some(answer)
    }

    pub(super) fn tend_bulk(&mut self, bulk: BulkId) -> Tended {
        if !self.bulks.contains_key(&bulk) {
            return Tended { account_id: None, active: 0, pending: vec![] };
        }
        let active = u32::try_from(self.active_lines(bulk).len()).unwrap_or(u32::MAX);
        let pending = self.pending_lines(bulk);
        self.settle_bulk(bulk);
        Tended { account_id: Some(self.customer.account), active, pending }
    }

    /// The heartbeat of lines that wait for their start; which of them still do.
    pub(super) fn beat_unstarted(&mut self, bulk: BulkId, runs: &[RunId], now_s: i64) -> Vec<RunId> {
        let pending: Vec<RunId> = self.pending_lines(bulk).into_iter().filter(|run| runs.contains(run)).collect();
        for run in &pending {
            if let Some(row) = self.runs.get_mut(run) {
                row.heartbeat_s = Some(now_s);
            }
        }
        pending
    }

    pub(super) fn end_finished_bulks(&mut self, limit: u32) -> u32 {
        let open: Vec<BulkId> = self.bulks.iter().filter(|(_, row)| row.end.is_none()).map(|(id, _)| *id).collect();
        let over = open.into_iter().filter(|bulk| self.active_lines(*bulk).is_empty()).take(limit as usize);
        let over: Vec<BulkId> = over.collect();
        u32::try_from(over.into_iter().filter(|bulk| self.settle_bulk(*bulk)).count()).unwrap_or(u32::MAX)
    }
}
