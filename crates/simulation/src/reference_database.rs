//! The ledger and the runs as pure functions of (state, operation, time): what `begin_analysis`, `cancel_run`,
//! `undo_run`, `advance_run`, `complete_run`, `fail_run`, `sweep_stale_runs`, `record_usage` and `mark_stale` must do, for one
//! account. The same histories run against the real functions, so this model cannot drift from them; those without bulks, which
//! are modelled in `bulks`. What a balance is made of is modelled in `grants`.

mod bulks;
mod grants;

use std::collections::BTreeMap;

use jiff::Timestamp;
use oslira_app::{
    features::analysis::{BeginOutcome, CancelOutcome, Completion, Phase, Receipt, RunState, RunStatus, UndoOutcome},
    shared::{
        analysis_type::AnalysisType,
        ids::{AnalysisId, BulkId, LeadId, RunId},
    },
};
use uuid::Uuid;

use crate::{AnalysisRow, Answer, BulkRow, Customer, Entry, GrantRow, GrantSource, Mutation, Op, RunRow};

const HOUR_S: i64 = 3_600;
const KEY_LIFE_S: i64 = 24 * HOUR_S;
const STALE_S: i64 = 300;

/// The prices in the table `analysis_prices`.
const fn price(kind: AnalysisType) -> i64 {
    match kind {
        AnalysisType::Light => 1,
        AnalysisType::Deep => 5,
        AnalysisType::Xray => 6,
    }
}

/// The database of one account.
#[derive(Debug, Clone)]
pub struct ReferenceDatabase {
    /// The deliberate defect under test, which this model or another part of the simulation then has.
    pub mutation: Option<Mutation>,
    pub customer: Customer,
    /// Most analyses that may begin within an hour.
    pub hourly_max: usize,
    /// In credits.
    pub balance: i64,
    /// In the order in which they were given.
    pub grants: Vec<GrantRow>,
    pub entries: Vec<Entry>,
    pub runs: BTreeMap<RunId, RunRow>,
    pub bulks: BTreeMap<BulkId, BulkRow>,
    /// One lead per username.
    pub leads: BTreeMap<String, LeadId>,
    pub analyses: Vec<AnalysisRow>,
    /// The newest scrape that showed a change, by username.
    pub changes: BTreeMap<String, Timestamp>,
    /// The provider key of every recorded bill.
    pub usage: Vec<String>,
    /// The second of the present transaction.
    now_s: i64,
}

impl ReferenceDatabase {
    /// A database whose ledger starts with `credits`, which never end.
    #[must_use]
    pub fn new(customer: Customer, credits: i64, hourly_max: usize, mutation: Option<Mutation>) -> Self {
        let database = Self {
            mutation,
            customer,
            hourly_max,
            balance: 0,
            grants: vec![],
            entries: vec![],
            runs: BTreeMap::new(),
            bulks: BTreeMap::new(),
            leads: BTreeMap::new(),
            analyses: vec![],
            changes: BTreeMap::new(),
            usage: vec![],
            now_s: 0,
        };
        database.with_grants(&[GrantRow::new(GrantSource::Adjustment, credits, None)])
    }

