//! The body on a journal that crashes on purpose, with a database and an engine of a few lines.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::{Future, pending},
    sync::Mutex,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::{
    features::analysis::{
        NewTicket, ProgressLookup, ProgressSink, ProgressUpdate, RunState, Transport, WatchQuestion, Watched, Woken,
    },
    shared::{ids::UserId, store::StoreError},
};

#[derive(Default)]
struct World {
    /// The lines of the bulk: pending, active or ended.
    runs: Mutex<BTreeMap<RunId, &'static str>>,
    started: Mutex<Vec<RunId>>,
    queued: Mutex<Vec<RunId>>,
    boards: Mutex<BTreeSet<RunId>>,
    /// How many lines each beat was for.
    beats: Mutex<Vec<usize>>,
    /// A line that the customer cancels at the first beat.
    cancelled_at_beat: Option<RunId>,
    engine_is_gone: bool,
    queue_is_full: bool,
    /// No such bulk.
    is_unknown: bool,
}

fn run(number: u128) -> RunId {
    RunId::new(Uuid::from_u128(number))
}

impl World {
    fn with(lines: u128) -> Self {
        let runs = (1..=lines).map(|number| (run(number), "pending")).collect();
        Self { runs: Mutex::new(runs), ..Self::default() }
    }

    fn ports(self: &Arc<Self>) -> BulkPorts {
        BulkPorts { bulks: self.clone(), launcher: self.clone(), progress: self.clone(), pause_scale: 1.0 }
    }

    fn started(&self) -> Vec<RunId> {
        self.started.lock().unwrap().clone()
    }
}

#[async_trait]
impl SystemBulks for World {
    async fn tend(&self, _: BulkId) -> Result<Tended, StoreError> {
        if self.is_unknown {
            return Ok(Tended { account_id: None, active: 0, pending: vec![] });
        }
        let mut runs = self.runs.lock().unwrap();
        let pending = runs.iter().filter(|(_, state)| **state == "pending").map(|(run, _)| *run).collect();
        let active = runs.values().filter(|state| **state != "ended").count();
        // Whatever is at work has ended by the next look.
        runs.values_mut().filter(|state| **state == "active").for_each(|state| *state = "ended");
        Ok(Tended { account_id: Some(AccountId::new(Uuid::nil())), active: u32::try_from(active).unwrap(), pending })
    }

    async fn beat_unstarted(&self, _: BulkId, runs: &[RunId]) -> Result<Vec<RunId>, StoreError> {
        let mut held = self.runs.lock().unwrap();
        if let Some(cancelled) = self.cancelled_at_beat {
            held.insert(cancelled, "ended");
        }
        self.beats.lock().unwrap().push(runs.len());
        Ok(runs.iter().filter(|run| held.get(run) == Some(&"pending")).copied().collect())
    }

    async fn end_finished(&self, _: u32) -> Result<u32, StoreError> {
        Ok(0)
    }
}

#[async_trait]
impl RunLauncher for World {
    async fn start(&self, run: RunId) -> Result<(), String> {
        if self.engine_is_gone {
            return Err("the engine is gone".to_owned());
        }
        self.started.lock().unwrap().push(run);
        self.runs.lock().unwrap().insert(run, "active");
        Ok(())
    }

    async fn enqueue(&self, run: RunId) -> Result<(), String> {
        if self.queue_is_full {
            return Err("the queue is full".to_owned());
        }
        self.queued.lock().unwrap().push(run);
        self.runs.lock().unwrap().insert(run, "active");
        Ok(())
    }

    async fn enqueue_recovery(&self) -> Result<(), String> {
        Err("a bulk recovers nothing".to_owned())
    }

    async fn wake(&self, _: RunId) -> Result<Woken, String> {
        Err("a bulk wakes nothing".to_owned())
    }
}

#[async_trait]
impl ProgressSink for World {
    async fn tell(&self, _: RunId, _: ProgressUpdate) {}
}

#[async_trait]
impl ProgressBoard for World {
    async fn create(&self, run: RunId, _: AccountId) {
        self.boards.lock().unwrap().insert(run);
    }

    async fn look(&self, _: RunId, _: UserId) -> Result<ProgressLookup, String> {
        Ok(ProgressLookup::Unknown)
    }

    async fn look_with_proof(&self, _: RunId, _: UserId, _: &RunState) -> Result<ProgressLookup, String> {
        Ok(ProgressLookup::Unknown)
    }

    fn object_of(&self, _: RunId) -> Result<String, String> {
        Err("a bulk watches nothing".to_owned())
    }

    async fn keep_ticket(&self, _: RunId, _: &RunState, _: &NewTicket) -> Result<bool, String> {
        Err("a bulk watches nothing".to_owned())
    }

    async fn watch(&self, _: &WatchQuestion, _: Transport) -> Result<Watched, String> {
        Err("a bulk watches nothing".to_owned())
    }
}

