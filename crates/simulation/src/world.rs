//! Everything outside of a workflow: the time, the database, the providers' own memory, and the fault_rates.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use jiff::Timestamp;
use oslira_app::{
    features::profiles::Snapshot,
    shared::{ids::RunId, store::StoreError},
};

use crate::{
    Answer, Bill, InvariantChecker, Mutation, Op, ProviderBehaviour, Random, ReferenceDatabase,
    scheduler::{Schedule, Scheduler},
};

/// 2020-01-01: before any real clock, because the database does not believe scrapes from the future.
const EPOCH_MS: i64 = 1_577_836_800_000;

/// How often things go wrong, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultRates {
    /// A store does not answer and did nothing.
    pub store_down: u64,
    /// A store did what it was asked and its answer is lost.
    pub reply_lost: u64,
    /// A provider misbehaves.
    pub provider: u64,
    /// A provider of models that answers nobody.
    pub dark: Option<&'static str>,
}

/// One operation as it happened.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The operation.
    pub op: Op,
    /// Its answer.
    pub answer: Answer,
    /// When, in seconds of virtual time.
    pub now_s: i64,
    /// The database after it.
    pub after: ReferenceDatabase,
}

/// The state outside of all workflows.
#[derive(Clone)]
pub struct World {
    /// Virtual time.
    pub now_ms: i64,
    /// The database.
    pub database: ReferenceDatabase,
    /// The auditor.
    pub invariants: InvariantChecker,
    /// Draws every coincidence.
    pub random: Random,
    /// How often things go wrong.
    pub fault_rates: FaultRates,
    /// A model, and the moment from which its provider does not offer it any more.
    pub dying: Option<(&'static str, i64)>,
    /// No store answers before this moment.
    pub outage_until_ms: i64,
    /// The fate of every attempt of a step; others are drawn from the fault_rates.
    pub script: BTreeMap<String, ProviderBehaviour>,
    /// How often the database does not take a bill within these steps.
    pub untaken: BTreeMap<String, u32>,
    /// Snapshots that were kept cannot be read.
    pub unreadable: bool,
    /// What the providers will bill.
    pub bills: Vec<Bill>,
    /// AI bills that were recorded by a step of their own.
    pub late_bills: u32,
    /// Steps that failed for good.
    pub given_up: BTreeSet<(RunId, String)>,
    /// Snapshots by key.
    pub snapshots: BTreeMap<String, Snapshot>,
    /// When each scrape ends, by the provider's id.
    pub scrapes: BTreeMap<String, i64>,
    /// Operations that were sent when their process died; they may still happen.
    pub late: Vec<Op>,
    /// Runs that somebody wants to be woken.
    pub wakes: Vec<RunId>,
    /// The workflow engine lost everything and never comes back.
    pub engine_gone: bool,
    /// Every operation, when somebody wants to replay them.
    pub log: Option<Vec<Recorded>>,
    /// The first broken promise.
    pub accusation: Option<String>,
    /// What processes have sent and not heard of, by the order of sending.
    in_flight: BTreeMap<u64, (RunId, Op)>,
    sent: u64,
    gate: Scheduler,
}

/// The world as everybody holds it.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl World {
    /// A world at peace.
    #[must_use]
    pub fn new(database: ReferenceDatabase, seed: u64) -> Self {
        Self {
            now_ms: EPOCH_MS,
            database,
            invariants: InvariantChecker::default(),
            random: Random::new(seed),
            fault_rates: FaultRates::default(),
            dying: None,
            outage_until_ms: 0,
            script: BTreeMap::new(),
            untaken: BTreeMap::new(),
            unreadable: false,
            bills: vec![],
            late_bills: 0,
            given_up: BTreeSet::new(),
            snapshots: BTreeMap::new(),
            scrapes: BTreeMap::new(),
            late: vec![],
            wakes: vec![],
            engine_gone: false,
            log: None,
            accusation: None,
            in_flight: BTreeMap::new(),
            sent: 0,
            gate: Scheduler::default(),
        }
    }

