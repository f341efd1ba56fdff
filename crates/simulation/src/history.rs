//! Random histories: customers, crashes, lost replies, faults, sweeps and time, in an order that only the seed knows.

use oslira_app::{
    features::analysis::{BeginOutcome, CancelOutcome, RunStatus},
    shared::{analysis_type::AnalysisType, ids::RunId},
};
use uuid::Uuid;

use crate::{
    Answer, FaultRates, Fixtures, Instance, Mutation, Op, Person, Random, Recorded, ReferenceDatabase, RunRow,
    Schedule, Shared, World, recovery::Recovery,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const CREDITS_MAX: u64 = 24;
/// The hourly limit in histories; the database's plan is set to the same.
const HOURLY_MAX: usize = 4;
const KEYS: [&str; 3] = ["key-a", "key-b", "key-c"];
/// After this many rounds of care nothing may be open: it is the sweep that ends what nothing else did.
const CARE_ROUNDS_MAX: u32 = 30;
const MOVES_MAX: u64 = 12;
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
    /// Crashes that met several steps of one run under way.
    pub crashes_in_parallel: u32,
    /// Runs by how their charge ended: result, refunded, kept.
    pub ends: [u32; 3],
    /// Results of those types that ask side by side.
    pub deep_results: u32,
    /// How often a second model was asked.
    pub fallbacks: u32,
    /// Runs that began while a model lived, met its end, and have a result by another one.
    pub outlived: u32,
    /// AI bills that were recorded by a step of their own.
    pub late_bills: u32,
    /// Analyses that became stale.
    pub stale: u32,
    /// Every operation, when the plan asked for them.
    pub log: Vec<Recorded>,
}

struct Driver {
    world: Shared,
    random: Random,
    instances: Vec<Instance>,
    cares: Vec<Recovery>,
    begun: Vec<Op>,
    runs: u64,
    seed: u64,
    crashes: u32,
    crashes_in_parallel: u32,
}

/// Plays one history to its end and audits it all the way.
#[must_use]
pub fn history(plan: Plan) -> Report {
    let mut random = Random::new(!plan.seed);
    let database = ReferenceDatabase::new(plan.person, plan.credits(), HOURLY_MAX, plan.mutation);
    let mut world = World::new(database, random.bits());
    world.fault_rates = fault_rates(&mut random);
    world.dying = dying(&mut random, world.now_ms);
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
        crashes_in_parallel: 0,
    };
    let moments = 40 + driver.random.below(100);
    for _ in 0..moments {
        if driver.world.lock().accusation.is_some() {
            break;
        }
        driver.moment();
    }
    driver.settle();
    driver.report()
}

fn fault_rates(random: &mut Random) -> FaultRates {
    let mut level = |worst: u64| if random.chance(500) { 0 } else { random.below(worst) };
    let (store_down, reply_lost, provider) = (level(200), level(200), level(300));
    let dark = random.chance(150).then(|| random.pick(&["openai", "anthropic", "apify"]).copied()).flatten();
    FaultRates { store_down, reply_lost, provider, dark }
}

/// In some histories one of the models in use is shut down, in its first ten minutes and mostly while runs are under way.
fn dying(random: &mut Random, now_ms: i64) -> Option<(&'static str, i64)> {
    const MODELS: [&str; 3] = ["openai/gpt-6-luna", "openai/gpt-6.1-terra", "anthropic/claude-haiku-5-5"];
    let model = random.chance(300).then(|| random.pick(&MODELS).copied()).flatten()?;
    let lives_ms = i64::try_from(random.below(10 * MINUTE_MS)).unwrap_or(0);
    Some((model, now_ms + lives_ms))
}

impl Driver {
    fn moment(&mut self) {
        match self.random.below(100) {
            0..=4 => self.buy(),
            5..=6 => self.buy_again(),
            7..=9 => self.cancel(),
            10..=13 => self.crash(),
            14..=15 => self.cares.push(Recovery::start(&self.world)),
            16 => self.something_late(),
            17..=18 => self.pass_time(),
            19 => self.outage(),
            20..=24 => self.launch_somebody(),
            // A run has hundreds of moments, most of them alike: somebody goes on for a while.
            _ => (0..=self.random.below(MOVES_MAX)).for_each(|_| {
                self.work();
            }),
        }
        self.wake_the_wanted();
    }

    /// A customer asks. The answer may be lost; a launch may be lost with it.
    fn buy(&mut self) {
        let username = self.random.pick(&Fixtures::USERNAMES).copied().unwrap_or("runner");
        let key = if self.random.chance(600) { self.random.pick(&KEYS).map(|key| (*key).to_owned()) } else { None };
        self.runs += 1;
        let run = RunId::new(Uuid::from_u128((u128::from(self.seed) << 64) | u128::from(self.runs)));
        let kind = self.random.pick(&Fixtures::KINDS).copied().unwrap_or(AnalysisType::Light);
        let body_hash = format!("hash of {username} as {}", kind.as_str());
        let op = Op::Begin { run, username: username.to_owned(), kind, key, body_hash };
        self.begun.push(op.clone());
        self.begin(&op);
    }

