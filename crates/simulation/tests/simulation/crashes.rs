//! Every step of every kind of run, crashed before it, after its effect but before its result is remembered, and after;
//! then at every other moment too, twice in a row, and together with a cancellation. Where branches of one run work side
//! by side, each crash is tried with the branches in turn, the first one far ahead, and the last one far ahead.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use oslira_app::{
    features::analysis::RunStatus::{self, Cancelled, Complete, Failed},
    shared::{analysis_type::AnalysisType, ids::RunId},
};
use oslira_simulation::{Instance, Op, Person, Place, ReferenceDatabase, Schedule, Shared, World};
use uuid::Uuid;

use crate::scenarios::{Before, Scenario, scenarios};

const RUN: RunId = RunId::new(Uuid::from_u128(9));
const POLLS_MAX: usize = 10_000;
const SCHEDULES: [Schedule; 3] = [Schedule::InTurn, Schedule::FirstFirst, Schedule::LastFirst];

#[derive(Clone, Copy, PartialEq)]
enum Act {
    GoOn,
    Crash,
    CancelAndCrash,
}

struct Played {
    status: RunStatus,
    error: Option<String>,
    /// Where branches came to stand, moment by moment.
    places: Vec<Vec<Place>>,
    /// What providers billed, and how much of it because a crash made them work twice.
    bills: usize,
    repeated: usize,
}

fn begin(world: &Shared, run: RunId, scenario: &Scenario) {
    let (username, kind) = (scenario.username.to_owned(), scenario.kind);
    world.lock().apply(&Op::Begin { run, username, kind, key: None, body_hash: String::new() });
}

/// Plays a scenario to its end; `act` decides after every moment.
fn play(scenario: &Scenario, schedule: Schedule, mut act: impl FnMut(usize, &[Place]) -> Act) -> Played {
    let world = Shared::new(World::new(ReferenceDatabase::new(Person::default(), 30, 10, None), 1));
    if scenario.before != Before::Nothing {
        let earlier = RunId::new(Uuid::from_u128(8));
        begin(&world, earlier, scenario);
        to_the_end(&world, earlier, schedule, |_, _| Act::GoOn);
        // A profile that changes has other followers every two minutes, and the same again after eight.
        world.lock().now_ms += if scenario.before == Before::Cached { 3_600_000 } else { 30 * 3_600_000 + 120_000 };
    }
    begin(&world, RUN, scenario);
    {
        let mut world = world.lock();
        world.outage_until_ms = if scenario.outage_ms > 0 { world.now_ms + scenario.outage_ms } else { 0 };
        world.script = scenario.script.iter().cloned().collect();
        world.untaken = scenario.untaken.iter().cloned().collect();
        world.unreadable = scenario.unreadable;
    }
    let (places, repeated) = to_the_end(&world, RUN, schedule, &mut act);
    // What the workflow could not end, the sweep does.
    let mut world = world.lock();
    world.now_ms += 600_000;
    world.apply(&Op::SweepOne(300));
    world.bills_are_known();
    assert_eq!(world.accusation, None, "{}, {schedule:?}", scenario.name);
    let row = &world.database.runs[&RUN];
    assert!(row.status.is_terminal(), "{}, {schedule:?}: {row:?}", scenario.name);
    if scenario.before == Before::Changed && row.status == Complete {
        let stale: Vec<bool> = world.database.analyses.iter().map(|analysis| analysis.is_stale).collect();
        assert_eq!(stale, [true, false], "{}, {schedule:?}", scenario.name);
    }
    let bills = world.bills.iter().filter(|bill| bill.run == RUN).count();
    Played { status: row.status, error: row.error.as_ref().map(|(code, _)| code.clone()), places, bills, repeated }
}

fn to_the_end(
    world: &Shared,
    run: RunId,
    schedule: Schedule,
    mut act: impl FnMut(usize, &[Place]) -> Act,
) -> (Vec<Vec<Place>>, usize) {
    let mut instance = Instance::start(world, run, schedule);
    let mut places = vec![];
    while !instance.has_ended() {
        assert!(places.len() < POLLS_MAX, "the workflow never ends");
        let reached = instance.poll();
        {
            let mut world = world.lock();
            world.now_ms = world.now_ms.max(instance.alarm_ms());
        }
        let act = act(places.len(), &reached);
        places.push(reached);
        if act == Act::CancelAndCrash {
            world.lock().apply(&Op::Cancel(run));
        }
        if act != Act::GoOn {
            instance.crash();
            instance.wake();
        }
    }
    (places, instance.journal().bills_lost() as usize)
}