    /// Runs one transaction at the second `now_s`.
    pub fn apply(&mut self, op: &Op, now_s: i64) -> Answer {
        self.now_s = now_s;
        match op {
            Op::Begin { run, username, kind, key, body_hash } => {
                Answer::Begun(self.begin((*run, username, *kind), key.as_deref(), body_hash, now_s))
            }
            Op::Cancel(run) => Answer::Cancelled(self.cancel(*run)),
            Op::Undo(run) => Answer::Undone(self.undo(*run)),
            Op::TakeUp(run) => {
                let active = self.advance(*run, Phase::Cache, now_s);
                let username = self.runs.get(run).map(|row| row.username.clone());
                Answer::TakenUp(username.filter(|_| active))
            }
            Op::Advance(run, phase) => Answer::Active(self.advance(*run, *phase, now_s)),
            Op::Complete { run, lead, .. } => Answer::Completed(self.complete(*run, lead.scraped_at, now_s)),
            Op::Fail { run, code, message } => {
                self.fail(*run, code, message);
                Answer::Done
            }
            Op::RecordUsage { run, key, .. } => {
                let is_new = !self.usage.contains(key) || self.has(Mutation::BillTwice);
                if self.runs.contains_key(run) && is_new {
                    self.usage.push(key.clone());
                }
                Answer::Done
            }
            Op::MarkStale(username, scraped_at) => Answer::Marked(self.mark_stale(username.as_str(), *scraped_at)),
            // The circuit breaker is not modelled: histories name no required provider.
            Op::ReportOutage { .. } => Answer::Done,
            Op::State(run) => Answer::State(self.state(*run)),
            Op::ClaimSilent(age_s, limit) => Answer::Claimed(self.claim_silent(*age_s, *limit, now_s)),
            Op::NoteWoken(runs) => {
                self.note_woken(runs, now_s);
                Answer::Done
            }
            Op::Sweep(age_s, grace_s, limit) => Answer::Swept(self.sweep(*age_s, *grace_s, *limit, now_s)),
            Op::BeginBulk { bulk, kind, lines } => Answer::BulkBegun(self.begin_bulk(*bulk, *kind, lines, now_s)),
            Op::CancelBulk(bulk) => Answer::BulkCancelled(self.cancel_bulk(*bulk)),
            Op::TendBulk(bulk) => Answer::Tended(self.tend_bulk(*bulk)),
            Op::BeatUnstarted(bulk, runs) => Answer::Waiting(self.beat_unstarted(*bulk, runs, now_s)),
            Op::EndFinishedBulks(limit) => Answer::BulksEnded(self.end_finished_bulks(*limit)),
        }
    }

    fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn post(&mut self, kind: &'static str, amount: i64, run: RunId, grants: Vec<(usize, i64)>) -> i64 {
        self.balance += amount;
        if !self.has(Mutation::EntryForgotten) || kind != "refund" {
            self.entries.push(Entry { kind, amount, balance_after: self.balance, run: Some(run), grants });
        }
        self.balance
    }

    /// Ends a run. Callers have checked that it may end.
    fn end(&mut self, run: RunId, status: RunStatus, outcome: &'static str, error: Option<(String, String)>) -> i64 {
        let Some(row) = self.runs.get_mut(&run) else { return self.balance };
        // No workflow took the run up, so the customer may send the same request again.
        if status == RunStatus::Cancelled && row.status == RunStatus::Pending {
            row.key = None;
        }
        row.status = status;
        row.outcome = Some(outcome);
        row.error = error;
        let credits = row.credits;
        let is_failure = status == RunStatus::Failed;
        if outcome == "refunded" && !(is_failure && self.has(Mutation::FailKeepsCharge)) {
            self.refund(run, if is_failure && self.has(Mutation::RefundsOneCredit) { 1 } else { credits });
            if is_failure && self.has(Mutation::RefundTwice) {
                self.refund(run, credits);
            }
        }
        let balance = self.balance;
        if let Some(row) = self.runs.get_mut(&run) {
            row.ended_balance = Some(balance);
        }
        balance
    }

    fn begin(
        &mut self,
        (run, username, kind): (RunId, &str, AnalysisType),
        key: Option<&str>,
        body_hash: &str,
        now_s: i64,
    ) -> BeginOutcome {
        let price = price(kind);
        // The order of these checks is that of `api.begin_analysis`, because it decides which refusal is answered.
        if let Some(answer) = self.answer_from_key(key, body_hash, now_s) {
            return answer;
        }
        if let Some(duplicate) = self.active_duplicate(username, kind, now_s) {
            return BeginOutcome::Duplicate { run_id: duplicate };
        }
        if let Some(retry_after_s) = self.hourly_wait_s(now_s) {
            return BeginOutcome::RateLimited { retry_after_s };
        }
        if !self.has(Mutation::EndedGrantIsSpent) {
            self.end_due_grants();
        }
        if self.balance < price && !self.has(Mutation::BalanceNotChecked) {
            return BeginOutcome::InsufficientCredits { balance: self.balance, required: price };
        }
        let row = RunRow::new(username, kind, price, now_s);
        self.runs.insert(run, RunRow { key: key.map(str::to_owned), body_hash: body_hash.to_owned(), ..row });
        let balance = self.charge(run, price);
        BeginOutcome::Started(Receipt { run_id: run, credits: price, balance, top_up: None })
    }

