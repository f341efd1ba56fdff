//! Checks the invariants of `docs/reliability.md` after every operation. The checker sees each operation and its
//! answer, keeps its own memory of them, and names a violation in one sentence. It shares no code with the reference
//! database.

use std::collections::{BTreeMap, BTreeSet};

use oslira_app::{
    features::{
        analysis::{
            AnalysisRecord, BeginOutcome, CallAnswers, CancelOutcome, Completion, Phase, Receipt, RunStatus,
            UndoOutcome,
        },
        judging::CallKind,
    },
    shared::{analysis_type::AnalysisType, ids::RunId},
};

use crate::{
    Answer, Entry, Op, ReferenceDatabase, RunRow, bulks, calls::Calls, grants::Grants, silence::Silences,
    spending::Spending, staleness::Staleness,
};

// The numbers are those of `docs/reliability.md`. They are not taken from the product or from the reference database,
// so that a wrong number there is found.
/// A run may be swept only after so many seconds without a heartbeat.
const SILENCE_S: i64 = 300;
const KEY_LIFE_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

/// The error says which invariant is violated.
type Verdict = Result<(), String>;

/// A type's price in credits, and the calls that its result must have.
const fn bought(kind: AnalysisType) -> (i64, &'static [CallKind]) {
    use CallKind::{Approach, Deal, Light, Money, Motives, Needs, Openness, Outreach, Personality, Verdict};
    match kind {
        AnalysisType::Light => (1, &[Light]),
        AnalysisType::Deep => (5, &[Verdict, Needs, Approach, Outreach, Personality]),
        AnalysisType::Xray => (6, &[Verdict, Motives, Openness, Money, Deal, Outreach, Personality]),
    }
}

/// Whether a result contains a call's answer.
fn is_answered(call: CallKind, answers: &CallAnswers) -> bool {
    match call {
        // LIGHT's one call has only an opening line for the outreach; its verdict is a part of the result itself.
        CallKind::Light => answers.outreach.is_some(),
        CallKind::Outreach => answers.outreach.as_ref().is_some_and(|outreach| outreach.message.is_some()),
        // The verdict is a part of the result itself.
        CallKind::Verdict => true,
        CallKind::Needs | CallKind::Approach => answers.strategy.is_some(),
        CallKind::Personality => answers.personality.is_some(),
        CallKind::Motives | CallKind::Openness => answers.psychographic.is_some(),
        CallKind::Money | CallKind::Deal => answers.commercial.is_some(),
    }
}

#[derive(Clone)]
struct Accepted {
    body_hash: String,
    receipt: Receipt,
    at_s: i64,
}

/// What the checker remembers between operations.
#[derive(Clone, Default)]
pub struct InvariantChecker {
    /// The questions to models.
    pub(crate) calls: Calls,
    /// How long providers have not answered.
    pub(crate) silences: Silences,
    /// The comparisons of snapshots.
    pub(crate) staleness: Staleness,
    /// Who may act for the account, and what they have spent.
    pub(crate) spending: Spending,
    /// The ledger as it was after the last operation.
    entries: Vec<Entry>,
    /// What every grant has.
    grants: Grants,
    /// How many analyses there were.
    analyses: usize,
    seen: BTreeMap<RunId, RunRow>,
    /// Each ended run as it was when it ended.
    ended: BTreeMap<RunId, RunRow>,
    /// The second of each run's last sign of life: its start or a heartbeat.
    signs: BTreeMap<RunId, i64>,
    phases: BTreeMap<RunId, Phase>,
    accepted: BTreeMap<String, Accepted>,
    completions: BTreeMap<RunId, Completion>,
    cancels: BTreeMap<RunId, CancelOutcome>,
    ai_calls: BTreeSet<RunId>,
    /// The steps whose current attempt has seen its run active and has not called a provider since.
    cleared: BTreeMap<RunId, BTreeSet<String>>,
}

fn hold(holds: bool, violation: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(violation()) }
}

impl InvariantChecker {
    /// For what is done to this database from now on.
    #[must_use]
    pub fn of(database: &ReferenceDatabase) -> Self {
        Self { spending: Spending::of(database), ..Self::default() }
    }

