//! Everything outside of a workflow: the time, the database, the providers' own memory, and the weather.

use std::{
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use jiff::Timestamp;
use oslira_app::{features::analysis::Snapshot, shared::ids::RunId};

use crate::{Answer, Books, Mutation, Op, Random, Turn, Watch};

/// 2020-01-01: before any real clock, because the database does not believe scrapes from the future.
const EPOCH_MS: i64 = 1_577_836_800_000;

/// How often things go wrong, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// A store does not answer and did nothing.
    pub store_down: u64,
    /// A store did what it was asked and its answer is lost.
    pub reply_lost: u64,
    /// A provider misbehaves.
    pub provider: u64,
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
    /// The books after it.
    pub after: Books,
}

/// What a provider will bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// For which run.
    pub run: RunId,
    /// The provider's own id.
    pub key: String,
    /// Whether we were told: a lost reply is billed all the same.
    pub told: bool,
}

/// The state outside of all workflows.
pub struct World {
    /// Virtual time.
    pub now_ms: i64,
    /// The database.
    pub books: Books,
    /// The auditor.
    pub watch: Watch,
    /// Draws every coincidence.
    pub random: Random,
    /// How often things go wrong.
    pub weather: Weather,
    /// No store answers before this moment.
    pub outage_until_ms: i64,
    /// The fate of every attempt of a step; others are drawn from the weather.
    pub script: BTreeMap<String, Turn>,
    /// What the providers will bill.
    pub bills: Vec<Bill>,
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
    in_flight: BTreeMap<RunId, Op>,
    blocked_until_ms: Option<i64>,
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
    pub fn new(books: Books, seed: u64) -> Self {
        Self {
            now_ms: EPOCH_MS,
            books,
            watch: Watch::default(),
            random: Random::new(seed),
            weather: Weather::default(),
            outage_until_ms: 0,
            script: BTreeMap::new(),
            bills: vec![],
            snapshots: BTreeMap::new(),
            scrapes: BTreeMap::new(),
            late: vec![],
            wakes: vec![],
            engine_gone: false,
            log: None,
            accusation: None,
            in_flight: BTreeMap::new(),
            blocked_until_ms: None,
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
        let answer = self.books.apply(op, now_s);
        if let Err(accusation) = self.watch.audit(op, &answer, &self.books, now_s) {
            self.accuse(format!("{accusation} (after {})", op.name()));
        }
        if let Some(log) = &mut self.log {
            log.push(Recorded { op: op.clone(), answer: answer.clone(), now_s, after: self.books.clone() });
        }
        answer
    }

    /// Notes a broken promise; the first one counts.
    pub fn accuse(&mut self, accusation: String) {
        self.accusation.get_or_insert(accusation);
    }

    /// Whether a store refuses to answer now.
    pub const fn store_is_down(&mut self) -> bool {
        self.now_ms < self.outage_until_ms || self.random.chance(self.weather.store_down)
    }

    /// What the process of `run` had sent and not heard of is lost with it, or happens later.
    pub fn crashed(&mut self, run: RunId) {
        if let Some(op) = self.in_flight.remove(&run)
            && self.random.chance(500)
        {
            self.late.push(op);
        }
    }
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

    /// Notes a broken promise.
    pub fn accuse(&self, accusation: String) {
        self.lock().accuse(accusation);
    }

    /// Whether this is the defect under test.
    #[must_use]
    pub fn has(&self, mutation: Mutation) -> bool {
        self.lock().books.mutation == Some(mutation)
    }

    /// Virtual time in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.lock().now_ms
    }

    /// Runs one transaction; `None` when the store is down or its answer is lost, which nobody can tell apart.
    pub async fn call(&self, run: Option<RunId>, op: Op) -> Option<Answer> {
        if let Some(run) = run {
            self.lock().in_flight.insert(run, op.clone());
        }
        self.pause().await;
        let answer = {
            let mut world = self.lock();
            if let Some(run) = run {
                world.in_flight.remove(&run);
            }
            let is_down = world.store_is_down();
            let answer = (!is_down).then(|| world.apply(&op));
            let lost = world.weather.reply_lost;
            answer.filter(|_| !world.random.chance(lost))
        };
        self.pause().await;
        answer
    }

    /// A moment in which anything else may happen, a crash included.
    pub async fn pause(&self) {
        let mut paused = false;
        poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Sleeps in virtual time.
    pub async fn sleep(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2);
        self.until(self.now_ms() + ms).await;
    }

    /// Sleeps until a moment of virtual time.
    pub async fn until(&self, alarm_ms: i64) {
        poll_fn(|_| {
            let mut world = self.lock();
            if world.now_ms >= alarm_ms {
                return Poll::Ready(());
            }
            world.blocked_until_ms = Some(alarm_ms);
            Poll::Pending
        })
        .await;
    }

    /// Until when the task that was just polled sleeps.
    #[must_use]
    pub fn take_alarm(&self) -> Option<i64> {
        self.lock().blocked_until_ms.take()
    }
}