    /// The same request again: a second click, or the first answer was lost. Its run id is new, its key the same.
    fn buy_again(&mut self) {
        let Some(Op::Begin { username, kind, key, body_hash, .. }) = self.random.pick(&self.begun).cloned() else {
            return;
        };
        self.runs += 1;
        let run = RunId::new(Uuid::from_u128((u128::from(self.seed) << 64) | u128::from(self.runs)));
        self.begin(&Op::Begin { run, username, kind, key, body_hash });
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
            Answer::Begun(BeginOutcome::Started(receipt)) => Some(receipt.run_id),
            Answer::Begun(BeginOutcome::Replay(receipt)) => {
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
        self.world.lock().database.runs.get(&run).map(|row| row.status)
    }

    /// The engine knows an instance by its run: a second start is the same instance.
    fn launch(&mut self, run: RunId) {
        match self.instances.iter_mut().find(|instance| instance.run() == run) {
            Some(instance) => instance.wake(),
            None => self.instances.push(Instance::start(&self.world, run, Schedule::Any)),
        }
    }

    fn launch_somebody(&mut self) {
        let runs: Vec<RunId> = self.instances.iter().map(Instance::run).collect();
        if let Some(run) = self.random.pick(&runs) {
            self.launch(*run);
        }
    }

    fn cancel(&mut self) {
        let runs: Vec<RunId> = self.world.lock().database.runs.keys().copied().collect();
        let Some(run) = self.random.pick(&runs).copied() else { return };
        let mut world = self.world.lock();
        if world.store_is_down() {
            return;
        }
        let answer = world.apply(&Op::Cancel(run));
        if let Answer::Cancelled(CancelOutcome::Done { .. }) = answer
            && let Err(accusation) = world.invariants.told(run, RunStatus::Cancelled)
        {
            world.accuse(accusation);
        }
    }

    fn crash(&mut self) {
        let at = self.random.below(self.instances.len() as u64);
        let Some(instance) = usize::try_from(at).ok().and_then(|at| self.instances.get_mut(at)) else { return };
        if instance.is_alive() {
            self.crashes_in_parallel += u32::from(instance.crash() > 1);
            self.crashes += 1;
            // Mostly the engine notices at once.
            if self.random.chance(600) {
                instance.wake();
            }
        }
    }

    /// Something that a dead process had sent arrives after all.
    fn something_late(&mut self) {
        let mut world = self.world.lock();
        let at = usize::try_from(self.random.below(world.late.len() as u64)).unwrap_or(0);
        if at < world.late.len() {
            let op = world.late.swap_remove(at);
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
        if world.fault_rates.store_down > 0 {
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
            let cares = self.cares.iter().enumerate().map(|(at, care)| (self.instances.len() + at, care.alarm_ms()));
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
            if self.cares.get_mut(at).is_some_and(Recovery::poll) {
                self.cares.swap_remove(at);
            }
        }
        true
    }

    /// The stores' fault_rates clears, the providers' may stay. What was sent arrives, the engine recovers or is lost for good, the five-minute job runs; and
    /// then every run must have ended and every charge be settled.
    fn settle(&mut self) {
        let engine_gone = self.random.chance(150);
        {
            let mut world = self.world.lock();
            let provider = if self.random.chance(400) { world.fault_rates.provider } else { 0 };
            world.fault_rates = FaultRates { provider, ..FaultRates::default() };
            world.outage_until_ms = 0;
            world.engine_gone = engine_gone;
        }
        for round in 0..CARE_ROUNDS_MAX {
            if engine_gone && round == 0 {
                for instance in &mut self.instances {
                    instance.crash();
                }
            } else if !engine_gone {
                self.instances.iter_mut().for_each(Instance::wake);
            }
            self.cares.push(Recovery::start(&self.world));
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
            if world.late.is_empty() && world.database.runs.values().all(|row| row.status.is_terminal()) {
                break;
            }
            world.now_ms += 5 * 60_000;
        }
        let mut world = self.world.lock();
        if let Err(accusation) = world.invariants.settled(&world.database) {
            world.accuse(accusation);
        }
        world.bills_are_known();
    }

    fn report(self) -> Report {
        let mut world = self.world.lock();
        let count = |outcome| world.database.runs.values().filter(|row| row.outcome == Some(outcome)).count();
        let ends = ["result", "refunded", "kept"].map(|outcome| u32::try_from(count(outcome)).unwrap_or(u32::MAX));
        let is_deep = |row: &&RunRow| row.kind != AnalysisType::Light && row.outcome == Some("result");
        let deep_results = world.database.runs.values().filter(is_deep).count();
        let dies_s = world.dying.map_or(i64::MIN, |(_, dies_ms)| dies_ms.div_euclid(1_000));
        let is_outlived = |(run, row): &(&RunId, &RunRow)| {
            row.outcome == Some("result")
                && row.created_s < dies_s
                && world.invariants.calls.met_the_end_of_a_model(**run)
        };
        let outlived = world.database.runs.iter().filter(is_outlived).count();
        let stale = world.database.analyses.iter().filter(|analysis| analysis.is_stale).count();
        Report {
            accusation: world.accusation.clone(),
            crashes: self.crashes,
            crashes_in_parallel: self.crashes_in_parallel,
            ends,
            deep_results: u32::try_from(deep_results).unwrap_or(u32::MAX),
            fallbacks: world.invariants.calls.fallbacks(),
            outlived: u32::try_from(outlived).unwrap_or(u32::MAX),
            late_bills: world.late_bills,
            stale: u32::try_from(stale).unwrap_or(u32::MAX),
            log: world.log.take().unwrap_or_default(),
        }
    }
}