    /// Checks the database right after `op` answered.
    ///
    /// # Errors
    /// The violation.
    pub fn check(&mut self, op: &Op, answer: &Answer, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        let mut touched = self.ledger(database)?;
        let has_moved = !touched.is_empty();
        touched.extend(database.analyses.iter().skip(self.analyses).map(|analysis| analysis.run));
        self.analyses = database.analyses.len();
        // First who may ask at all: nothing else is promised to those who may not.
        self.spending.check(op, answer, database, now_s)?;
        self.answer(op, answer, database, now_s)?;
        for (id, row) in &database.runs {
            // A row that did not change and has no new ledger entry was checked before.
            if touched.contains(id) || self.seen.get(id) != Some(row) {
                self.run(*id, row, database, now_s)?;
                self.seen.insert(*id, row.clone());
            }
        }
        // Most operations move no credits.
        if has_moved {
            self.spending.adds_up(database)?;
        }
        self.grants.check(database, now_s)?;
        bulks::bulks_hold(database)?;
        self.limits(database, now_s)
    }

    /// An AI call reached its provider.
    pub fn ai_called(&mut self, run: RunId) {
        self.ai_calls.insert(run);
    }

    /// A new attempt of a step begins: it must see the run active again before it may call a provider.
    pub(crate) fn attempted(&mut self, run: RunId, step: &str) {
        if let Some(cleared) = self.cleared.get_mut(&run) {
            cleared.remove(step);
        }
    }

    /// A step has seen its run active, so it may call a provider once.
    pub(crate) fn cleared(&mut self, run: RunId, step: &str) {
        self.cleared.entry(run).or_default().insert(step.to_owned());
    }

    /// A model bills a run, or a step of it asks for a scrape.
    ///
    /// # Errors
    /// When this attempt of the step has not seen the run active, or has called a provider since. So a call after a
    /// run's end can only come from a step that was under way when the run ended.
    pub(crate) fn billed(&mut self, run: RunId, step: &str) -> Verdict {
        let was_cleared = self.cleared.get_mut(&run).is_some_and(|cleared| cleared.remove(step));
        hold(was_cleared, || format!("step {step} paid a provider without having seen run {run} active"))
    }

    /// Watchers are told that a run has ended.
    ///
    /// # Errors
    /// When the database has no such end committed.
    pub fn told(&self, run: RunId, status: RunStatus) -> Verdict {
        let committed = self.ended.get(&run).map(|row| row.status);
        hold(committed == Some(status), || {
            format!("watchers of run {run} were told {status:?}, committed is {committed:?}")
        })
    }

    /// No run and no bulk is active at the end of a history, and what was spent adds up.
    ///
    /// # Errors
    /// Names the one that still is, or the difference.
    pub fn settled(&self, database: &ReferenceDatabase) -> Verdict {
        for (id, row) in &database.runs {
            hold(row.status.is_terminal(), || format!("run {id} never ends: {row:?}"))?;
        }
        bulks::bulks_have_ended(database)?;
        self.spending.adds_up(database)
    }

    /// Checks the new entries and returns the runs that they belong to.
    fn ledger(&mut self, database: &ReferenceDatabase) -> Result<BTreeSet<RunId>, String> {
        let mut touched = BTreeSet::new();
        let kept = database.entries.get(..self.entries.len()) == Some(self.entries.as_slice());
        hold(kept, || "the ledger's past changed".to_owned())?;
        let mut running = self.entries.last().map_or(0, |entry| entry.balance_after);
        for entry in database.entries.iter().skip(self.entries.len()) {
            running += entry.amount;
            hold(entry.balance_after == running, || format!("balance_after is not the running sum: {entry:?}"))?;
            hold(running >= 0, || format!("the balance is negative: {entry:?}"))?;
            touched.extend(entry.run);
            self.entries.push(entry.clone());
        }
        hold(running == database.balance, || format!("the sum is {running}, the balance {}", database.balance))?;
        Ok(touched)
    }

