//! A durable step engine in memory, in the place of Cloudflare Workflows: results are saved as JSON text and time is
//! virtual. A process can die at every await, because there the workflow's future can be dropped. Steps of several
//! branches run at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use oslira_app::shared::{
    ids::RunId,
    steps::{AttemptFailed, StepFailed, Steps, TRANSIENT_RETRIES_MAX},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Mutation, Shared};

/// Where a crash can hit a branch of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashPoint {
    /// About to attempt the step, or to begin the sleep.
    BeforeStep(String),
    /// The effect of the step has happened; its result is not saved.
    BeforeResultSaved(String),
    /// The result is saved; the body does not know it yet.
    AfterStep(String),
}

#[derive(Debug, Clone, Default)]
struct Memory {
    /// By step, the saved result as JSON, or the message of its final failure.
    results: BTreeMap<String, Result<String, String>>,
    /// When each sleep ends.
    alarms: BTreeMap<String, i64>,
    /// By step, how many attempts have failed. Crashes do not count, and do not reset it.
    failures: BTreeMap<String, u32>,
    /// Every step of each branch in the order in which it was first asked for.
    order: BTreeMap<String, Vec<String>>,
    /// The steps that this life of the process has asked for.
    asked: BTreeSet<String>,
    /// By branch, how many steps this life has asked for.
    progress: BTreeMap<String, usize>,
    /// The steps whose effect is under way, or is done and not saved.
    attempts: BTreeMap<String, Attempt>,
    /// The one of them that is being polled right now.
    polled: Option<Arc<str>>,
    /// The points that branches reached in the last poll.
    reached: Vec<CrashPoint>,
    /// By step, the bills whose results were lost in a crash: each allows one more bill.
    lost_bills: BTreeMap<String, u32>,
    /// By step, all bills.
    bills: BTreeMap<String, u32>,
}

/// How often an attempt was billed, and the bills that it received.
#[derive(Debug, Clone, Default)]
struct Attempt {
    bills: u32,
    received_bills: Vec<String>,
}

/// A workflow instance's memory; it survives every crash. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    world: Shared,
    run: RunId,
    memory: Arc<Mutex<Memory>>,
}

/// The branch of a step. Steps of one branch run one after another, so their order must be the same in every life. Each
/// call, each part of a scrape and the picture are branches of their own: `judge-light-0-pause` is in `judge-light`.
/// All other steps are in the main branch, named "".
pub(crate) fn branch(step: &str) -> &str {
    if step == "picture" {
        return step;
    }
    let mut dashes = step.match_indices('-').map(|(at, _)| at);
    let first = dashes.next();
    let is_parallel = step.starts_with("judge-") || step.starts_with("scrape-");
    // `judge-0`, without a second dash, is made by the defect `CallsShareAStep` only.
    let end = if is_parallel { dashes.next().or(first) } else { Some(0) };
    end.and_then(|end| step.get(..end)).unwrap_or(step)
}

impl Journal {
    #[must_use]
    pub fn new(world: Shared, run: RunId) -> Self {
        Self { world, run, memory: Arc::default() }
    }

