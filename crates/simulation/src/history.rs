//! Random histories: customers, crashes, lost replies, faults, sweeps and time, in an order that only the seed knows.

use oslira_app::{
    features::analysis::{Begun, Cancelled, RunStatus},
    shared::ids::RunId,
};
use uuid::Uuid;

use crate::{
    Answer, Books, Instance, Mutation, Op, Person, Random, Recorded, Shared, Story, Weather, World, care::Care,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const CREDITS_MAX: u64 = 5;
/// The hourly limit in histories; the database's plan is set to the same.
const HOURLY_MAX: usize = 4;
const KEYS: [&str; 3] = ["key-a", "key-b", "key-c"];
/// After this many rounds of care nothing may be open: it is the sweep that ends what nothing else did.
const CARE_ROUNDS_MAX: u32 = 30;
const POLLS_MAX: u32 = 100_000;

/// What a history is made of; the same plan gives the same history.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The defect to find.
    pub mutation: Option<Mutation>,
    /// Who acts.
    pub person: Person,
    /// Keep every operation, for a replay against the database.
    pub record: bool,
}

impl Plan {
    /// The history of a seed, without defects.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, mutation: None, person: Person::default(), record: false }
    }

    /// The credits that the history starts with.
    #[must_use]
    pub fn credits(self) -> i64 {
        i64::try_from(Random::new(self.seed).below(CREDITS_MAX)).unwrap_or(0) + 1
    }

    /// The most analyses in an hour that histories count on.
    #[must_use]
    pub const fn hourly_max() -> usize {
        HOURLY_MAX
    }
}

/// What became of a history.
#[derive(Debug)]
pub struct Report {
    /// The broken promise.
    pub accusation: Option<String>,
    /// Crashes that happened.
    pub crashes: u32,
    /// Runs by how their charge ended: result, refunded, kept.
    pub ends: [u32; 3],
    /// Every operation, when the plan asked for them.
    pub log: Vec<Recorded>,
}

struct Driver {
    world: Shared,
    random: Random,
    instances: Vec<Instance>,
    cares: Vec<Care>,
    begun: Vec<Op>,
    runs: u64,
    seed: u64,
    crashes: u32,
}

/// Plays one history to its end and audits it all the way.
#[must_use]
pub fn history(plan: Plan) -> Report {
    let mut random = Random::new(!plan.seed);
    let books = Books::new(plan.person, plan.credits(), HOURLY_MAX, plan.mutation);
    let mut world = World::new(books, random.bits());
    world.weather = weather(&mut random);
    world.log = plan.record.then(Vec::new);
    let mut driver = Driver {
        world: Shared::new(world),
        random,
        instances: vec![],
        cares: vec![],
        begun: vec![],
        runs: 0,
        seed: plan.seed,
        crashes: 0,
    };
    let moments = 40 + driver.random.below(160);
    for _ in 0..moments {
        if driver.world.lock().accusation.is_some() {
            break;
        }
        driver.moment();
    }
    driver.settle();
    driver.report()
}

fn weather(random: &mut Random) -> Weather {
    let mut level = |worst: u64| if random.chance(500) { 0 } else { random.below(worst) };
    Weather { store_down: level(200), reply_lost: level(200), provider: level(500) }
}

impl Driver {
    fn moment(&mut self) {
        match self.random.below(100) {
            0..=5 => self.buy(),
            6..=7 => self.buy_again(),
            8..=10 => self.cancel(),
            11..=13 => self.crash(),
            14..=15 => self.cares.push(Care::start(&self.world)),
            16 => self.something_late(),
            17..=18 => self.pass_time(),
            19 => self.outage(),
            20..=24 => self.launch_somebody(),
            _ => {
                self.work();
            }
        }
        self.wake_the_wanted();
    }