    fn answer_from_key(&mut self, key: Option<&str>, body_hash: &str, now_s: i64) -> Option<BeginOutcome> {
        let key = key?;
        let (id, row) = self.runs.iter_mut().find(|(_, row)| row.key.as_deref() == Some(key))?;
        if row.created_s <= now_s - KEY_LIFE_S || self.mutation == Some(Mutation::ReplayCharges) {
            row.key = None;
            return None;
        }
        if row.body_hash != body_hash {
            return Some(BeginOutcome::IdempotencyKeyReused);
        }
        // The first answer told the balance right after the charge, which the ledger still has.
        let first = self.entries.iter().find(|entry| entry.kind == "charge" && entry.run == Some(*id))?;
        let forgets = self.mutation == Some(Mutation::ReplayForgetsItsAnswer);
        let balance = if forgets { self.balance } else { first.balance_after };
        Some(BeginOutcome::Replay(Receipt { run_id: *id, credits: row.credits, balance, top_up: None }))
    }

    fn active_duplicate(&mut self, username: &str, kind: AnalysisType, now_s: i64) -> Option<RunId> {
        if self.has(Mutation::DuplicateAllowed) {
            return None;
        }
        let is_same = |row: &RunRow| row.username == username && row.kind == kind && row.is_active();
        let (id, row) = self.runs.iter().find(|(_, row)| is_same(row))?;
        let (id, is_stale) = (*id, row.last_sign_s() <= now_s - STALE_S);
        // A run that looks dead is failed and refunded at once: the customer need not wait for the five-minute job.
        if is_stale {
            self.stall(id);
            return None;
        }
        Some(id)
    }

    fn hourly_wait_s(&self, now_s: i64) -> Option<u32> {
        // Lines of bulks count to a limit of their own, which histories do not meet.
        let single = self.runs.values().filter(|row| row.bulk.is_none()).map(|row| row.created_s);
        let mut young: Vec<i64> = single.filter(|s| *s > now_s - HOUR_S).collect();
        young.sort_unstable_by(|a, b| b.cmp(a));
        // With a limit of n, the next run may begin when the nth newest is an hour old.
        let nth = young.get(self.hourly_max.checked_sub(1)?)?;
        (!self.has(Mutation::HourlyLimitIgnored)).then(|| u32::try_from(nth + HOUR_S - now_s).unwrap_or(1).max(1))
    }

    fn cancel(&mut self, run: RunId) -> CancelOutcome {
        let Some(row) = self.runs.get(&run) else { return CancelOutcome::NotFound };
        let (credits, status) = (row.credits, row.status);
        let (outcome, balance) = match status {
            RunStatus::Complete | RunStatus::Failed => return CancelOutcome::Finished { status },
            RunStatus::Cancelled if !self.has(Mutation::CancelTwice) => {
                (row.outcome.unwrap_or("kept"), row.ended_balance.unwrap_or(self.balance))
            }
            RunStatus::Cancelled | RunStatus::Pending | RunStatus::Processing => {
                let outcome = self.cancels_as(row);
                (outcome, self.end(run, RunStatus::Cancelled, outcome, None))
            }
        };
        let refunded = if outcome == "refunded" { credits } else { 0 };
        CancelOutcome::Cancelled { refunded, kept: credits - refunded, balance }
    }