    fn run(&mut self, id: RunId, row: &RunRow, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        if let Some(ended) = self.ended.get(&id) {
            // The key is not compared: a run gives it up when it is used again after a day, also when the run has
            // ended.
            let same = (ended.status, ended.outcome, ended.phase, ended.ai_started, &ended.error)
                == (row.status, row.outcome, row.phase, row.ai_started, &row.error);
            hold(same, || format!("run {id} had ended and changed: {ended:?} to {row:?}"))?;
        }
        let of = |kind| database.entries.iter().filter(move |entry| entry.run == Some(id) && entry.kind == kind);
        let sum = |kind| of(kind).map(|entry| entry.amount).sum::<i64>();
        let (price, _) = bought(row.kind);
        hold(row.credits == price, || format!("run {id}, {:?}, costs {}", row.kind, row.credits))?;
        let once = of("charge").count() == 1 && sum("charge") == -row.credits;
        hold(once, || format!("run {id} was not charged its price exactly once"))?;
        let refunds = usize::from(row.outcome == Some("refunded"));
        let in_full = of("refund").count() == refunds && (refunds == 0 || sum("refund") == row.credits);
        hold(in_full, || format!("run {id} says {:?} and has {} refunds", row.outcome, of("refund").count()))?;
        let analyses = database.analyses.iter().filter(|analysis| analysis.run == id).count();
        hold(analyses == usize::from(row.status == RunStatus::Complete), || {
            format!("run {id} is {:?} with {analyses} analyses", row.status)
        })?;
        let ends_well = match (row.status, row.outcome) {
            (RunStatus::Pending | RunStatus::Processing, None)
            | (RunStatus::Complete, Some("result"))
            | (RunStatus::Failed, Some("refunded")) => true,
            (RunStatus::Cancelled, Some("refunded")) => !row.ai_started,
            (RunStatus::Cancelled, Some("kept")) => row.ai_started,
            _ => false,
        };
        hold(ends_well, || format!("run {id} is {:?} and its charge {:?}", row.status, row.outcome))?;
        if let Some(before) = self.phases.get(&id) {
            hold(row.phase >= Some(*before), || format!("run {id} went back from {before:?} to {:?}", row.phase))?;
        }
        if let Some(phase) = row.phase {
            self.phases.insert(id, phase);
        }
        if row.status.is_terminal() && !self.ended.contains_key(&id) {
            self.just_ended(id, row, now_s)?;
        }
        Ok(())
    }

    fn just_ended(&mut self, id: RunId, row: &RunRow, now_s: i64) -> Verdict {
        // By the calls that providers saw, not by the row's `ai_started`: a start that was not recorded must show here.
        let unpaid_work =
            row.status == RunStatus::Cancelled && row.outcome == Some("refunded") && self.ai_calls.contains(&id);
        hold(!unpaid_work, || format!("run {id} was refunded by a cancellation although its AI call had started"))?;
        if row.error.as_ref().is_some_and(|(code, _)| code == "stalled") {
            // A run without any sign counts as just heard of, which violates the rule.
            let silent_s = now_s - self.signs.get(&id).copied().unwrap_or(now_s);
            hold(silent_s >= SILENCE_S, || format!("run {id} was swept {silent_s} s after its last sign of life"))?;
        }
        self.ended.insert(id, row.clone());
        Ok(())
    }

    fn limits(&self, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        let mut active = BTreeSet::new();
        for row in database.runs.values().filter(|row| !row.status.is_terminal()) {
            let is_only = active.insert((&row.username, row.kind.as_str()));
            hold(is_only, || format!("two active runs analyse @{} as {:?}", row.username, row.kind))?;
        }
        let young = database.runs.values().filter(|row| row.bulk.is_none() && row.created_s > now_s - HOUR_S).count();
        hold(young <= database.hourly_max, || format!("{young} runs within an hour"))
    }

    fn answer(&mut self, op: &Op, answer: &Answer, database: &ReferenceDatabase, now_s: i64) -> Verdict {
        match (op, answer) {
            // A stranger, as `Spending` has checked, does not even hear whether a key is in use.
            (Op::Begin { .. }, Answer::Begun(BeginOutcome::Forbidden)) => Ok(()),
            (Op::Begin { key, body_hash, .. }, Answer::Begun(begun)) => {
                self.begun(key.as_deref(), body_hash, begun, database, now_s)
            }
            (Op::TakeUp(run), Answer::TakenUp(Some(_))) | (Op::Advance(run, _), Answer::Active(true)) => {
                self.signs.insert(*run, now_s);
                Ok(())
            }
            (Op::Complete { run, analysis, .. }, Answer::Completed(completion @ Completion::Completed { .. })) => {
                if let Some(row) = database.runs.get(run) {
                    self.completed(*run, row.kind, analysis)?;
                }
                self.staleness.holds(database)?;
                let first = self.completions.entry(*run).or_insert_with(|| completion.clone());
                hold(first == completion, || format!("run {run} was completed twice and differently"))
            }
            (Op::BeginBulk { .. }, Answer::BulkBegun(Some(runs))) => {
                self.signs.extend(runs.iter().map(|run| (*run, now_s)));
                Ok(())
            }
            (Op::BeatUnstarted(..), Answer::Waiting(runs)) => {
                self.signs.extend(runs.iter().map(|run| (*run, now_s)));
                Ok(())
            }
            (Op::MarkStale(username, at), _) => self.staleness.marked(username.as_str(), *at, database),
            (Op::Fail { run, code, .. }, Answer::Failed(_)) => self.failed(*run, code),
            (Op::Cancel { run, .. }, Answer::Cancelled(done @ CancelOutcome::Cancelled { .. })) => {
                let first = self.cancels.entry(*run).or_insert_with(|| done.clone());
                hold(first == done, || format!("a repeated cancel of {run} answered {done:?} after {first:?}"))
            }
            (Op::Undo { run, .. }, Answer::Undone(UndoOutcome::Undone)) => {
                let is_unused = database.runs.get(run).is_some_and(|row| {
                    (row.status, row.outcome, row.phase) == (RunStatus::Cancelled, Some("refunded"), None)
                });
                hold(is_unused, || format!("run {run} was undone although a workflow had taken it up"))
            }
            _ => Ok(()),
        }
    }

