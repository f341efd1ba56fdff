//! The auditor. It sees every operation and its answer, keeps its own short memory, and accuses by a sentence as soon as
//! a promise is broken. It shares no code with the model it audits.

use std::collections::{BTreeMap, BTreeSet};

use oslira_app::{
    features::analysis::{Begun, Cancelled, Completion, Phase, Receipt, RunStatus},
    shared::ids::RunId,
};

use crate::{Answer, Books, Entry, Op, RunRow};

/// A run that beat so many seconds ago may be ended for silence.
const SILENCE_S: i64 = 300;
const KEY_LIFE_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

/// A promise is broken; the sentence says which.
type Verdict = Result<(), String>;

struct Accepted {
    body_hash: String,
    receipt: Receipt,
    at_s: i64,
}

/// What the auditor remembers between operations.
#[derive(Default)]
pub struct Watch {
    entries: Vec<Entry>,
    ended: BTreeMap<RunId, RunRow>,
    signs: BTreeMap<RunId, i64>,
    phases: BTreeMap<RunId, Phase>,
    accepted: BTreeMap<String, Accepted>,
    completions: BTreeMap<RunId, Completion>,
    cancels: BTreeMap<RunId, Cancelled>,
    ai_calls: BTreeSet<RunId>,
    bills_after_end: BTreeMap<RunId, u32>,
}

fn hold(kept: bool, promise: impl FnOnce() -> String) -> Verdict {
    if kept { Ok(()) } else { Err(promise()) }
}

impl Watch {
    /// Audits the books right after `op` answered.
    ///
    /// # Errors
    /// The broken promise.
    pub fn audit(&mut self, op: &Op, answer: &Answer, books: &Books, now_s: i64) -> Verdict {
        self.ledger(books)?;
        self.answer(op, answer, books, now_s)?;
        for (id, row) in &books.runs {
            self.run(*id, row, books, now_s)?;
        }
        self.limits(books, now_s)
    }

    /// An AI call reached its provider.
    pub fn ai_called(&mut self, run: RunId) {
        self.ai_calls.insert(run);
    }

    /// A provider bills a run.
    ///
    /// # Errors
    /// When it had ended before and was told so.
    pub fn billed(&mut self, run: RunId) -> Verdict {
        if !self.ended.contains_key(&run) {
            return Ok(());
        }
        let late = self.bills_after_end.entry(run).or_default();
        *late += 1;
        hold(*late <= 1, || format!("run {run} went on paying providers after its end"))
    }

    /// Watchers are told of an end.
    ///
    /// # Errors
    /// When no such end is committed.
    pub fn told(&self, run: RunId, status: RunStatus) -> Verdict {
        let committed = self.ended.get(&run).map(|row| row.status);
        hold(committed == Some(status), || {
            format!("watchers of run {run} were told {status:?}, committed is {committed:?}")
        })
    }

    /// Nothing is left open at the end of a history.
    ///
    /// # Errors
    /// The run that is.
    pub fn settled(&self, books: &Books) -> Verdict {
        for (id, row) in &books.runs {
            hold(row.status.is_terminal(), || format!("run {id} never ends: {row:?}"))?;
        }
        Ok(())
    }

    fn ledger(&mut self, books: &Books) -> Verdict {
        let kept = books.entries.get(..self.entries.len()) == Some(self.entries.as_slice());
        hold(kept, || "the ledger's past changed".to_owned())?;
        let mut running = self.entries.last().map_or(0, |entry| entry.balance_after);
        for entry in books.entries.iter().skip(self.entries.len()) {
            running += entry.amount;
            hold(entry.balance_after == running, || format!("balance_after is not the running sum: {entry:?}"))?;
            hold(running >= 0, || format!("the balance is negative: {entry:?}"))?;
            self.entries.push(entry.clone());
        }
        hold(running == books.balance, || format!("the sum is {running}, the balance {}", books.balance))
    }