/// It has come to what it must.
fn assert_ends(played: &Played, scenario: &Scenario, schedule: Schedule, when: &str) {
    let status = if scenario.fails_as.is_some() { Failed } else { Complete };
    let ended = (played.status, played.error.as_deref());
    assert_eq!(ended, (status, scenario.fails_as), "{}, {schedule:?}, {when}", scenario.name);
}

/// Every scenario with every schedule that makes a difference. LIGHT has one branch at a time.
fn every_schedule(scenarios: &[Scenario]) -> Vec<(&Scenario, Schedule)> {
    let all = scenarios.iter().flat_map(|scenario| SCHEDULES.map(|schedule| (scenario, schedule)));
    all.filter(|(scenario, schedule)| scenario.kind != AnalysisType::Light || *schedule == Schedule::InTurn).collect()
}

/// Every scenario, the schedules taking turns.
fn some_schedule(scenarios: &[Scenario]) -> Vec<(&Scenario, Schedule)> {
    scenarios.iter().zip(SCHEDULES.into_iter().cycle()).collect()
}

/// Checks all of them, on all cores; answers the sum.
fn everywhere(pairs: &[(&Scenario, Schedule)], check: impl Fn(&Scenario, Schedule) -> usize + Sync) -> usize {
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
    let played = everywhere(&every_schedule(&scenarios), |scenario, schedule| {
        let undisturbed = play(scenario, schedule, |_, _| Act::GoOn);
        assert_ends(&undisturbed, scenario, schedule, "undisturbed");
        let named: BTreeSet<&Place> = undisturbed.places.iter().flatten().collect();
        // A step is crashed once, and again and again.
        let counts: &[usize] = if schedule == Schedule::InTurn { &[1, 3] } else { &[1] };
        for wanted in &named {
            for times in counts {
                let mut left = *times;
                let crashed = play(scenario, schedule, |_, reached| {
                    if left > 0 && reached.contains(wanted) {
                        left -= 1;
                        return Act::Crash;
                    }
                    Act::GoOn
                });
                assert_ends(&crashed, scenario, schedule, &format!("{wanted:?}"));
                let (paid, due) = (crashed.bills, undisturbed.bills + crashed.repeated);
                assert_eq!(paid, due, "bills of {}, {schedule:?}, crashed at {wanted:?}", scenario.name);
            }
        }
        counts.len() * named.len()
    });
    println!("{} scenarios, {played} crash plans", scenarios.len());
}

#[test]
fn a_crash_at_any_moment_even_within_an_effect_keeps_every_promise() {
    let played = everywhere(&some_schedule(&scenarios()), |scenario, schedule| {
        let moments = play(scenario, schedule, |_, _| Act::GoOn).places.len();
        for moment in 0..moments {
            let once = play(scenario, schedule, |at, _| if at == moment { Act::Crash } else { Act::GoOn });
            assert_ends(&once, scenario, schedule, &format!("crashed at moment {moment}"));
        }
        moments
    });
    println!("{played} moments");
}

#[test]
fn two_crashes_at_any_two_moments_keep_every_promise() {
    let cold = AnalysisType::ALL.map(|kind| Scenario::of(kind, Before::Nothing));
    let played = everywhere(&some_schedule(&cold), |scenario, schedule| {
        let moments = play(scenario, schedule, |_, _| Act::GoOn).places.len();
        let pairs = (0..moments).flat_map(|first| (first + 1..moments + 10).map(move |second| (first, second)));
        pairs
            .map(|(first, second)| {
                let crashes = |at| at == first || at == second;
                let played = play(scenario, schedule, |at, _| if crashes(at) { Act::Crash } else { Act::GoOn });
                assert_ends(&played, scenario, schedule, &format!("crashed at {first} and {second}"));
            })
            .count()
    });
    println!("{played} pairs of moments");
}

#[test]
fn a_cancellation_and_a_crash_at_any_moment_keep_every_promise() {
    let played = everywhere(&some_schedule(&scenarios()), |scenario, schedule| {
        let moments = play(scenario, schedule, |_, _| Act::GoOn).places.len();
        for moment in 0..moments - 1 {
            let played = play(scenario, schedule, |at, _| if at == moment { Act::CancelAndCrash } else { Act::GoOn });
            if played.status != Cancelled {
                assert_ends(&played, scenario, schedule, &format!("cancelled at moment {moment}"));
            }
        }
        moments
    });
    println!("{played} cancellations");
}
