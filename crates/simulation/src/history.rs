//! Random histories: requests, crashes, lost replies, faults, sweeps and jumps of time, in an order that the seed
//! decides.

mod customers;
mod members;
mod plan;

pub use plan::Plan;

use oslira_app::shared::{
    analysis_type::AnalysisType,
    ids::{RunId, UserId},
};

use crate::{
    BulkRow, Entry, FaultRates, Fixtures, Instance, Op, Random, Recorded, ReferenceDatabase, RunRow, Shared, Version,
    World, recovery::Recovery, world::BEFORE,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// After this many rounds of recovery no run may be active: the sweep ends what nothing else ended.
const RECOVERY_ROUNDS_MAX: u32 = 30;
const MOVES_MAX: u64 = 12;
/// In so many of a thousand histories the profiles were read before.
const KNOWN_BEFORE_PERMILLE: u64 = 400;
/// A history that needs more polls than this to settle counts as an endless loop.
const POLLS_MAX: u32 = 100_000;

/// The result of a history.
#[derive(Debug)]
pub struct Report {
    /// The first invariant that was violated.
    pub violation: Option<String>,
    pub crashes: u32,
    /// Crashes that hit several steps of one run at once.
    pub crashes_in_parallel: u32,
    /// Runs by how their charge ended: result, refunded, kept.
    pub ends: [u32; 3],
    /// Results of the types that make several calls at once.
    pub deep_results: u32,
    /// How often a second model was asked.
    pub fallbacks: u32,
    /// Runs that began before a model was shut down, met the shutdown, and have a result from another model.
    pub completed_after_model_end: u32,
    /// AI bills that were recorded by a step of their own.
    pub late_bills: u32,
    /// Analyses that became stale.
    pub stale: u32,
    /// Snapshots that go on from the posts of an earlier one.
    pub continued: u32,
    /// Lines of bulks that a cancellation of their bulk ended.
    pub cancelled_lines: u32,
    /// Charges that drew on several grants.
    pub split_charges: u32,
    /// Grants that ended with something left.
    pub ended_grants: u32,
    /// Requests that a member's limit refused, requests without the permission, and changes to members and keys.
    pub members: [u32; 3],
    /// Changes of the product's version.
    pub deployments: u32,
    /// Deaths of a process of the gate or of a scrape.
    pub evictions: u32,
    /// How often a request had to wait for a lease.
    pub waits: u32,
    /// Actor runs that read several profiles.
    pub shared_runs: u32,
    /// Actor runs whose start was not answered, and that were found in Apify's list.
    pub found_runs: u32,
    /// Every operation, when the plan asked for them.
    pub log: Vec<Recorded>,
}

struct Driver {
    world: Shared,
    random: Random,
    instances: Vec<Instance>,
    recoveries: Vec<Recovery>,
    begun: Vec<Op>,
    /// Who belonged to the account at first, beside its owner.
    members: Vec<UserId>,
    /// Runs that the engine took and whose request, which lost the engine's answer, is about to undo them.
    undos: Vec<RunId>,
    runs: u64,
    seed: u64,
    /// Whether customers buy bulks: not where the real database replays it.
    has_bulks: bool,
    crashes: u32,
    crashes_in_parallel: u32,
    deployments: u32,
}

/// Plays one history to its end and checks every invariant after each operation.
#[must_use]
pub fn history(plan: Plan) -> Report {
    // Inverted, so that the first draws here do not equal the draw of `Plan::credits`.
    let mut random = Random::new(!plan.seed);
    let members = plan.members();
    let database = ReferenceDatabase::new(plan.customer, plan.credits(), Plan::hourly_max(), plan.mutation);
    let database = database.with_members(&members);
    let mut world = World::new(database, random.bits());
    world.fault_rates = fault_rates(&mut random);
    limit_actor_runs(&mut world, &mut random);
    if random.chance(KNOWN_BEFORE_PERMILLE) {
        know_profiles(&mut world, &mut random);
    }
    members::wait_for_a_border(&mut world, &mut random);
    let grants = plan.grants(world.now_s());
    world.database = world.database.with_grants(&grants);
    world.retiring_model = retiring_model(&mut random, world.now_ms);
    world.log = plan.record.then(Vec::new);
    let mut driver = Driver {
        world: Shared::new(world),
        random,
        instances: vec![],
        recoveries: vec![],
        begun: vec![],
        members: members.iter().map(|member| member.id).collect(),
        undos: vec![],
        runs: 0,
        seed: plan.seed,
        has_bulks: !plan.record,
        crashes: 0,
        crashes_in_parallel: 0,
        deployments: 0,
    };
    let moments = 40 + driver.random.below(100);
    for _ in 0..moments {
        if driver.world.lock().violation.is_some() {
            break;
        }
        driver.moment();
    }
    driver.settle();
    driver.report()
}

fn fault_rates(random: &mut Random) -> FaultRates {
    let mut level = |worst: u64| if random.chance(500) { 0 } else { random.below(worst) };
    let (store_down, reply_lost, provider, object) = (level(200), level(200), level(300), level(100));
    let provider_down = random.chance(150).then(|| random.pick(&["openai", "anthropic", "apify"]).copied()).flatten();
    FaultRates { store_down, reply_lost, provider, provider_down, object }
}

/// So few actor runs at once that some wait; in some histories Apify has room for fewer still.
fn limit_actor_runs(world: &mut World, random: &mut Random) {
    let mut below = |limit: u64| usize::try_from(random.below(limit)).unwrap_or(0);
    world.scraping.leases_max = 1 + below(3);
    world.scraping.apify.runs_max = Some(1 + below(10)).filter(|max| *max < world.scraping.leases_max);
}

/// Somebody had every profile analysed in depth before this history, up to ten days ago.
fn know_profiles(world: &mut World, random: &mut Random) {
    for username in Fixtures::USERNAMES {
        if let Some(snapshot) = Fixtures::deep_snapshot(username, world.now_ms) {
            world.snapshots.insert(format!("{BEFORE}{username}"), snapshot);
        }
    }
    world.now_ms += i64::try_from(random.below(240 * HOUR_MS)).unwrap_or(0);
}

/// In some histories one of the models in use is shut down, in its first ten minutes and mostly while runs are under
/// way.
fn retiring_model(random: &mut Random, now_ms: i64) -> Option<(&'static str, i64)> {
    const MODELS: [&str; 3] = ["openai/gpt-6-luna", "openai/gpt-6.1-terra", "anthropic/claude-haiku-5-5"];
    let model = random.chance(300).then(|| random.pick(&MODELS).copied()).flatten()?;
    let left_ms = i64::try_from(random.below(10 * MINUTE_MS)).unwrap_or(0);
    Some((model, now_ms + left_ms))
}

impl Driver {
    fn moment(&mut self) {
        // Late enough, in some histories, for AI work to have begun.
        if !self.undos.is_empty() && self.random.chance(100) {
            let run = self.undos.swap_remove(0);
            self.undo(run);
        }
        match self.random.below(100) {
            0..=4 => self.request_analysis(),
            5..=6 => self.repeat_request(),
            7..=9 => self.cancel(),
            10..=13 => self.crash(),
            14..=15 => self.recoveries.push(Recovery::start(&self.world)),
            16 => self.deliver_late_operation(),
            17..=18 => self.pass_time(),
            19 => self.outage(),
            20..=24 => self.relaunch_any(),
            25..=27 => self.world.lock().evict_any(),
            28 => self.deploy(),
            29 if self.has_bulks => self.request_bulk(),
            30..=31 => self.cancel_bulk(),
            32..=33 => self.change_members(),
            // A run has hundreds of moments, most of them alike: several at a time let runs end within a short history.
            _ => (0..=self.random.below(MOVES_MAX)).for_each(|_| {
                self.work();
            }),
        }
        self.start_requested_wakes();
    }

    fn crash(&mut self) {
        let at = self.random.below(self.instances.len() as u64);
        let Some(instance) = usize::try_from(at).ok().and_then(|at| self.instances.get_mut(at)) else { return };
        if instance.is_alive() {
            self.crashes_in_parallel += u32::from(instance.crash() > 1);
            self.crashes += 1;
            // Otherwise it stays dead until something wakes it: a repeated start or the five-minute job.
            if self.random.chance(600) {
                instance.wake();
            }
        }
    }

    /// Another version takes over: everything that lives dies at once, and goes on with what was written before.
    fn deploy(&mut self) {
        let version = self.random.pick(&Version::ALL).copied().unwrap_or_default();
        self.world.lock().version = version;
        self.world.lock().evict_all();
        for instance in self.instances.iter_mut().filter(|instance| instance.is_alive()) {
            instance.crash();
            instance.wake();
        }
        self.deployments += 1;
    }

    /// A statement that a dead process had sent arrives after all.
    fn deliver_late_operation(&mut self) {
        let mut world = self.world.lock();
        let at = usize::try_from(self.random.below(world.late.len() as u64)).unwrap_or(0);
        if at < world.late.len() {
            let op = world.late.swap_remove(at);
            world.apply(&op);
        }
    }

    fn pass_time(&mut self) {
        // Long enough to outlive an idempotency key (24 h), the hourly limit, the sweep (5 min), and a silence that is
        // woken (90 s).
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
        // A history whose stores are drawn as reliable has no outage either.
        if world.fault_rates.store_down > 0 {
            world.outage_until_ms = world.now_ms + lasts_ms;
        }
    }

    fn start_requested_wakes(&mut self) {
        let wanted = std::mem::take(&mut self.world.lock().wakes);
        for run in wanted {
            self.launch(run);
        }
    }

    /// Advances one task, or object, that is ready; when all sleep, time passes until the first wakes. Returns false when
    /// none is left.
    fn work(&mut self) -> bool {
        let alarms = || {
            let instances = self.instances.iter().enumerate().filter(|(_, instance)| instance.is_alive());
            let instances = instances.map(|(at, instance)| (at, instance.alarm_ms()));
            let recoveries = self
                .recoveries
                .iter()
                .enumerate()
                .map(|(at, recovery)| (self.instances.len() + at, recovery.alarm_ms()));
            let objects = self.world.lock().next_event_ms();
            let objects = objects.map(|next_ms| (self.instances.len() + self.recoveries.len(), next_ms));
            instances.chain(recoveries).chain(objects)
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
            match self.recoveries.get_mut(at).map(Recovery::poll) {
                Some(true) => drop(self.recoveries.swap_remove(at)),
                Some(false) => {}
                None => self.world.lock().act(),
            }
        }
        true
    }

    /// Ends a history. The stores work again; the providers may stay faulty. Late statements arrive, the engine
    /// recovers or is lost for good, the five-minute job runs. Then every run must have ended and every charge must be
    /// settled.
    fn settle(&mut self) {
        let engine_gone = self.random.chance(150);
        {
            let mut world = self.world.lock();
            let provider = if self.random.chance(400) { world.fault_rates.provider } else { 0 };
            world.fault_rates = FaultRates { provider, ..FaultRates::default() };
            world.outage_until_ms = 0;
            world.engine_gone = engine_gone;
        }
        for round in 0..RECOVERY_ROUNDS_MAX {
            if engine_gone && round == 0 {
                for instance in &mut self.instances {
                    instance.crash();
                }
            } else if !engine_gone {
                self.instances.iter_mut().for_each(Instance::wake);
            }
            self.recoveries.push(Recovery::start(&self.world));
            for polls in 0.. {
                if self.world.lock().violation.is_some() {
                    return;
                }
                if !self.work() {
                    break;
                }
                self.start_requested_wakes();
                if polls > POLLS_MAX {
                    self.world.report_violation("the workflow never ends".to_owned());
                }
            }
            self.deliver_late_operation();
            let mut world = self.world.lock();
            let have_ended = world.invariants.settled(&world.database).is_ok();
            if world.late.is_empty() && have_ended {
                break;
            }
            // To the next run of the job, and to the age at which it sweeps.
            world.now_ms += 5 * 60_000;
        }
        let mut world = self.world.lock();
        if let Err(violation) = world.invariants.settled(&world.database) {
            world.report_violation(violation);
        }
        world.check_bills();
        world.check_leases();
    }

    fn report(self) -> Report {
        let mut world = self.world.lock();
        let count = |outcome| world.database.runs.values().filter(|row| row.outcome == Some(outcome)).count();
        let ends = ["result", "refunded", "kept"].map(|outcome| u32::try_from(count(outcome)).unwrap_or(u32::MAX));
        let is_deep = |row: &&RunRow| row.kind != AnalysisType::Light && row.outcome == Some("result");
        let deep_results = world.database.runs.values().filter(is_deep).count();
        let shut_down_s = world.retiring_model.map_or(i64::MIN, |(_, shut_down_ms)| shut_down_ms.div_euclid(1_000));
        let is_completed_after_model_end = |(run, row): &(&RunId, &RunRow)| {
            row.outcome == Some("result")
                && row.created_s < shut_down_s
                && world.invariants.calls.met_a_shut_down_model(**run)
        };
        let completed_after_model_end = world.database.runs.iter().filter(is_completed_after_model_end).count();
        let cancelled_lines: usize = world.database.bulks.values().map(BulkRow::cancelled_lines).sum();
        let stale = world.database.analyses.iter().filter(|analysis| analysis.is_stale).count();
        let entries = |is: fn(&&Entry) -> bool| world.database.entries.iter().filter(is).count();
        let split_charges = entries(|entry| entry.kind == "charge" && entry.grants.len() > 1);
        let ended_grants = entries(|entry| entry.kind == "expiry");
        Report {
            violation: world.violation.clone(),
            crashes: self.crashes,
            crashes_in_parallel: self.crashes_in_parallel,
            ends,
            deep_results: u32::try_from(deep_results).unwrap_or(u32::MAX),
            fallbacks: world.invariants.calls.fallbacks(),
            completed_after_model_end: u32::try_from(completed_after_model_end).unwrap_or(u32::MAX),
            late_bills: world.late_bills,
            stale: u32::try_from(stale).unwrap_or(u32::MAX),
            continued: world.continued,
            cancelled_lines: u32::try_from(cancelled_lines).unwrap_or(u32::MAX),
            split_charges: u32::try_from(split_charges).unwrap_or(u32::MAX),
            ended_grants: u32::try_from(ended_grants).unwrap_or(u32::MAX),
            members: world.invariants.spending.counts,
            deployments: self.deployments,
            evictions: world.scraping.evictions,
            waits: world.scraping.waits,
            shared_runs: u32::try_from(world.scraping.apify.shared()).unwrap_or(u32::MAX),
            found_runs: world.scraping.apify.found,
            log: world.log.take().unwrap_or_default(),
        }
    }
}