    fn run(&mut self, id: RunId, row: &RunRow, books: &Books, now_s: i64) -> Verdict {
        if let Some(ended) = self.ended.get(&id) {
            let same = (ended.status, ended.outcome, ended.phase, ended.ai_started, &ended.error)
                == (row.status, row.outcome, row.phase, row.ai_started, &row.error);
            hold(same, || format!("run {id} had ended and changed: {ended:?} to {row:?}"))?;
        }
        let of = |kind| books.entries.iter().filter(move |entry| entry.run == Some(id) && entry.kind == kind);
        let sum = |kind| of(kind).map(|entry| entry.amount).sum::<i64>();
        let once = of("charge").count() == 1 && sum("charge") == -row.credits;
        hold(once, || format!("run {id} was not charged its price exactly once"))?;
        let refunds = usize::from(row.outcome == Some("refunded"));
        let in_full = of("refund").count() == refunds && (refunds == 0 || sum("refund") == row.credits);
        hold(in_full, || format!("run {id} says {:?} and has {} refunds", row.outcome, of("refund").count()))?;
        let analyses = books.analyses.iter().filter(|run| **run == id).count();
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
        let unpaid_work =
            row.status == RunStatus::Cancelled && row.outcome == Some("refunded") && self.ai_calls.contains(&id);
        hold(!unpaid_work, || format!("run {id} was refunded by a cancellation although its AI call had started"))?;
        if row.error.as_ref().is_some_and(|(code, _)| code == "stalled") {
            let silent_s = now_s - self.signs.get(&id).copied().unwrap_or(now_s);
            hold(silent_s >= SILENCE_S, || format!("run {id} was swept {silent_s} s after its last sign of life"))?;
        }
        self.ended.insert(id, row.clone());
        Ok(())
    }

    fn limits(&self, books: &Books, now_s: i64) -> Verdict {
        let mut active = BTreeSet::new();
        for row in books.runs.values().filter(|row| !row.status.is_terminal()) {
            hold(active.insert(&row.username), || format!("two active runs analyse @{}", row.username))?;
        }
        let young = books.runs.values().filter(|row| row.created_s > now_s - HOUR_S).count();
        hold(young <= books.hourly_max, || format!("{young} runs within an hour"))
    }

    fn answer(&mut self, op: &Op, answer: &Answer, books: &Books, now_s: i64) -> Verdict {
        match (op, answer) {
            (Op::Begin { key, body_hash, .. }, Answer::Begun(begun)) => {
                self.begun(key.as_deref(), body_hash, begun, books, now_s)
            }
            (Op::TakeUp(run), Answer::TakenUp(Some(_))) | (Op::Advance(run, _), Answer::Active(true)) => {
                self.signs.insert(*run, now_s);
                Ok(())
            }
            (Op::Complete { run, .. }, Answer::Completed(completion @ Completion::Completed { .. })) => {
                let first = self.completions.entry(*run).or_insert_with(|| completion.clone());
                hold(first == completion, || format!("run {run} was completed twice and differently"))
            }
            (Op::Cancel(run), Answer::Cancelled(done @ Cancelled::Done { .. })) => {
                let first = self.cancels.entry(*run).or_insert_with(|| done.clone());
                hold(first == done, || format!("a repeated cancel of {run} answered {done:?} after {first:?}"))
            }
            _ => Ok(()),
        }
    }

    fn begun(&mut self, key: Option<&str>, body_hash: &str, begun: &Begun, books: &Books, now_s: i64) -> Verdict {
        let bound = key.and_then(|key| self.accepted.get(key)).filter(|first| {
            // A cancelled run that nobody had taken up never happened.
            let undone = self.ended.get(&first.receipt.run_id);
            now_s - first.at_s < KEY_LIFE_S
                && undone.is_none_or(|row| row.status != RunStatus::Cancelled || row.phase.is_some())
        });
        if let Some(first) = bound {
            let expected = if first.body_hash == body_hash { Begun::Replay(first.receipt) } else { Begun::KeyReused };
            return hold(*begun == expected, || {
                format!("a repeated request answered {begun:?} instead of {expected:?}")
            });
        }
        match begun {
            Begun::Started(receipt) => {
                self.signs.insert(receipt.run_id, now_s);
                if let Some(key) = key {
                    let accepted = Accepted { body_hash: body_hash.to_owned(), receipt: *receipt, at_s: now_s };
                    self.accepted.insert(key.to_owned(), accepted);
                }
                hold(receipt.balance == books.balance, || format!("{receipt:?} does not tell the balance"))
            }
            Begun::Duplicate(run) => {
                let active = books.runs.get(run).is_some_and(|row| !row.status.is_terminal());
                hold(active, || format!("run {run} is called a duplicate and is not active"))
            }
            Begun::Insufficient { balance, required } => hold(balance < required && *balance == books.balance, || {
                format!("refused for credits with {balance} of {required}")
            }),
            Begun::Replay(_) | Begun::KeyReused => Err(format!("{begun:?} for a key that is free")),
            Begun::RateLimited { .. } | Begun::Forbidden | Begun::BusinessProfileNotFound | Begun::UnknownType => {
                Ok(())
            }
        }
    }
}
