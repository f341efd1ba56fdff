//! The ledger and the runs as pure functions of (state, operation, time): what `begin_analysis`, `cancel_run`,
//! `undo_run`, `advance_run`, `complete_run`, `fail_run`, `sweep_stale_runs`, `record_usage` and `mark_stale` must do, for one
//! account and its members, who are modelled in `members`. The same histories run against the real functions, so this model cannot
//! drift from them; those without bulks, which are modelled in `bulks`. What a balance is made of is modelled in `grants`.

mod bulks;
mod grants;
mod members;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use oslira_app::{
    features::{
        analysis::{BeginOutcome, CancelOutcome, Completion, Phase, Receipt, RunState, RunStatus, UndoOutcome},
        auth::{Permission, Role},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AnalysisId, BulkId, LeadId, RunId, UserId},
    },
};
use uuid::Uuid;

use self::members::Standing;
use crate::{AnalysisRow, Answer, BulkRow, Customer, Entry, GrantRow, GrantSource, MemberRow, Mutation, Op, RunRow};

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
    /// Who may act for the account now.
    pub members: BTreeMap<UserId, MemberRow>,
    /// Every key that there ever was.
    keys: BTreeSet<UserId>,
    /// By member and by the second at which a day (UTC) begins: what their runs of the day cost, refunded ones left out.
    pub spending: BTreeMap<(UserId, i64), i64>,
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
    /// A database whose ledger starts with `credits`, which never end, and whose one member is its owner.
    #[must_use]
    pub fn new(customer: Customer, credits: i64, hourly_max: usize, mutation: Option<Mutation>) -> Self {
        let database = Self {
            mutation,
            customer,
            members: BTreeMap::from([(customer.user, MemberRow::person(customer.user, Role::Owner))]),
            keys: BTreeSet::new(),
            spending: BTreeMap::new(),
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
            Op::Begin { by, run, username, kind, key, body_hash } => match self.standing(*by, Permission::Analyse) {
                Standing::May => {
                    Answer::Begun(self.begin(*by, (*run, username, *kind), key.as_deref(), body_hash, now_s))
                }
                Standing::MayNot => Answer::Refused,
                Standing::Stranger => Answer::Begun(BeginOutcome::Forbidden),
            },
            Op::Cancel { by, run } => match self.standing(*by, Permission::Analyse) {
                Standing::May => Answer::Cancelled(self.cancel(*run)),
                Standing::MayNot => Answer::Refused,
                Standing::Stranger => Answer::Cancelled(CancelOutcome::NotFound),
            },
            Op::Undo { by, run } => self.undo_of(*by, *run),
            Op::ChangeMember { by, member, role, limit } => self.change_member(*by, *member, *role, *limit),
            Op::RemoveMember { by, member } => self.remove_member(*by, *member),
            Op::RevokeKey { by, key } => self.revoke_key(*by, *key),
            Op::TakeUp(run) => {
                let active = self.advance(*run, Phase::Cache, now_s);
                let username = self.runs.get(run).map(|row| row.username.clone());
                Answer::TakenUp(username.filter(|_| active))
            }
            Op::Advance(run, phase) => Answer::Active(self.advance(*run, *phase, now_s)),
            Op::Complete { run, lead, .. } => Answer::Completed(self.complete(*run, lead.scraped_at, now_s)),
            Op::Fail { run, code, message } => Answer::Failed(self.fail(*run, code, message)),
            Op::RecordUsage { run, key, .. } => {
                let is_new = !self.usage.contains(key) || self.has(Mutation::BillTwice);
                let is_recorded = self.runs.contains_key(run) && is_new;
                if is_recorded {
                    self.usage.push(key.clone());
                }
                Answer::Recorded(is_recorded)
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
            Op::BeginBulk { by, bulk, kind, lines } => match self.standing(*by, Permission::Analyse) {
                Standing::May => Answer::BulkBegun(self.begin_bulk(*by, *bulk, *kind, lines, now_s)),
                Standing::MayNot => Answer::Refused,
                Standing::Stranger => Answer::BulkBegun(None),
            },
            Op::CancelBulk { by, bulk } => match self.standing(*by, Permission::Analyse) {
                Standing::May => Answer::BulkCancelled(self.cancel_bulk(*bulk)),
                Standing::MayNot => Answer::Refused,
                Standing::Stranger => Answer::BulkCancelled(None),
            },
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
        let (credits, by, created_s) = (row.credits, row.by, row.created_s);
        let is_failure = status == RunStatus::Failed;
        if outcome == "refunded" {
            self.count_refund(by, created_s, credits);
        }
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
        by: UserId,
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
            let limit = u32::try_from(self.hourly_max).unwrap_or(u32::MAX);
            return BeginOutcome::RateLimited { retry_after_s, limit, left: 0 };
        }
        if let Some(refusal) = self.over_member_limit(by, price) {
            return refusal;
        }
        if !self.has(Mutation::EndedGrantIsSpent) {
            self.end_due_grants();
        }
        if self.balance < price && !self.has(Mutation::BalanceNotChecked) {
            return BeginOutcome::InsufficientCredits { balance: self.balance, required: price };
        }
        let row = RunRow::new(by, username, kind, price, now_s);
        self.runs.insert(run, RunRow { key: key.map(str::to_owned), body_hash: body_hash.to_owned(), ..row });
        self.count_charge(by, price);
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

    fn fail(&mut self, run: RunId, code: &str, message: &str) -> bool {
        let is_active = self.runs.get(&run).is_some_and(RunRow::is_active);
        let fails = is_active || self.has(Mutation::FailAfterTheEnd);
        if fails {
            self.end(run, RunStatus::Failed, "refunded", Some((code.to_owned(), message.to_owned())));
        }
        fails
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

    fn stall(&mut self, run: RunId) {
        const MESSAGE: &str = "The analysis stopped making progress and was ended. Your credits were returned.";
        self.end(run, RunStatus::Failed, "refunded", Some(("stalled".to_owned(), MESSAGE.to_owned())));
    }
}
