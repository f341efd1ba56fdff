//! Every step of every kind of run, crashed before it, after its effect but before its result is remembered, and after;
//! then at every other moment too, twice in a row, and together with a cancellation.

use std::collections::BTreeSet;

use oslira_app::{
    features::analysis::RunStatus::{self, Complete, Failed},
    shared::ids::RunId,
};
use oslira_simulation::{Books, Instance, Op, Person, Place, Shared, Turn, World};
use uuid::Uuid;

const RUN: RunId = RunId::new(Uuid::from_u128(9));
const POLLS_MAX: usize = 10_000;

struct Scenario {
    name: &'static str,
    username: &'static str,
    cached: bool,
    script: &'static [(&'static str, Turn)],
    /// How long no store answers from the start, in milliseconds.
    outage_ms: i64,
    ends: RunStatus,
}

const COLD: Scenario =
    Scenario { name: "cold", username: "runner", cached: false, script: &[], outage_ms: 0, ends: Complete };

fn scenarios() -> Vec<Scenario> {
    use Turn::{Busy, Lasting, Malformed, Passing, Refused, ReplyLost};
    vec![
        COLD,
        Scenario { name: "cached", cached: true, ..COLD },
        Scenario { name: "not found", username: "nobody", ends: Failed, ..COLD },
        Scenario { name: "private", username: "private.person", ends: Failed, ..COLD },
        Scenario { name: "restricted", username: "restricted.page", ends: Failed, ..COLD },
        Scenario { name: "scraper refuses", script: &[("scrape-0-start", Lasting)], ends: Failed, ..COLD },
        Scenario { name: "scrape reply lost", script: &[("scrape-0-start", ReplyLost)], ..COLD },
        Scenario { name: "scrape unreadable", script: &[("scrape-0-collect-0", Malformed)], ..COLD },
        Scenario {
            name: "scraper down",
            script: &[
                ("scrape-0-start", Passing),
                ("scrape-1-start", Passing),
                ("scrape-2-start", Passing),
                ("scrape-3-start", Passing),
            ],
            ends: Failed,
            ..COLD
        },
        Scenario { name: "model busy", script: &[("judge-0", Busy(7_000))], ..COLD },
        Scenario { name: "model asks for an hour", script: &[("judge-0", Busy(3_600_000))], ends: Failed, ..COLD },
        Scenario { name: "model reply lost", script: &[("judge-0", ReplyLost), ("judge-1", Passing)], ..COLD },
        Scenario { name: "model refuses", script: &[("judge-0", Refused)], ends: Failed, ..COLD },
        Scenario {
            name: "model unusable",
            script: &[("judge-0", Malformed), ("judge-1", Turn::Truncated), ("judge-2", Malformed)],
            ends: Failed,
            ..COLD
        },
        Scenario { name: "database restarts", outage_ms: 20_000, ..COLD },
        Scenario { name: "database gone for good", cached: true, outage_ms: 200_000, ends: Failed, ..COLD },
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Act {
    GoOn,
    Crash,
    CancelAndCrash,
}

struct Played {
    status: RunStatus,
    places: Vec<Place>,
    bills: usize,
}

fn begin(world: &Shared, run: RunId, username: &str) {
    world.lock().apply(&Op::Begin { run, username: username.to_owned(), key: None, body_hash: String::new() });
}

/// Plays a scenario to its end; `act` decides after every moment.
fn play(scenario: &Scenario, mut act: impl FnMut(usize, &Place) -> Act) -> Played {
    let world = Shared::new(World::new(Books::new(Person::default(), 3, 10, None), 1));
    if scenario.cached {
        let earlier = RunId::new(Uuid::from_u128(8));
        begin(&world, earlier, scenario.username);
        to_the_end(&world, earlier, |_, _| Act::GoOn);
        world.lock().now_ms += 3_600_000;
    }
    begin(&world, RUN, scenario.username);
    {
        let mut world = world.lock();
        world.bills.clear();
        world.outage_until_ms = if scenario.outage_ms > 0 { world.now_ms + scenario.outage_ms } else { 0 };
        world.script = scenario.script.iter().map(|(step, turn)| ((*step).to_owned(), *turn)).collect();
    }
    let places = to_the_end(&world, RUN, &mut act);
    // What the workflow could not end, the sweep does.
    let mut world = world.lock();
    world.now_ms += 600_000;
    world.apply(&Op::SweepOne(300));
    assert_eq!(world.accusation, None, "{}", scenario.name);
    let status = world.books.runs[&RUN].status;
    assert!(status.is_terminal(), "{}: {status:?}", scenario.name);
    Played { status, places, bills: world.bills.len() }
}

fn to_the_end(world: &Shared, run: RunId, mut act: impl FnMut(usize, &Place) -> Act) -> Vec<Place> {
    let mut instance = Instance::start(world, run);
    let mut places = vec![];
    while !instance.has_ended() {
        assert!(places.len() < POLLS_MAX, "the workflow never ends");
        let place = instance.poll();
        {
            let mut world = world.lock();
            world.now_ms = world.now_ms.max(instance.alarm_ms());
        }
        let act = act(places.len(), &place);
        places.push(place);
        if act == Act::CancelAndCrash {
            world.lock().apply(&Op::Cancel(run));
        }
        if act != Act::GoOn {
            instance.crash();
            instance.wake();
        }
    }
    places
}

#[test]
fn a_crash_at_any_step_in_any_position_changes_nothing_but_the_time() {
    for scenario in scenarios() {
        let undisturbed = play(&scenario, |_, _| Act::GoOn);
        assert_eq!(undisturbed.status, scenario.ends, "{}", scenario.name);
        let named: BTreeSet<String> =
            undisturbed.places.iter().filter(|p| **p != Place::Elsewhere).map(|place| format!("{place:?}")).collect();
        for wanted in &named {
            // A step is crashed once, and again and again.
            for times in [1, 3] {
                let mut left = times;
                let crashed = play(&scenario, |_, place| {
                    if left > 0 && format!("{place:?}") == *wanted {
                        left -= 1;
                        return Act::Crash;
                    }
                    Act::GoOn
                });
                assert_eq!(crashed.status, scenario.ends, "{} crashed at {wanted}", scenario.name);
                let window = if wanted.starts_with("Unremembered") { times } else { 0 };
                let (least, most) = (undisturbed.bills, undisturbed.bills + window);
                let paid = crashed.bills;
                assert!((least..=most).contains(&paid), "{} at {wanted}: {paid} bills, not {least}", scenario.name);
            }
        }
        println!("{}: {} positions, {} moments", scenario.name, named.len(), undisturbed.places.len());
    }
}

#[test]
fn a_crash_at_any_moment_even_within_an_effect_keeps_every_promise() {
    for scenario in scenarios() {
        let moments = play(&scenario, |_, _| Act::GoOn).places.len();
        for moment in 0..moments {
            let once = play(&scenario, |at, _| if at == moment { Act::Crash } else { Act::GoOn });
            assert_eq!(once.status, scenario.ends, "{} crashed at moment {moment}", scenario.name);
        }
    }
}

#[test]
fn two_crashes_at_any_two_moments_keep_every_promise() {
    let moments = play(&COLD, |_, _| Act::GoOn).places.len();
    for first in 0..moments {
        for second in first + 1..moments + 10 {
            let played = play(&COLD, |at, _| if at == first || at == second { Act::Crash } else { Act::GoOn });
            assert_eq!(played.status, Complete, "crashed at {first} and {second}");
        }
    }
}

#[test]
fn a_cancellation_and_a_crash_at_any_moment_keep_every_promise() {
    for scenario in scenarios() {
        let moments = play(&scenario, |_, _| Act::GoOn).places.len();
        for moment in 0..moments - 1 {
            let played = play(&scenario, |at, _| if at == moment { Act::CancelAndCrash } else { Act::GoOn });
            let ended = [scenario.ends, RunStatus::Cancelled];
            assert!(ended.contains(&played.status), "{} cancelled at moment {moment}", scenario.name);
        }
    }
}
