//! Crashes every step of every scenario: before it, after its effect but before its result is remembered, and after;
//! then at every other moment too, twice in a row, and together with a cancellation. Where branches of one run work
//! side by side, each crash is tried with the branches in turn, the first one far ahead, and the last one far ahead.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use oslira_app::{
    features::analysis::RunStatus::{self, Cancelled, Complete, Failed},
    shared::{analysis_type::AnalysisType, ids::RunId},
};
use oslira_simulation::{
    CrashPoint, Customer, GrantRow, GrantSource, Instance, Op, ReferenceDatabase, Schedule, Shared, Version, Work,
    World,
};
use uuid::Uuid;

use crate::scenarios::{CacheState, Scenario, scenarios};

const RUN: RunId = RunId::new(Uuid::from_u128(9));
/// A run that needs more polls than this counts as an endless loop.
const POLLS_MAX: usize = 10_000;
const SCHEDULES: [Schedule; 3] = [Schedule::InTurn, Schedule::FirstFirst, Schedule::LastFirst];

/// What a run takes that goes well.
pub fn work(scenario: &Scenario) -> Work {
    Stage::open(scenario, Schedule::InTurn).work()
}

struct Played {
    status: RunStatus,
    error: Option<String>,
    /// How many bills providers made.
    bills: usize,
    /// How many of them because a crash lost a result, so that the provider worked twice.
    repeated: usize,
}

/// A scenario that is under way.
struct Stage<'a> {
    scenario: &'a Scenario,
    schedule: Schedule,
    instance: Instance,
    moment: usize,
    /// How many bills there were before the run began.
    earlier_bills: usize,
}

impl<'a> Stage<'a> {
    fn open(scenario: &'a Scenario, schedule: Schedule) -> Self {
        // 30 credits and 10 runs an hour: two runs cannot use them up. Of these grants a deep analysis draws on three.
        let grants = [
            GrantRow::new(GrantSource::Pack, 26, None),
            GrantRow::new(GrantSource::Plan, 3, Some(i64::MAX)),
            GrantRow::new(GrantSource::Promotion, 1, None),
        ];
        let database = ReferenceDatabase::new(Customer::default(), 30, 10, None).with_grants(&grants);
        let world = Shared::new(World::new(database, 1));
        if let Some(age_ms) = scenario.before.age_ms() {
            let earlier = RunId::new(Uuid::from_u128(8));
            begin(&world, earlier, scenario);
            let instance = Instance::start(&world, earlier, schedule);
            let mut earlier = Self { scenario, schedule, instance, moment: 0, earlier_bills: 0 };
            while earlier.go_on().is_some() {}
            world.lock().now_ms += age_ms;
        }
        begin(&world, RUN, scenario);
        {
            let mut world = world.lock();
            world.outage_until_ms = if scenario.outage_ms > 0 { world.now_ms + scenario.outage_ms } else { 0 };
            world.version = scenario.version;
            world.script = scenario.script.iter().cloned().collect();
            world.apify_script = scenario.apify_script.iter().cloned().collect();
            // The script counts from the run's start.
            world.scraping.forget_starts();
            world.work = Work::default();
            world.refused_bills = scenario.refused_bills.iter().cloned().collect();
            world.snapshots_unreadable = scenario.snapshots_unreadable;
        }
        let earlier_bills = world.lock().bills.len();
        Self { scenario, schedule, instance: Instance::start(&world, RUN, schedule), moment: 0, earlier_bills }
    }

    /// Goes one moment further and returns the crash points that branches reached; `None` when the run has ended.
    fn go_on(&mut self) -> Option<Vec<CrashPoint>> {
        if self.instance.has_ended() {
            return None;
        }
        assert!(self.moment < POLLS_MAX, "the workflow never ends");
        self.moment += 1;
        let reached = self.instance.poll();
        // Nothing else happens in this world, so time can pass at once until a branch can go on.
        self.instance.world().lock().pass_to(self.instance.alarm_ms());
        Some(reached)
    }

    /// Plays to the end without a fault, and until the objects have nothing more to do, and tells what that took.
    fn work(mut self) -> Work {
        while self.go_on().is_some() {}
        let world = self.instance.world().clone();
        world.lock().pass_until_quiet();
        let work = world.lock().work;
        let played = self.finish();
        assert_eq!(played.status, Complete);
        work
    }

    /// A copy of the run whose process dies at this moment, when something happens, and is started again.
    fn crashed_when(&self, happens: impl FnOnce(&mut World)) -> Self {
        let mut instance = self.instance.fork_crashed();
        happens(&mut instance.world().lock());
        instance.wake();
        Self { instance, ..*self }
    }