    /// The result has every answer that was bought, with the provider that really gave it and the real cost.
    fn completed(&self, run: RunId, kind: AnalysisType, record: &AnalysisRecord) -> Verdict {
        let calls = bought(kind).1;
        let told = &record.cost.calls;
        hold(told.len() == calls.len(), || format!("run {run}, {kind:?}, is complete with {} calls", told.len()))?;
        for call in calls {
            let name = call.as_str();
            hold(is_answered(*call, &record.result.answers), || {
                format!("run {run}, {kind:?}, is complete without {name}")
            })?;
            let by = told.iter().find(|told| told.call == *call).map(|told| told.provider.as_str());
            let truly = self.calls.answered_by(run, *call);
            let is_true = by.is_some() && by == truly;
            hold(is_true, || format!("{name} of run {run} is said to be by {by:?}, not {truly:?}"))?;
        }
        let (told, truly) = (record.cost.ai_microusd, self.calls.cost_microusd(run));
        let is_true = told.is_none_or(|told| told == truly) && told.is_some() == self.calls.is_cost_known(run);
        hold(is_true, || format!("run {run} says that its calls cost {told:?}, and they cost {truly}"))
    }

    /// A run may fail because of the models only after all of them were asked.
    fn failed(&self, run: RunId, code: &str) -> Verdict {
        let is_true = match code {
            "ai_refused" => self.calls.was_refused(run),
            "ai_unavailable" | "ai_quota_exhausted" | "ai_truncated" | "ai_invalid_answer" => {
                self.calls.is_exhausted(run)
            }
            _ => true,
        };
        hold(is_true, || format!("run {run} fails as {code} and not every model was asked"))
    }

    fn begun(
        &mut self,
        key: Option<&str>,
        body_hash: &str,
        begun: &BeginOutcome,
        database: &ReferenceDatabase,
        now_s: i64,
    ) -> Verdict {
        let bound = key.and_then(|key| self.accepted.get(key)).filter(|first| {
            // A run that was cancelled before any workflow took it up frees its key. A phase is set by the take-up.
            let undone = self.ended.get(&first.receipt.run_id);
            now_s - first.at_s < KEY_LIFE_S
                && undone.is_none_or(|row| row.status != RunStatus::Cancelled || row.phase.is_some())
        });
        if let Some(first) = bound {
            let expected = if first.body_hash == body_hash {
                BeginOutcome::Replay(first.receipt)
            } else {
                BeginOutcome::IdempotencyKeyReused
            };
            return hold(*begun == expected, || {
                format!("a repeated request answered {begun:?} instead of {expected:?}")
            });
        }
        match begun {
            BeginOutcome::Started(receipt) => {
                self.signs.insert(receipt.run_id, now_s);
                if let Some(key) = key {
                    let accepted = Accepted { body_hash: body_hash.to_owned(), receipt: *receipt, at_s: now_s };
                    self.accepted.insert(key.to_owned(), accepted);
                }
                hold(receipt.balance == database.balance, || format!("{receipt:?} does not tell the balance"))
            }
            BeginOutcome::Duplicate { run_id: run } => {
                let active = database.runs.get(run).is_some_and(|row| !row.status.is_terminal());
                hold(active, || format!("run {run} is called a duplicate and is not active"))
            }
            BeginOutcome::InsufficientCredits { balance, required } => {
                hold(balance < required && *balance == database.balance, || {
                    format!("refused for credits with {balance} of {required}")
                })
            }
            // Histories have no daily cap, name no required provider and erase nobody.
            BeginOutcome::ProviderUnavailable { .. }
            | BeginOutcome::BudgetExceeded { .. }
            | BeginOutcome::SubjectErased => Err(format!("{begun:?} without a cap, a required provider or an erasure")),
            BeginOutcome::Replay(_) | BeginOutcome::IdempotencyKeyReused => {
                Err(format!("{begun:?} for a key that is free"))
            }
            // `Spending` checks what it says of the limit.
            BeginOutcome::MemberLimitReached { .. }
            | BeginOutcome::RateLimited { .. }
            | BeginOutcome::Forbidden
            | BeginOutcome::BusinessProfileNotFound
            | BeginOutcome::UnknownAnalysisType => Ok(()),
        }
    }
}
