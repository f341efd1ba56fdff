//! Everything outside of a workflow: the time, the database, the providers' own memory, and the faults.

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
    Answer, ApifyBehaviour, Bill, InvariantChecker, Mutation, Op, ProviderBehaviour, Random, ReferenceDatabase,
    counted::Counted,
    scheduler::{Schedule, Scheduler},
    scraping::Scraping,
    version::Version,
    work::Work,
};

/// 2020-01-01: before any real clock, because the database does not believe scrapes from the future.
pub(crate) const EPOCH_MS: i64 = 1_577_836_800_000;

/// How the keys of snapshots begin that were there before the history: nobody in it was billed for them.
pub(crate) const BEFORE: &str = "before-";

/// How often things go wrong, in parts of a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultRates {
    /// A store does nothing and does not answer.
    pub store_down: u64,
    /// A store did what it was asked and its answer is lost.
    pub reply_lost: u64,
    /// A provider misbehaves.
    pub provider: u64,
    /// A provider that is down during the whole history.
    pub provider_down: Option<&'static str>,
    /// The process of the gate or of a scrape dies before it does the next thing, or a call to it is lost.
    pub object: u64,
}

/// One operation as it happened.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub op: Op,
    pub answer: Answer,
    /// In virtual time.
    pub now_s: i64,
    /// The database right after it.
    pub after: ReferenceDatabase,
}

/// The state outside of all workflows.
#[derive(Clone)]
pub struct World {
    /// Virtual time, in milliseconds since 1970.
    pub now_ms: i64,
    pub database: ReferenceDatabase,
    pub invariants: InvariantChecker,
    /// What was asked of everything outside.
    pub work: Work,
    /// What workflows have counted.
    pub(crate) counted: Counted,
    /// The source of every random choice within the world.
    pub random: Random,
    pub fault_rates: FaultRates,
    /// A model, and when its provider shuts it down, in virtual time.
    pub retiring_model: Option<(&'static str, i64)>,
    /// No store answers before this moment.
    pub outage_until_ms: i64,
    /// By step, how the model behaves towards each of its attempts; for other steps the fault rates decide.
    pub script: BTreeMap<String, ProviderBehaviour>,
    /// By call, how Apify behaves: `details-0-start` is the first start that reads details, `details-0-find` every search for its
    /// run, `details-0-look-1` the second look at it.
    pub apify_script: BTreeMap<String, ApifyBehaviour>,
    /// By step, how often the database still refuses to record a bill.
    pub refused_bills: BTreeMap<String, u32>,
    /// Saved snapshots cannot be read.
    pub snapshots_unreadable: bool,
    /// Every bill that the providers will send.
    pub bills: Vec<Bill>,
    /// AI bills that were recorded by a step of their own.
    pub late_bills: u32,
    /// Steps that failed for good.
    pub given_up: BTreeSet<(RunId, String)>,
    pub snapshots: BTreeMap<String, Snapshot>,
    /// Snapshots that go on from the posts of an earlier one.
    pub continued: u32,
    pub scraping: Scraping,
    /// The version of the product that runs.
    pub version: Version,
    /// Operations that were sent when their process died, and that may still arrive.
    pub late: Vec<Op>,
    /// Runs that are to be woken.
    pub wakes: Vec<RunId>,
    /// The workflow engine lost everything and never comes back.
    pub engine_gone: bool,
    /// Every operation, in a history that will be replayed.
    pub log: Option<Vec<Recorded>>,
    /// The first violation of an invariant.
    pub violation: Option<String>,
    /// Operations that processes have sent and that have not arrived, by their number in the order of sending.
    in_flight: BTreeMap<u64, (RunId, Op)>,
    sent: u64,
    /// That of the task that is being polled: see [`Shared::go_on`].
    scheduler: Scheduler,
}

/// The world, shared by all tasks.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl World {
    /// A world without faults.
    #[must_use]
    pub fn new(database: ReferenceDatabase, seed: u64) -> Self {
        Self {
            now_ms: EPOCH_MS,
            invariants: InvariantChecker::of(&database),
            work: Work::default(),
            counted: Counted::default(),
            database,
            random: Random::new(seed),
            fault_rates: FaultRates::default(),
            retiring_model: None,
            outage_until_ms: 0,
            script: BTreeMap::new(),
            apify_script: BTreeMap::new(),
            refused_bills: BTreeMap::new(),
            snapshots_unreadable: false,
            bills: vec![],
            late_bills: 0,
            given_up: BTreeSet::new(),
            snapshots: BTreeMap::new(),
            continued: 0,
            scraping: Scraping::new(seed),
            version: Version::default(),
            late: vec![],
            wakes: vec![],
            engine_gone: false,
            log: None,
            violation: None,
            in_flight: BTreeMap::new(),
            sent: 0,
            scheduler: Scheduler::default(),
        }
    }