    /// A copy of the run whose process dies at this moment and is started again.
    fn crashed(&self) -> Self {
        self.crashed_when(|_| {})
    }

    /// Plays on until the run reaches a point; `false` when it ends before.
    fn go_on_to(&mut self, point: &CrashPoint) -> bool {
        while let Some(reached) = self.go_on() {
            if reached.contains(point) {
                return true;
            }
        }
        false
    }

    /// Plays to the end and checks what must hold for every run.
    fn finish(mut self) -> Played {
        while self.go_on().is_some() {}
        let (scenario, schedule) = (self.scenario, self.schedule);
        let mut world = self.instance.world().lock();
        // The sweep ends a run that not even the workflow's last step, `fail`, could end.
        world.now_ms += 600_000;
        world.apply(&Op::NoteWoken(vec![RUN]));
        world.apply(&Op::Sweep(300, 0, 10));
        world.check_bills();
        assert_eq!(world.violation, None, "{}, {schedule:?}", scenario.name);
        let row = &world.database.runs[&RUN];
        assert!(row.status.is_terminal(), "{}, {schedule:?}: {row:?}", scenario.name);
        if scenario.before == CacheState::Changed && scenario.username == "dancer" && row.status == Complete {
            let stale: Vec<bool> = world.database.analyses.iter().map(|analysis| analysis.is_stale).collect();
            // The earlier run's analysis is stale, the one of the new scrape is not.
            assert_eq!(stale, [true, false], "{}, {schedule:?}", scenario.name);
        }
        let bills = world.bills.len() - self.earlier_bills;
        let repeated = self.instance.journal().bills_lost() as usize;
        Played { status: row.status, error: row.error.as_ref().map(|(code, _)| code.clone()), bills, repeated }
    }

    /// Plays to the end; the run must end as its scenario says.
    fn finish_as_expected(self, when: &str) -> Played {
        let (scenario, schedule) = (self.scenario, self.schedule);
        let played = self.finish();
        assert_ends(&played, scenario, schedule, when);
        played
    }
}

fn begin(world: &Shared, run: RunId, scenario: &Scenario) {
    let (username, kind) = (scenario.username.to_owned(), scenario.kind);
    world.lock().apply(&Op::Begin {
        by: Customer::default().user,
        run,
        username,
        kind,
        key: None,
        body_hash: String::new(),
    });
}

fn assert_ends(played: &Played, scenario: &Scenario, schedule: Schedule, when: &str) {
    let status = if scenario.fails_as.is_some() { Failed } else { Complete };
    let ended = (played.status, played.error.as_deref());
    assert_eq!(ended, (status, scenario.fails_as), "{}, {schedule:?}, {when}", scenario.name);
}

/// Every scenario with every schedule that makes a difference: LIGHT has one branch at a time, so one schedule will do.
fn every_schedule(scenarios: &[Scenario]) -> Vec<(&Scenario, Schedule)> {
    let all = scenarios.iter().flat_map(|scenario| SCHEDULES.map(|schedule| (scenario, schedule)));
    all.filter(|(scenario, schedule)| scenario.kind != AnalysisType::Light || *schedule == Schedule::InTurn).collect()
}

/// Every scenario once, with the schedules taking turns.
fn some_schedule(scenarios: &[Scenario]) -> Vec<(&Scenario, Schedule)> {
    scenarios.iter().zip(SCHEDULES.into_iter().cycle()).collect()
}

/// Checks all pairs, on all cores; returns the sum of what `check` returned.
fn check_all(pairs: &[(&Scenario, Schedule)], check: impl Fn(&Scenario, Schedule) -> usize + Sync) -> usize {
    let (next, played) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((scenario, schedule)) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    played.fetch_add(check(scenario, *schedule), Ordering::Relaxed);
                }
            });
        }
    });
    played.into_inner()
}