    /// Virtual time in whole seconds.
    #[must_use]
    pub const fn now_s(&self) -> i64 {
        self.now_ms.div_euclid(1_000)
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms).unwrap_or(Timestamp::MAX)
    }

    /// Runs one transaction and audits it.
    pub fn apply(&mut self, op: &Op) -> Answer {
        let now_s = self.now_s();
        let answer = self.database.apply(op, now_s);
        if let Err(accusation) = self.invariants.audit(op, &answer, &self.database, now_s) {
            self.accuse(format!("{accusation} (after {})", op.name()));
        }
        if let Some(log) = &mut self.log {
            log.push(Recorded { op: op.clone(), answer: answer.clone(), now_s, after: self.database.clone() });
        }
        answer
    }

    /// Notes a broken promise; the first one counts.
    pub fn accuse(&mut self, accusation: String) {
        self.accusation.get_or_insert(accusation);
    }

    /// Whether a store refuses to answer now.
    pub const fn store_is_down(&mut self) -> bool {
        self.now_ms < self.outage_until_ms || self.random.chance(self.fault_rates.store_down)
    }

    /// What the process of `run` had sent and not heard of is lost with it, or happens later: each for itself.
    pub(crate) fn crashed(&mut self, run: RunId) {
        let (lost, others) = std::mem::take(&mut self.in_flight).into_iter().partition(|(_, (of, _))| *of == run);
        self.in_flight = others;
        let lost: BTreeMap<u64, (RunId, Op)> = lost;
        for (_, (_, op)) in lost {
            if self.random.chance(500) {
                self.late.push(op);
            }
        }
    }

    /// Whether the database refuses a bill that the script says it does not take.
    fn refuses(&mut self, op: &Op, step: Option<&str>) -> bool {
        let Some(left) =
            step.filter(|_| matches!(op, Op::RecordUsage { .. })).and_then(|step| self.untaken.get_mut(step))
        else {
            return false;
        };
        let refuses = *left > 0;
        *left = left.saturating_sub(1);
        refuses
    }
}

fn down() -> StoreError {
    StoreError::Unavailable("the fault_rates".to_owned())
}

impl Shared {
    /// Shares a world.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world; never held across an await.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A world of its own that is the same up to now and takes its own way from here.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(self.lock().clone())
    }

    /// Notes a broken promise.
    pub fn accuse(&self, accusation: String) {
        self.lock().accuse(accusation);
    }

    /// Whether this is the defect under test.
    #[must_use]
    pub fn has(&self, mutation: Mutation) -> bool {
        self.lock().database.mutation == Some(mutation)
    }

    /// Virtual time in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.lock().now_ms
    }

    /// Runs one transaction, on behalf of a step of a run. Whether a store is down or only its answer is lost, nobody
    /// can tell; one in ten of the lost answers arrives and cannot be read.
    pub(crate) async fn call(&self, run: Option<RunId>, step: Option<&str>, op: Op) -> Result<Answer, StoreError> {
        let number = {
            let mut world = self.lock();
            world.sent += 1;
            let number = world.sent;
            if let Some(run) = run {
                world.in_flight.insert(number, (run, op.clone()));
            }
            number
        };
        self.pause().await;
        let answer = {
            let mut world = self.lock();
            world.in_flight.remove(&number);
            if world.store_is_down() || world.refuses(&op, step) {
                Err(down())
            } else {
                let answer = world.apply(&op);
                if let (Op::Advance(run, _), Answer::Active(true), Some(step)) = (&op, &answer, step) {
                    world.invariants.cleared(*run, step);
                }
                if matches!(op, Op::RecordUsage { .. }) && step.is_some_and(|step| step.ends_with("-bill")) {
                    world.late_bills += 1;
                }
                let lost = world.fault_rates.reply_lost;
                match world.random.chance(lost) {
                    true if world.random.chance(100) => Err(StoreError::Defect("a torn answer".to_owned())),
                    true => Err(down()),
                    false => Ok(answer),
                }
            }
        };
        self.pause().await;
        answer
    }

    /// A moment in which anything else may happen, a crash included.
    pub async fn pause(&self) {
        self.park(0).await;
    }

    /// Sleeps in virtual time.
    pub async fn sleep(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2);
        self.until(self.now_ms() + ms).await;
    }

    /// Sleeps until a moment of virtual time.
    pub async fn until(&self, alarm_ms: i64) {
        if self.now_ms() < alarm_ms {
            self.park(alarm_ms).await;
        }
    }

    async fn park(&self, alarm_ms: i64) {
        let mut ticket = None;
        poll_fn(|_| {
            let mut world = self.lock();
            let ticket = *ticket.get_or_insert_with(|| world.gate.ticket());
            if world.gate.passes(ticket, alarm_ms) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Lets one branch of a task go on.
    pub(crate) fn go_on<T>(
        &self,
        task: &mut Pin<Box<dyn Future<Output = T>>>,
        gate: &mut Scheduler,
        schedule: Schedule,
    ) -> Poll<T> {
        {
            let mut world = self.lock();
            let now_ms = world.now_ms;
            gate.open(schedule, now_ms, &mut world.random);
            std::mem::swap(&mut world.gate, gate);
        }
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        std::mem::swap(&mut self.lock().gate, gate);
        polled
    }
}