/// Remembers results, and stops for ever at one step if it is to crash there.
#[derive(Default)]
struct Journal {
    results: Mutex<HashMap<String, Value>>,
    effects: Mutex<usize>,
    /// Before (`false`) or after (`true`) the effect of so many.
    crash: Mutex<Option<(usize, bool)>>,
    sleeps: Mutex<usize>,
}

impl Steps for Journal {
    async fn run_as<T, F, Fut>(&self, name: &str, effect: F) -> Result<T, StepFailed>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, AttemptFailed>> + 'static,
    {
        if let Some(known) = self.results.lock().unwrap().get(name) {
            let (step, is_unreadable) = (name.to_owned(), true);
            return serde_json::from_value(known.clone()).map_err(|error| StepFailed {
                step,
                message: error.to_string(),
                is_unreadable,
            });
        }
        let number = {
            let mut effects = self.effects.lock().unwrap();
            *effects += 1;
            *effects
        };
        let crash = self.crash.lock().unwrap().filter(|(at, _)| *at == number);
        if crash == Some((number, false)) {
            return pending().await;
        }
        let result = effect().await;
        if crash == Some((number, true)) {
            return pending().await;
        }
        let value = result.map_err(|error| StepFailed {
            step: name.to_owned(),
            message: error.to_string(),
            is_unreadable: false,
        })?;
        self.results.lock().unwrap().insert(name.to_owned(), serde_json::to_value(&value).unwrap());
        Ok(value)
    }

    async fn sleep(&self, _: &str, _: Duration) -> Result<(), StepFailed> {
        *self.sleeps.lock().unwrap() += 1;
        Ok(())
    }
}

const BULK: BulkId = BulkId::new(Uuid::nil());

fn end(journal: &Journal, world: &Arc<World>) -> Option<Result<(), StepFailed>> {
    run_bulk(journal, world.ports(), BULK).now_or_never()
}

#[test]
fn every_line_is_started_in_order_and_has_a_board() {
    let world = Arc::new(World::with(100));
    let journal = Journal::default();
    end(&journal, &world).unwrap().unwrap();
    let all: Vec<RunId> = (1..=100).map(run).collect();
    assert_eq!(world.started(), all);
    assert_eq!(world.boards.lock().unwrap().len(), 100);
    assert_eq!(*world.beats.lock().unwrap(), [100, 75, 50, 25], "each group beats for all that still wait");
    assert_eq!(*journal.sleeps.lock().unwrap(), 1, "it waits until the last has ended");
}

#[test]
fn a_line_that_was_cancelled_is_not_started() {
    let world = Arc::new(World { cancelled_at_beat: Some(run(2)), ..World::with(3) });
    end(&Journal::default(), &world).unwrap().unwrap();
    assert_eq!(world.started(), [run(1), run(3)]);
}

#[test]
fn what_the_engine_does_not_take_goes_to_the_queue() {
    let world = Arc::new(World { engine_is_gone: true, ..World::with(30) });
    end(&Journal::default(), &world).unwrap().unwrap();
    assert_eq!(world.queued.lock().unwrap().len(), 30);
}

#[test]
fn a_group_that_cannot_be_started_keeps_no_other_from_its_start() {
    let world = Arc::new(World { engine_is_gone: true, queue_is_full: true, ..World::with(30) });
    let journal = Journal::default();
    end(&journal, &world).unwrap().unwrap();
    assert_eq!(*world.beats.lock().unwrap(), [30, 5]);
    assert_eq!(*journal.sleeps.lock().unwrap(), usize::try_from(LOOKS_MAX).unwrap(), "then the job ends it");
}

#[test]
fn a_bulk_that_does_not_exist_starts_nothing() {
    let world = Arc::new(World { is_unknown: true, ..World::with(3) });
    end(&Journal::default(), &world).unwrap().unwrap();
    assert_eq!(world.started(), []);
}

#[test]
fn after_a_crash_at_any_step_every_line_is_started_and_the_bulk_ends() {
    let steps = 1 + 3 + 2;
    for at in 1..=steps {
        for after in [false, true] {
            let world = Arc::new(World::with(60));
            let journal = Journal { crash: Mutex::new(Some((at, after))), ..Journal::default() };
            assert!(end(&journal, &world).is_none(), "it did not crash at {at}");
            *journal.crash.lock().unwrap() = None;
            end(&journal, &world).unwrap().unwrap();
            let started = world.started();
            // What the crashed step started is no longer pending, and is not started again.
            assert_eq!(started, (1..=60).map(run).collect::<Vec<_>>(), "crash at {at}, after: {after}");
        }
    }
}

#[test]
fn what_a_look_remembered_stays_readable() {
    let remembered = serde_json::json!({ "account_id": Uuid::nil(), "active": 2, "pending": [Uuid::nil()] });
    let look: Tended = serde_json::from_value(remembered).unwrap();
    assert_eq!((look.active, look.pending.len()), (2, 1));
}