#[test]
fn a_crash_at_any_step_in_any_position_changes_nothing_but_the_time() {
    let scenarios = scenarios();
    let played = check_all(&every_schedule(&scenarios), |scenario, schedule| {
        // How often in a row a step is crashed at the same point.
        let counts: &[usize] = if schedule == Schedule::InTurn { &[1, 3] } else { &[1] };
        let mut undisturbed = Stage::open(scenario, schedule);
        let (mut named, mut crashes) = (BTreeSet::new(), vec![]);
        while let Some(reached) = undisturbed.go_on() {
            for point in reached.into_iter().filter(|point| named.insert(point.clone())) {
                for times in counts {
                    let mut crashed = undisturbed.crashed();
                    for _ in 1..*times {
                        if crashed.go_on_to(&point) {
                            crashed = crashed.crashed();
                        }
                    }
                    crashes.push((point.clone(), crashed.finish_as_expected(&format!("{point:?}"))));
                }
            }
        }
        // Each crash may repeat exactly the provider calls whose results it lost.
        let undisturbed = undisturbed.finish_as_expected("undisturbed");
        for (point, crashed) in &crashes {
            let (paid, due) = (crashed.bills, undisturbed.bills + crashed.repeated);
            assert_eq!(paid, due, "bills of {}, {schedule:?}, crashed at {point:?}", scenario.name);
        }
        crashes.len()
    });
    println!("{} scenarios, {played} crash plans", scenarios.len());
}

#[test]
fn a_crash_at_any_moment_even_within_an_effect_keeps_every_guarantee() {
    let played = check_all(&some_schedule(&scenarios()), |scenario, schedule| {
        let mut undisturbed = Stage::open(scenario, schedule);
        while undisturbed.go_on().is_some() {
            undisturbed.crashed().finish_as_expected(&format!("crashed at moment {}", undisturbed.moment));
        }
        undisturbed.moment
    });
    println!("{played} moments");
}

#[test]
fn two_crashes_at_any_two_moments_keep_every_guarantee() {
    let cold = AnalysisType::ALL.map(|kind| Scenario::of(kind, CacheState::Nothing));
    let played = check_all(&some_schedule(&cold), |scenario, schedule| {
        let mut undisturbed = Stage::open(scenario, schedule);
        let mut pairs = 0;
        while undisturbed.go_on().is_some() {
            let first = undisturbed.moment;
            let mut once = undisturbed.crashed();
            while once.go_on().is_some() {
                once.crashed().finish_as_expected(&format!("crashed at {first} and {}", once.moment));
                pairs += 1;
            }
        }
        pairs
    });
    println!("{played} pairs of moments");
}

#[test]
fn a_cancellation_and_a_crash_at_any_moment_keep_every_guarantee() {
    let played = check_all(&some_schedule(&scenarios()), |scenario, schedule| {
        let mut undisturbed = Stage::open(scenario, schedule);
        while undisturbed.go_on().is_some() {
            let when = format!("cancelled at moment {}", undisturbed.moment);
            let cancelled = undisturbed
                .crashed_when(|world| drop(world.apply(&Op::Cancel { by: Customer::default().user, run: RUN })));
            let played = cancelled.finish();
            // A cancellation after the end changes nothing.
            if played.status != Cancelled {
                assert_ends(&played, scenario, schedule, &when);
            }
        }
        undisturbed.moment
    });
    println!("{played} cancellations");
}

/// The processes of the run, of the gate and of all scrapes die at once, and the present version goes on with what it has
/// written, or the one before, or a later one that is rolled back.
#[test]
fn a_change_of_version_at_any_moment_keeps_every_guarantee() {
    // Three in a row, since schedules take turns too.
    let versions = Version::ALL.into_iter().flat_map(|version| [version; 3]).cycle();
    let scraped = scenarios().into_iter().filter(|scenario| scenario.before != CacheState::Cached);
    let scenarios: Vec<Scenario> = scraped.zip(versions).map(|(it, version)| Scenario { version, ..it }).collect();
    let played = check_all(&some_schedule(&scenarios), |scenario, schedule| {
        let mut undisturbed = Stage::open(scenario, schedule);
        while undisturbed.go_on().is_some() {
            let mut died = undisturbed.crashed_when(|world| {
                world.evict_all();
                world.version = Version::Present;
            });
            while died.go_on().is_some() {}
            let world = died.instance.world().clone();
            let played = died.finish();
            // A refusal that nobody heard is asked for again, and then it may work. A version without a plan for the scrape
            // cannot do without posts that are down.
            let has_plan = scenario.before != CacheState::Nothing;
            let is_certain = scenario.version != Version::Earlier || !has_plan || scenario.apify_script.is_empty();
            if scenario.fails_as.is_none() && is_certain {
                assert_ends(
                    &played,
                    scenario,
                    schedule,
                    &format!("after {:?} at moment {}", scenario.version, undisturbed.moment),
                );
            }
            let mut world = world.lock();
            world.pass_until_quiet();
            world.check_leases();
            assert_eq!(world.violation, None, "{}, {schedule:?}", scenario.name);
        }
        undisturbed.moment
    });
    println!("{played} moments");
}