    /// Virtual time in whole seconds.
    #[must_use]
    pub const fn now_s(&self) -> i64 {
        self.now_ms.div_euclid(1_000)
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms).unwrap_or(Timestamp::MAX)
    }

    /// Runs one transaction and checks the invariants.
    pub fn apply(&mut self, op: &Op) -> Answer {
        let now_s = self.now_s();
        let answer = self.database.apply(op, now_s);
        if let Err(violation) = self.invariants.check(op, &answer, &self.database, now_s) {
            self.report_violation(format!("{violation} (after {})", op.name()));
        }
        if let Some(log) = &mut self.log {
            log.push(Recorded { op: op.clone(), answer: answer.clone(), now_s, after: self.database.clone() });
        }
        answer
    }

    pub(crate) fn has(&self, mutation: Mutation) -> bool {
        self.database.mutation == Some(mutation)
    }

    /// Reports a violated invariant; the first one is kept.
    pub fn report_violation(&mut self, violation: String) {
        self.violation.get_or_insert(violation);
    }

    /// A JSON text as the version that runs writes it.
    pub(crate) fn written(&self, text: String) -> String {
        let text = self.version.writes(text);
        if self.version == Version::Earlier && self.has(Mutation::VersionsDisagree) {
            return text.replace(r#""asked_at""#, r#""asked""#);
        }
        text
    }

    /// Whether a store refuses to answer now.
    pub fn store_is_down(&mut self) -> bool {
        self.now_ms < self.outage_until_ms || self.random.chance(self.fault_rates.store_down)
    }

    /// The process of `run` died. Each operation that it had sent and that has not arrived is lost, or arrives later.
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

    /// Whether the script says that the database refuses to record this bill.
    fn refuses(&mut self, op: &Op, step: Option<&str>) -> bool {
        let Some(left) =
            step.filter(|_| matches!(op, Op::RecordUsage { .. })).and_then(|step| self.refused_bills.get_mut(step))
        else {
            return false;
        };
        let refuses = *left > 0;
        *left = left.saturating_sub(1);
        refuses
    }
}

fn down() -> StoreError {
    StoreError::Unavailable("an injected fault".to_owned())
}

impl Shared {
    #[must_use]
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Locks the world. Never hold it across an await: every task needs it to go on, so the simulation would hang.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the world; what happens in one does not show in the other.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(self.lock().clone())
    }

    pub fn report_violation(&self, violation: String) {
        self.lock().report_violation(violation);
    }

    #[must_use]
    pub fn has(&self, mutation: Mutation) -> bool {
        self.lock().has(mutation)
    }

    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.lock().now_ms
    }

    /// Runs one transaction, on behalf of a step of a run. The caller cannot tell a store that is down from a lost
    /// answer, except that one in ten of the lost answers arrives and cannot be read.
    pub(crate) async fn call(&self, run: Option<RunId>, step: Option<&str>, op: Op) -> Result<Answer, StoreError> {
        let number = {
            let mut world = self.lock();
            world.sent += 1;
            world.work.database_statements += 1;
            let number = world.sent;
            if let Some(run) = run {
                world.in_flight.insert(number, (run, op.clone()));
            }
            number
        };
        // A crash here finds the operation sent and not arrived. A crash at the pause below finds it done, and its
        // answer not received.
        self.pause().await;
        let answer = {
            let mut world = self.lock();
            world.in_flight.remove(&number);
            if world.store_is_down() || world.refuses(&op, step) {
                Err(down())
            } else {
                let answer = world.apply(&op);
                // At the commit, whether or not the answer arrives: a step that lost it is attempted again, and must
                // then see the run active anew.
                if let (Op::Advance(run, _), Answer::Active(true), Some(step)) = (&op, &answer, step) {
                    world.invariants.cleared(*run, step);
                }
                if matches!(op, Op::RecordUsage { .. }) && step.is_some_and(|step| step.ends_with("-bill")) {
                    world.late_bills += 1;
                }
                let lost = world.fault_rates.reply_lost;
                match world.random.chance(lost) {
                    true if world.random.chance(100) => Err(StoreError::Defect("an unreadable answer".to_owned())),
                    true => Err(down()),
                    false => Ok(answer),
                }
            }
        };
        self.pause().await;
        answer
    }

    /// Lets anything else happen first: a step of another branch, another task, or a crash.
    pub async fn pause(&self) {
        self.park(0).await;
    }

    /// Sleeps in virtual time.
    pub async fn sleep(&self, duration: Duration) {
        // Half of the maximum, so that adding the time cannot overflow.
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2);
        self.until(self.now_ms() + ms).await;
    }

    /// Sleeps until a moment of virtual time.
    pub async fn until(&self, alarm_ms: i64) {
        if self.now_ms() < alarm_ms {
            self.park(alarm_ms).await;
        }
    }

    /// Waits for an object to show something, until a moment of virtual time at most.
    pub(crate) async fn wait_until<T>(&self, deadline_ms: i64, shown: impl Fn(&World) -> Option<T>) -> Option<T> {
        loop {
            let next_ms = {
                let world = self.lock();
                let shown = shown(&world);
                if shown.is_some() || world.now_ms >= deadline_ms {
                    return shown;
                }
                // Nothing changes before an object acts.
                world.next_event_ms().map_or(deadline_ms, |next_ms| next_ms.min(deadline_ms))
            };
            self.park(next_ms).await;
        }
    }

    async fn park(&self, alarm_ms: i64) {
        // Taken once and kept: the branch parks under the same ticket in every poll until it is chosen.
        let mut ticket = None;
        poll_fn(|_| {
            let mut world = self.lock();
            let ticket = *ticket.get_or_insert_with(|| world.scheduler.ticket());
            if world.scheduler.passes(ticket, alarm_ms) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Polls a task, and lets one of its branches go on.
    pub(crate) fn go_on<T>(
        &self,
        task: &mut Pin<Box<dyn Future<Output = T>>>,
        scheduler: &mut Scheduler,
        schedule: Schedule,
    ) -> Poll<T> {
        {
            let mut world = self.lock();
            let now_ms = world.now_ms;
            scheduler.open(schedule, now_ms, &mut world.random);
            // The branches reach their scheduler through the world, so it stands there while they are polled.
            std::mem::swap(&mut world.scheduler, scheduler);
        }
        // Nothing wakes a task: the driver polls the one whose alarm has come.
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        std::mem::swap(&mut self.lock().scheduler, scheduler);
        polled
    }
}