    /// A copy of the memory in another world; what happens to one does not show in the other.
    pub(crate) fn fork(&self, world: Shared) -> Self {
        Self { world, run: self.run, memory: Arc::new(Mutex::new(self.memory().clone())) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The crash points that branches reached since the last call.
    pub(crate) fn take_crash_points(&self) -> Vec<CrashPoint> {
        std::mem::take(&mut self.memory().reached)
    }

    /// The step on whose behalf the caller is being polled.
    pub(crate) fn running(&self) -> Option<Arc<str>> {
        self.memory().polled.clone()
    }

    /// How many provider calls a replay repeats because their results were lost in a crash.
    #[must_use]
    pub fn bills_lost(&self) -> u32 {
        self.memory().lost_bills.values().sum()
    }

    /// The process died. A step that was billed and whose result was not saved runs again: the one case in which a
    /// provider may be paid twice. Returns how many steps were under way.
    pub(crate) fn crashed(&self) -> usize {
        let mut memory = self.memory();
        memory.asked.clear();
        memory.progress.clear();
        memory.reached.clear();
        memory.polled = None;
        let lost = std::mem::take(&mut memory.attempts);
        for (step, attempt) in &lost {
            if attempt.bills > 0 {
                *memory.lost_bills.entry(step.clone()).or_default() += attempt.bills;
            }
        }
        drop(memory);
        let mut world = self.world.lock();
        world.crashed(self.run);
        for step in lost.keys() {
            world.invariants.calls.lost(self.run, step);
            world.invariants.silences.lost(self.run, step);
        }
        lost.len()
    }

    /// The body has returned: this life must have asked for every step that earlier lives did.
    pub(crate) fn ended(&self) {
        let memory = self.memory();
        let mut known = memory.results.keys().chain(memory.alarms.keys());
        let forgotten = known.find(|step| !memory.asked.contains(*step)).cloned();
        drop(memory);
        if let Some(step) = forgotten {
            self.world.report_violation(format!("a life ended without asking for step {step}"));
        }
    }

    /// A provider bills the step that is running.
    pub(crate) fn bill(&self) {
        let mut memory = self.memory();
        let Some(step) = memory.polled.as_deref().map(str::to_owned) else {
            drop(memory);
            return self.world.report_violation("a provider was called outside of a step".to_owned());
        };
        memory.attempts.entry(step.clone()).or_default().bills += 1;
        let lost = memory.lost_bills.get(&step).copied().unwrap_or_default();
        let paid = memory.bills.entry(step.clone()).or_default();
        *paid += 1;
        let paid = *paid;
        drop(memory);
        if paid > lost + 1 {
            self.world
                .report_violation(format!("{step} paid its provider {paid} times, {lost} of them lost in a crash"));
        }
    }

    /// The step that is running receives a bill.
    pub(crate) fn receive_bill(&self, key: &str) {
        let mut memory = self.memory();
        if let Some(step) = memory.polled.clone() {
            memory.attempts.entry(step.to_string()).or_default().received_bills.push(key.to_owned());
        }
    }

    /// The body asks for a step. Checks that it does so once in a life, and within a branch in the same order in every
    /// life: a replay that asks for other steps would not find their saved results.
    fn ask(&self, name: &str) {
        self.world.lock().work.workflow_steps += 1;
        let mut memory = self.memory();
        let memory = &mut *memory;
        let again = !memory.asked.insert(name.to_owned());
        let order = memory.order.entry(branch(name).to_owned()).or_default();
        let at = memory.progress.entry(branch(name).to_owned()).or_default();
        let violation = match order.get(*at) {
            _ if again => Some(format!("step {name} is asked for twice in one life")),
            Some(expected) if expected != name => {
                Some(format!("a replay asks for step {name} where {expected} was asked for"))
            }
            Some(_) => None,
            None => {
                order.push(name.to_owned());
                None
            }
        };
        *at += 1;
        if let Some(violation) = violation {
            self.world.report_violation(violation);
        }
    }

    async fn stop_at(&self, place: CrashPoint) {
        // Noted before the pause: the caller of `Instance::poll` can then crash it exactly here.
        self.memory().reached.push(place);
        self.world.pause().await;
    }

    /// Runs an effect, and notes while it is polled that it is the effect of this step. Set for each poll and not once:
    /// steps of other branches are polled in between, and a provider's call must be charged to the step that makes it.
    async fn within<T>(&self, name: &Arc<str>, effect: impl Future<Output = T>) -> T {
        self.memory().attempts.insert(name.to_string(), Attempt::default());
        self.world.lock().invariants.attempted(self.run, name);
        let mut effect = pin!(effect);
        poll_fn(|context| {
            self.memory().polled = Some(name.clone());
            let polled = effect.as_mut().poll(context);
            self.memory().polled = None;
            polled
        })
        .await
    }

    /// The engine has saved how an attempt ended. From now on the bills that it received must not be lost.
    fn note_end(&self, memory: &mut Memory, name: &str) {
        let received = memory.attempts.remove(name).unwrap_or_default().received_bills;
        self.world.lock().known(&received, self.run, name);
    }

    fn remember(&self, name: &str, text: String) {
        let mut memory = self.memory();
        self.note_end(&mut memory, name);
        // A call that failed is a value of the step, so it is found in the text.
        if self.world.has(Mutation::FailureForgetsSiblings) && name.starts_with("judge-") && text.contains(r#""Err":"#)
        {
            memory.results.retain(|step, _| !step.starts_with("judge-") || branch(step) == branch(name));
        }
        if !self.world.has(Mutation::StepForgotten) {
            memory.results.insert(name.to_owned(), Ok(text));
        }
    }

    /// Returns the pause before the next attempt, or `None` when the step has failed for good.
    fn note_failure(&self, name: &str, failed: &AttemptFailed) -> Option<Duration> {
        let mut memory = self.memory();
        self.note_end(&mut memory, name);
        let failures = memory.failures.entry(name.to_owned()).or_default();
        *failures += 1;
        let (failures, is_terminal) = (*failures, matches!(failed, AttemptFailed::Terminal(_)));
        if is_terminal || failures > TRANSIENT_RETRIES_MAX {
            memory.results.insert(name.to_owned(), Err(failed.to_string()));
            drop(memory);
            self.world.lock().given_up.insert((self.run, name.to_owned()));
            return None;
        }
        // 1, 2, 4 … 64 s, as `TRANSIENT_RETRIES_MAX` describes the real engine.
        Some(Duration::from_secs(1 << (failures - 1).min(6)))
    }

    /// The step's name, which some deliberate defects change; `None` when a defect leaves the step out.
    fn asked_name(&self, name: &str) -> Option<String> {
        if self.world.has(Mutation::LateBillDropped) && name.ends_with("-bill") {
            return None;
        }
        if self.world.has(Mutation::CallsShareAStep) && name.starts_with("judge-") {
            return Some(name.replacen(branch(name), "judge", 1));
        }
        Some(name.to_owned())
    }
}

fn failed(step: &str, message: impl ToString) -> StepFailed {
    StepFailed { step: step.to_owned(), message: message.to_string(), is_unreadable: false }
}

/// What this version of the body cannot read.
fn unreadable(step: &str, message: impl ToString) -> StepFailed {
    StepFailed { is_unreadable: true, ..failed(step, message) }
}

impl Steps for Journal {
    fn run_as<T, F, Fut>(&self, name: &str, effect: F) -> impl Future<Output = Result<T, StepFailed>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, AttemptFailed>> + 'static,
    {
        let journal = self.clone();
        let asked = self.asked_name(name);
        async move {
            let Some(name) = asked else {
                // Only `-bill` steps are left out, and they return `()`, which is `null` in JSON.
                return serde_json::from_str("null").map_err(|error| failed("a step that is left out", error));
            };
            journal.ask(&name);
            let shared_name: Arc<str> = name.as_str().into();
            loop {
                let remembered = journal.memory().results.get(&name).cloned();
                match remembered {
                    Some(Ok(text)) => {
                        return serde_json::from_str(&text).map_err(|error| {
                            journal.world.report_violation(format!("what {name} gave cannot be read: {error}: {text}"));
                            unreadable(&name, error)
                        });
                    }
                    Some(Err(message)) => return Err(failed(&name, message)),
                    None => {}
                }
                journal.stop_at(CrashPoint::BeforeStep(name.clone())).await;
                let outcome = journal.within(&shared_name, effect()).await;
                journal.stop_at(CrashPoint::BeforeResultSaved(name.clone())).await;
                match outcome {
                    Ok(value) => {
                        let text = serde_json::to_string(&value).map_err(|error| failed(&name, error))?;
                        let text = journal.world.lock().written(text);
                        journal.remember(&name, text.clone());
                        journal.stop_at(CrashPoint::AfterStep(name.clone())).await;
                        // Parsed again rather than handed on: the body sees what a replay would see.
                        return serde_json::from_str(&text).map_err(|error| failed(&name, error));
                    }
                    Err(attempt_failed) => {
                        if let Some(pause) = journal.note_failure(&name, &attempt_failed) {
                            journal.world.sleep(pause).await;
                        }
                    }
                }
            }
        }
    }

    fn sleep(&self, name: &str, duration: Duration) -> impl Future<Output = Result<(), StepFailed>> {
        let journal = self.clone();
        let name = name.to_owned();
        async move {
            journal.ask(&name);
            let ends = journal.world.now_ms() + i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2);
            // The first life fixes when the sleep ends, so a replay waits only for the rest.
            let alarm = *journal.memory().alarms.entry(name.clone()).or_insert(ends);
            journal.stop_at(CrashPoint::BeforeStep(name.clone())).await;
            journal.world.until(alarm).await;
            journal.stop_at(CrashPoint::AfterStep(name)).await;
            Ok(())
        }
    }
}