    /// A customer asks. The answer may be lost; a launch may be lost with it.
    fn buy(&mut self) {
        let username = self.random.pick(&Story::USERNAMES).copied().unwrap_or("runner");
        let key = if self.random.chance(600) { self.random.pick(&KEYS).map(|key| (*key).to_owned()) } else { None };
        self.runs += 1;
        let run = RunId::new(Uuid::from_u128((u128::from(self.seed) << 64) | u128::from(self.runs)));
        let op = Op::Begin { run, username: username.to_owned(), key, body_hash: format!("hash of {username}") };
        self.begun.push(op.clone());
        self.begin(&op);
    }

    /// The same request again: a second click, or the first answer was lost. Its run id is new, its key the same.
    fn buy_again(&mut self) {
        let Some(Op::Begin { username, key, body_hash, .. }) = self.random.pick(&self.begun).cloned() else { return };
        self.runs += 1;
        let run = RunId::new(Uuid::from_u128((u128::from(self.seed) << 64) | u128::from(self.runs)));
        self.begin(&Op::Begin { run, username, key, body_hash });
    }

    fn begin(&mut self, op: &Op) {
        let answer = {
            let mut world = self.world.lock();
            if world.store_is_down() {
                return;
            }
            world.apply(op)
        };
        let is_lost = self.random.chance(150);
        let launched = match answer {
            Answer::Begun(Begun::Started(receipt)) => Some(receipt.run_id),
            Answer::Begun(Begun::Replay(receipt)) => {
                let pending = self.status(receipt.run_id) == Some(RunStatus::Pending);
                pending.then_some(receipt.run_id)
            }
            _ => None,
        };
        let Some(run) = launched.filter(|_| !is_lost) else { return };
        if self.random.chance(30) {
            // Neither the engine nor the queue took it: the start is undone.
            self.world.lock().apply(&Op::Cancel(run));
        } else {
            self.launch(run);
        }
    }

    fn status(&self, run: RunId) -> Option<RunStatus> {
        self.world.lock().books.runs.get(&run).map(|row| row.status)
    }

    /// The engine knows an instance by its run: a second start is the same instance.
    fn launch(&mut self, run: RunId) {
        match self.instances.iter_mut().find(|instance| instance.run() == run) {
            Some(instance) => instance.wake(),
            None => self.instances.push(Instance::start(&self.world, run)),
        }
    }

    fn launch_somebody(&mut self) {
        let runs: Vec<RunId> = self.instances.iter().map(Instance::run).collect();
        if let Some(run) = self.random.pick(&runs) {
            self.launch(*run);
        }
    }

    fn cancel(&mut self) {
        let runs: Vec<RunId> = self.world.lock().books.runs.keys().copied().collect();
        let Some(run) = self.random.pick(&runs).copied() else { return };
        let mut world = self.world.lock();
        if world.store_is_down() {
            return;
        }
        let answer = world.apply(&Op::Cancel(run));
        if let Answer::Cancelled(Cancelled::Done { .. }) = answer
            && let Err(accusation) = world.watch.told(run, RunStatus::Cancelled)
        {
            world.accuse(accusation);
        }
    }

    fn crash(&mut self) {
        let at = self.random.below(self.instances.len() as u64);
        let Some(instance) = usize::try_from(at).ok().and_then(|at| self.instances.get_mut(at)) else { return };
        if instance.is_alive() {
            instance.crash();
            self.crashes += 1;
            // Mostly the engine notices at once.
            if self.random.chance(600) {
                instance.wake();
            }
        }
    }

    /// What a dead process had sent arrives after all.
    fn something_late(&mut self) {
        let mut world = self.world.lock();
        if let Some(op) = world.late.pop() {
            world.apply(&op);
        }
    }

    fn pass_time(&mut self) {
        let most_ms = match self.random.below(20) {
            0 => 30 * HOUR_MS,
            1..=3 => 2 * HOUR_MS,
            4..=9 => 10 * MINUTE_MS,
            _ => 2 * MINUTE_MS,
        };
        let passes_ms = i64::try_from(self.random.below(most_ms)).unwrap_or(0);
        self.world.lock().now_ms += passes_ms;
    }