    /// How a cancellation ends the charge of an active run.
    fn cancels_as(&self, row: &RunRow) -> &'static str {
        let refunds =
            (!row.ai_started || self.has(Mutation::CancelRefundsAfterAi)) && !self.has(Mutation::CancelKeepsBeforeAi);
        if refunds { "refunded" } else { "kept" }
    }

    fn undo(&mut self, run: RunId) -> UndoOutcome {
        let Some(row) = self.runs.get(&run) else { return UndoOutcome::NotFound };
        let (status, is_taken_up) = (row.status, row.phase.is_some());
        let ignores = self.has(Mutation::UndoIgnoresWorkflow) && row.is_active();
        let outcome = if row.ai_started { "kept" } else { "refunded" };
        if status == RunStatus::Pending || ignores {
            self.end(run, RunStatus::Cancelled, outcome, None);
        } else if status != RunStatus::Cancelled || is_taken_up {
            return UndoOutcome::Unchanged { status };
        }
        UndoOutcome::Undone
    }

    fn advance(&mut self, run: RunId, phase: Phase, now_s: i64) -> bool {
        let revives = self.has(Mutation::HeartbeatRevives);
        let forgets_ai = self.has(Mutation::AiStartForgotten);
        let moves_back = self.has(Mutation::PhaseMovesBack);
        let Some(row) = self.runs.get_mut(&run).filter(|row| row.is_active() || revives) else { return false };
        row.status = RunStatus::Processing;
        // Only forwards: a replayed step asks for an earlier phase again.
        row.phase = if moves_back { Some(phase) } else { row.phase.max(Some(phase)) };
        row.heartbeat_s = Some(now_s);
        row.ai_started |= phase == Phase::Analyzing && !forgets_ai;
        true
    }

    fn complete(&mut self, run: RunId, scraped_at: Timestamp, now_s: i64) -> Completion {
        let Some(row) = self.runs.get(&run) else { return Completion::Inactive };
        if let (RunStatus::Complete, Some((lead_id, is_new, analysis_id))) = (row.status, row.completed) {
            if self.has(Mutation::CompleteTwice) {
                let again = self.analyses.iter().find(|analysis| analysis.run == run).cloned();
                self.analyses.extend(again);
            }
            return Completion::Completed { lead_id, is_new, analysis_id };
        }
        if row.status != RunStatus::Processing && !self.has(Mutation::CompleteAfterTheEnd) {
            return Completion::Inactive;
        }
        let username = row.username.clone();
        let is_new = !self.leads.contains_key(&username);
        // Derived from the run, and not random, so that a seed gives the same ids again.
        let lead_id =
            *self.leads.entry(username.clone()).or_insert_with(|| LeadId::new(Uuid::from_u128(run.uuid().as_u128())));
        let analysis_id = AnalysisId::new(run.uuid());
        // The change may have been seen by another run while this one was being judged.
        let is_late = self.changes.get(&username).is_some_and(|changed_at| *changed_at > scraped_at);
        let is_stale = is_late && !self.has(Mutation::LateConclusionIsFresh);
        self.analyses.push(AnalysisRow { run, username, scraped_at, is_stale });
        let balance = self.balance;
        if let Some(row) = self.runs.get_mut(&run) {
            row.status = RunStatus::Complete;
            row.outcome = Some("result");
            row.heartbeat_s = Some(now_s);
            row.ended_balance = Some(balance);
            row.completed = Some((lead_id, is_new, analysis_id));
        }
        Completion::Completed { lead_id, is_new, analysis_id }
    }

    fn fail(&mut self, run: RunId, code: &str, message: &str) {
        let ended = self.runs.get(&run).is_none_or(|row| !row.is_active());
        if !ended || self.has(Mutation::FailAfterTheEnd) {
            self.end(run, RunStatus::Failed, "refunded", Some((code.to_owned(), message.to_owned())));
        }
    }

    fn mark_stale(&mut self, username: &str, scraped_at: Timestamp) -> u64 {
        let changed_at = self.changes.entry(username.to_owned()).or_insert(scraped_at);
        *changed_at = scraped_at.max(*changed_at);
        let anybody = self.has(Mutation::StaleMarksOtherProfiles);
        let older = |row: &&mut AnalysisRow| {
            (row.username == username || anybody) && !row.is_stale && row.scraped_at < scraped_at
        };
        let mut marked = 0;
        for row in self.analyses.iter_mut().filter(older) {
            row.is_stale = true;
            marked += 1;
        }
        marked
    }

    fn state(&self, run: RunId) -> Option<RunState> {
        self.runs.get(&run).map(|row| RunState {
            account_id: self.customer.account,
            status: row.status,
            phase: row.phase,
            error_message: row.error.as_ref().map(|(_, message)| message.clone()),
        })
    }

    fn claim_silent(&mut self, age_s: i64, limit: u32, now_s: i64) -> Vec<(RunId, i64)> {
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

    fn note_woken(&mut self, runs: &[RunId], now_s: i64) {
        for (_, row) in self.runs.iter_mut().filter(|(id, row)| runs.contains(id) && row.is_active()) {
            row.woken_s = Some(now_s);
        }
    }

    fn sweep(&mut self, age_s: i64, grace_s: i64, limit: u32, now_s: i64) -> Vec<RunId> {
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

    fn stall(&mut self, run: RunId) {
        const MESSAGE: &str = "The analysis stopped making progress and was ended. Your credits were returned.";
        self.end(run, RunStatus::Failed, "refunded", Some(("stalled".to_owned(), MESSAGE.to_owned())));
    }
}
