//! The durable step engine under test: results are remembered as JSON text, time is virtual, and every moment at which
//! a process can die is a moment at which this future can be dropped.

use std::{collections::BTreeMap, future::Future, time::Duration};

use oslira_app::shared::steps::{StepFailed, Steps, TRANSIENT_RETRIES_MAX, Transient};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Mutation, Shared};

/// Where a workflow stands, as a crash plan names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// About to run the step for the first time in this life of the process.
    Before(String),
    /// The effect of the step happened; its result is not remembered.
    Unremembered(String),
    /// The result is remembered; the body does not know it yet.
    After(String),
    /// Anywhere else: in the middle of an effect, or asleep.
    Elsewhere,
}

#[derive(Debug, Default)]
struct Memory {
    /// Results by step, or the failure that used up the attempts.
    results: BTreeMap<String, Result<String, String>>,
    /// When each sleep ends.
    alarms: BTreeMap<String, i64>,
    failures: BTreeMap<String, u32>,
    /// Every step in the order in which it was first asked for.
    order: Vec<String>,
    /// How many of `order` this life of the process has asked for.
    asked: usize,
    attempt: Option<Attempt>,
    place: Option<Place>,
    /// Provider bills of a step whose results were lost with the process: each allows one more.
    windows: BTreeMap<String, u32>,
    bills: BTreeMap<String, u32>,
}

#[derive(Debug)]
struct Attempt {
    step: String,
    bills: u32,
}

/// A workflow instance's memory; it survives every crash. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    world: Shared,
    memory: std::sync::Arc<std::sync::Mutex<Memory>>,
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(world: Shared) -> Self {
        Self { world, memory: std::sync::Arc::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Where the workflow stands since it was last polled.
    #[must_use]
    pub fn place(&self) -> Place {
        self.memory().place.clone().unwrap_or(Place::Elsewhere)
    }

    /// Every step so far, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        self.memory().order.clone()
    }

    /// The step whose effect is under way.
    #[must_use]
    pub fn running(&self) -> Option<String> {
        self.memory().attempt.as_ref().map(|attempt| attempt.step.clone())
    }

    /// The process died: a bill whose step had no time to be remembered is the named window of an unknown outcome.
    pub fn crashed(&self) {
        let mut memory = self.memory();
        memory.asked = 0;
        memory.place = None;
        if let Some(attempt) = memory.attempt.take() {
            *memory.windows.entry(attempt.step).or_default() += attempt.bills;
        }
    }

    /// A provider bills the step that is running. Answers what is wrong with that, if anything.
    pub fn bill(&self) -> Option<String> {
        let mut memory = self.memory();
        let Some(attempt) = memory.attempt.as_mut() else {
            return Some("a provider was called outside of a step".to_owned());
        };
        attempt.bills += 1;
        let step = attempt.step.clone();
        let lost = memory.windows.get(&step).copied().unwrap_or_default();
        let paid = memory.bills.entry(step.clone()).or_default();
        *paid += 1;
        (*paid > lost + 1).then(|| format!("{step} paid its provider {paid} times, {lost} of them lost in a crash"))
    }

    /// A step's name is asked for. A replay must ask for the same steps in the same order.
    fn ask(&self, name: &str) {
        let mut memory = self.memory();
        let asked = memory.asked;
        memory.asked += 1;
        let expected = memory.order.get(asked).cloned();
        match expected {
            None if memory.order.iter().any(|known| known == name) => {
                drop(memory);
                self.world.accuse(format!("step {name} is asked for twice"));
            }
            None => memory.order.push(name.to_owned()),
            Some(expected) if expected != name => {
                drop(memory);
                self.world.accuse(format!("a replay asks for step {name} where {expected} was asked for"));
            }
            Some(_) => {}
        }
    }

    async fn stop_at(&self, place: Place) {
        self.memory().place = Some(place);
        self.world.pause().await;
        self.memory().place = None;
    }

    /// Whether the failed attempt was the last.
    fn note_failure(&self, name: &str, transient: &Transient) -> Option<u32> {
        let mut memory = self.memory();
        memory.attempt = None;
        let failures = memory.failures.entry(name.to_owned()).or_default();
        *failures += 1;
        if *failures > TRANSIENT_RETRIES_MAX {
            memory.results.insert(name.to_owned(), Err(transient.0.clone()));
            return None;
        }
        Some(*failures)
    }
}

fn failed(step: &str, message: impl ToString) -> StepFailed {
    StepFailed { step: step.to_owned(), message: message.to_string() }
}

impl Steps for Journal {
    fn run<T, F, Fut>(&self, name: &str, effect: F) -> impl Future<Output = Result<T, StepFailed>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, Transient>> + 'static,
    {
        let journal = self.clone();
        let name = name.to_owned();
        async move {
            journal.ask(&name);
            loop {
                let remembered = journal.memory().results.get(&name).cloned();
                match remembered {
                    Some(Ok(text)) => return serde_json::from_str(&text).map_err(|error| failed(&name, error)),
                    Some(Err(message)) => return Err(failed(&name, message)),
                    None => {}
                }
                journal.stop_at(Place::Before(name.clone())).await;
                journal.memory().attempt = Some(Attempt { step: name.clone(), bills: 0 });
                let outcome = effect().await;
                journal.stop_at(Place::Unremembered(name.clone())).await;
                match outcome {
                    Ok(value) => {
                        let text = serde_json::to_string(&value).map_err(|error| failed(&name, error))?;
                        journal.memory().attempt = None;
                        if !journal.world.has(Mutation::StepForgotten) {
                            journal.memory().results.insert(name.clone(), Ok(text.clone()));
                        }
                        journal.stop_at(Place::After(name.clone())).await;
                        return serde_json::from_str(&text).map_err(|error| failed(&name, error));
                    }
                    Err(transient) => {
                        let Some(failures) = journal.note_failure(&name, &transient) else { continue };
                        journal.world.sleep(Duration::from_secs(1 << (failures - 1).min(6))).await;
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
            let alarm = *journal.memory().alarms.entry(name.clone()).or_insert(ends);
            journal.stop_at(Place::Before(name.clone())).await;
            journal.world.until(alarm).await;
            journal.stop_at(Place::After(name)).await;
            Ok(())
        }
    }
}