    fn outage(&mut self) {
        let lasts_ms = i64::try_from(self.random.below(5 * MINUTE_MS)).unwrap_or(0);
        let mut world = self.world.lock();
        if world.weather.store_down > 0 {
            world.outage_until_ms = world.now_ms + lasts_ms;
        }
    }

    fn wake_the_wanted(&mut self) {
        let wanted = std::mem::take(&mut self.world.lock().wakes);
        for run in wanted {
            self.launch(run);
        }
    }

    /// Somebody who can goes one moment further; if all sleep, time passes until the first wakes. False: nobody lives.
    fn work(&mut self) -> bool {
        let alarms = || {
            let instances = self.instances.iter().enumerate().filter(|(_, instance)| instance.is_alive());
            let instances = instances.map(|(at, instance)| (at, instance.alarm_ms()));
            let cares = self.cares.iter().enumerate().map(|(at, care)| (self.instances.len() + at, care.alarm_ms));
            instances.chain(cares)
        };
        let Some(first_ms) = alarms().map(|(_, alarm_ms)| alarm_ms).min() else { return false };
        let now_ms = {
            let mut world = self.world.lock();
            world.now_ms = world.now_ms.max(first_ms);
            world.now_ms
        };
        let ready: Vec<usize> = alarms().filter(|(_, alarm_ms)| *alarm_ms <= now_ms).map(|(at, _)| at).collect();
        let at = self.random.pick(&ready).copied().unwrap_or(0);
        if let Some(instance) = self.instances.get_mut(at) {
            instance.poll();
        } else {
            let at = at - self.instances.len();
            if self.cares.get_mut(at).is_some_and(Care::poll) {
                self.cares.swap_remove(at);
            }
        }
        true
    }

    /// The weather clears. What was sent arrives, the engine recovers or is lost for good, the five-minute job runs; and
    /// then every run must have ended and every charge be settled.
    fn settle(&mut self) {
        let engine_gone = self.random.chance(150);
        {
            let mut world = self.world.lock();
            world.weather = Weather::default();
            world.outage_until_ms = 0;
            world.engine_gone = engine_gone;
        }
        for round in 0..CARE_ROUNDS_MAX {
            if engine_gone && round == 0 {
                self.instances.iter_mut().for_each(Instance::crash);
            } else if !engine_gone {
                self.instances.iter_mut().for_each(Instance::wake);
            }
            self.cares.push(Care::start(&self.world));
            for polls in 0.. {
                if self.world.lock().accusation.is_some() {
                    return;
                }
                if !self.work() {
                    break;
                }
                self.wake_the_wanted();
                if polls > POLLS_MAX {
                    self.world.accuse("the workflow never ends".to_owned());
                }
            }
            self.something_late();
            let mut world = self.world.lock();
            if world.late.is_empty() && world.books.runs.values().all(|row| row.status.is_terminal()) {
                break;
            }
            world.now_ms += 5 * 60_000;
        }
        let mut world = self.world.lock();
        if let Err(accusation) = world.watch.settled(&world.books) {
            world.accuse(accusation);
        }
        drop(world);
        self.bills_are_known();
    }

    /// No scraped profile is kept whose bill is in no books.
    fn bills_are_known(&self) {
        let mut world = self.world.lock();
        if let Some(key) = world.snapshots.keys().find(|key| !world.books.usage.contains(*key)).cloned() {
            world.accuse(format!("the bill of {key} is in no books"));
        }
    }

    fn report(self) -> Report {
        let mut world = self.world.lock();
        let count = |outcome| world.books.runs.values().filter(|row| row.outcome == Some(outcome)).count();
        let ends = ["result", "refunded", "kept"].map(|outcome| u32::try_from(count(outcome)).unwrap_or(u32::MAX));
        let accusation = world.accusation.clone();
        let log = world.log.take().unwrap_or_default();
        Report { accusation, crashes: self.crashes, ends, log }
    }
}
