use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    features::profiles::{Found, ScrapeUsage},
    shared::ids::ScrapeId,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn order(usernames: &[&str]) -> ScrapeOrder {
    ScrapeOrder {
        id: ScrapeId::new(Uuid::from_u128(1)),
        part: ScrapePart::Details,
        usernames: usernames.iter().map(|name| name.parse().unwrap()).collect(),
        start_before: at(60),
    }
}

fn ticket() -> ScrapeTicket {
    ScrapeTicket { provider_run_id: "run1".to_owned(), dataset_id: "set1".to_owned() }
}

fn read(username: &str) -> ReadProfile {
    let usage = ScrapeUsage {
        source: "sandbox".to_owned(),
        actor: "actor".to_owned(),
        results: 1,
        cost_microusd: 2_600,
        duration_ms: None,
    };
    ReadProfile { username: username.parse().unwrap(), found: Found::NotFound, usage }
}

/// Whom the effects answer: the bill's name, or the fault.
fn answers(effects: &[ScrapeEffect]) -> Vec<(String, Result<String, ScrapeFault>)> {
    let answer = |effect: &ScrapeEffect| match effect {
        ScrapeEffect::Answer(username, answer) => {
            let answer = answer.as_ref().clone().map(|scraped| scraped.provider_run_id);
            Some((username.to_string(), answer))
        }
        ScrapeEffect::Store(_) | ScrapeEffect::Close => None,
    };
    effects.iter().filter_map(answer).collect()
}

fn running(usernames: &[&str]) -> Scrape {
    let mut scrape = Scrape::new(order(usernames));
    assert_eq!(scrape.turn(at(0), 1.0).1, ScrapeTurn::Start);
    let _ = scrape.started(Ok(ticket()), at(1));
    scrape
}

fn lost() -> ScrapeFault {
    ScrapeFault::Unanswered("a lost connection".to_owned())
}

#[test]
fn it_is_started_looked_at_and_its_lease_returned() {
    let mut scrape = running(&["ann"]);
    let ScrapeTurn::Look { wait, items: 0, .. } = scrape.turn(at(1), 1.0).1 else { panic!("no look") };
    assert_eq!(wait, Duration::from_secs(30));
    let (effects, pause) =
        scrape.looked(Ok(Looked::Ended { read: vec![read("ann")], ended_at: Some(at(7)) }), at(8), 1.0);
    assert_eq!((answers(&effects), pause), (vec![("ann".to_owned(), Ok("run1".to_owned()))], Duration::ZERO));
    assert_eq!(scrape.turn(at(8), 1.0), (vec![], ScrapeTurn::Return));
    assert_eq!(scrape.turn(at(9), 1.0).1, ScrapeTurn::Return, "until the gate has it");
    assert_eq!(scrape.returned().len(), 1);
    assert_eq!(scrape.turn(at(10), 1.0).1, ScrapeTurn::Pause(Duration::from_secs(3_598)));
    assert_eq!(scrape.turn(at(3_608), 1.0).1, ScrapeTurn::Forget);
}

#[test]
fn whoever_shares_an_actor_run_is_answered_as_soon_as_they_are_read() {
    let mut scrape = running(&["ann", "bob", "eve"]);
    let ScrapeTurn::Look { wait, .. } = scrape.turn(at(1), 1.0).1 else { panic!("no look") };
    assert_eq!(wait, Duration::from_secs(1));
    let (effects, _) = scrape.looked(Ok(Looked::Running { read: vec![read("bob")], items: 1 }), at(7), 1.0);
    assert_eq!(answers(&effects), [("bob".to_owned(), Ok("run1-bob".to_owned()))]);
    let ScrapeEffect::Answer(_, bob) = &effects[0] else { panic!("{effects:?}") };
    assert_eq!(bob.as_ref().as_ref().unwrap().ended_at, Some(at(7)), "not when somebody collects it");
    let ScrapeTurn::Look { items: 1, .. } = scrape.turn(at(7), 1.0).1 else { panic!("no look") };
    let ended = Looked::Ended { read: vec![read("bob"), read("ann")], ended_at: None };
    let (effects, _) = scrape.looked(Ok(ended), at(9), 1.0);
    let told = answers(&effects);
    assert_eq!(told[0], ("ann".to_owned(), Ok("run1-ann".to_owned())), "and nobody twice");
    assert!(told.len() == 2 && matches!(&told[1], (name, Err(ScrapeFault::Retryable(_))) if name == "eve"));
}

#[test]
fn after_a_crash_at_the_start_it_is_looked_for_and_not_started_again() {
    let mut scrape = Scrape::new(order(&["ann"]));
    let (effects, turn) = scrape.turn(at(0), 1.0);
    assert_eq!(turn, ScrapeTurn::Start);
    let [ScrapeEffect::Store(stored)] = &effects[..] else { panic!("{effects:?}") };
    let mut again = stored.clone();
    assert_eq!(again.turn(at(20), 1.0).1, ScrapeTurn::Find { since: at(0) });
    let _ = again.found(Ok(Some(ticket())), at(20), at(20), 1.0);
    assert!(matches!(again.turn(at(20), 1.0).1, ScrapeTurn::Look { .. }));
}

#[test]
fn a_start_that_is_never_found_is_told_soon_and_holds_its_lease_until_it_cannot_be_under_way() {
    for (list_answers, freed_at) in [(true, 60), (false, 180)] {
        let mut scrape = Scrape::new(order(&["ann"]));
        let _ = scrape.turn(at(0), 1.0);
        let _ = scrape.started(Err(lost()), at(0));
        let (mut now, mut told_at) = (0, None);
        loop {
            assert!(matches!(scrape.turn(at(now), 1.0).1, ScrapeTurn::Find { .. }), "{now}");
            let (effects, pause) =
                scrape.found(if list_answers { Ok(None) } else { Err(lost()) }, at(now), at(now), 1.0);
            if !answers(&effects).is_empty() {
                assert!(told_at.replace(now).is_none(), "told twice");
                assert!(effects.contains(&ScrapeEffect::Close));
            }
            if matches!(scrape.stage, Stage::Returning { .. }) {
                break;
            }
            now += pause.as_secs() as i64;
        }
        assert_eq!(told_at, Some(7));
        assert!((freed_at..freed_at + 6).contains(&now), "{now}");
    }
}

#[test]
fn a_list_that_was_read_too_early_to_show_the_run_frees_no_lease_however_late_it_is_heard() {
    let mut scrape = Scrape::new(order(&["ann"]));
    let _ = scrape.turn(at(0), 1.0);
    let _ = scrape.started(Err(lost()), at(0));
    let _ = scrape.found(Ok(None), at(3), at(104), 1.0);
    assert!(matches!(scrape.stage, Stage::Lost(_)), "the run may be under way");
    let _ = scrape.found(Ok(None), at(104), at(104), 1.0);
    assert!(matches!(scrape.stage, Stage::Returning { .. }));
}

#[test]
fn a_start_that_was_refused_is_told_and_frees_the_lease_at_once() {
    let mut scrape = Scrape::new(order(&["ann", "bob"]));
    let _ = scrape.turn(at(0), 1.0);
    let refused = ScrapeFault::Exhausted("no money".to_owned());
    let (effects, _) = scrape.started(Err(refused.clone()), at(1));
    assert_eq!(answers(&effects), [("ann".to_owned(), Err(refused.clone())), ("bob".to_owned(), Err(refused))]);
    assert_eq!(scrape.turn(at(1), 1.0).1, ScrapeTurn::Return);
}

#[test]
fn a_scraper_without_room_is_asked_again_before_anybody_is_told() {
    let mut scrape = Scrape::new(order(&["ann"]));
    let full = || Err(ScrapeFault::AtCapacity("full".to_owned()));
    for second in [0, 5, 10] {
        assert_eq!(scrape.turn(at(second), 1.0).1, ScrapeTurn::Start);
        let (effects, pause) = scrape.started(full(), at(second));
        assert_eq!((answers(&effects).len(), pause), (0, LOOK_PAUSE));
    }
    assert_eq!(scrape.turn(at(15), 1.0).1, ScrapeTurn::Start);
    let (effects, _) = scrape.started(full(), at(15));
    assert_eq!(answers(&effects).len(), 1);
    assert_eq!(scrape.turn(at(15), 1.0).1, ScrapeTurn::Return);
}

#[test]
fn a_run_that_nobody_lives_to_look_at_ends_all_the_same() {
    let mut scrape = running(&["ann"]);
    assert!(matches!(scrape.turn(at(239), 1.0).1, ScrapeTurn::Look { .. }));
    let (effects, turn) = scrape.turn(at(240), 1.0);
    assert_eq!((answers(&effects).len(), turn), (1, ScrapeTurn::Return));
}

#[test]
fn an_order_that_came_too_late_starts_nothing() {
    let mut scrape = Scrape::new(order(&["ann"]));
    let (effects, turn) = scrape.turn(at(60), 1.0);
    assert_eq!((answers(&effects).len(), turn), (1, ScrapeTurn::Return));
}

#[test]
fn a_run_that_does_not_answer_is_given_up_but_its_lease_outlives_it() {
    let mut scrape = running(&["ann"]);
    for look in 1..12 {
        let (effects, pause) = scrape.looked(Err(lost()), at(5 * look), 1.0);
        assert_eq!((answers(&effects).len(), pause), (0, LOOK_PAUSE));
    }
    let (effects, _) = scrape.looked(Err(lost()), at(60), 1.0);
    assert_eq!(answers(&effects), [("ann".to_owned(), Err(lost()))]);
    assert!(effects.contains(&ScrapeEffect::Close));
    // It is looked at for as long as it may go on, and its end frees the lease.
    for second in [65, 179] {
        let (effects, pause) = scrape.looked(Err(lost()), at(second), 1.0);
        assert_eq!((answers(&effects).len(), effects.len(), pause), (0, 1, LOOK_PAUSE));
    }
    let mut ended = scrape.clone();
    let _ = ended.looked(Ok(Looked::Ended { read: vec![], ended_at: None }), at(180), 1.0);
    assert_eq!(ended.turn(at(180), 1.0).1, ScrapeTurn::Return);
    let _ = scrape.looked(Err(lost()), at(180), 1.0);
    assert_eq!(scrape.turn(at(180), 1.0).1, ScrapeTurn::Return);
}

#[test]
fn a_look_without_an_answer_in_time_is_repeated_once() {
    let mut scrape = running(&["ann"]);
    let late = || Err(ScrapeFault::TimedOut("no answer".to_owned()));
    let (effects, _) = scrape.looked(late(), at(40), 1.0);
    assert_eq!(answers(&effects), []);
    let (effects, _) = scrape.looked(late(), at(85), 1.0);
    assert_eq!(answers(&effects), [("ann".to_owned(), Err(ScrapeFault::Silent("no answer".to_owned())))]);
}

#[test]
fn a_run_that_is_stopped_or_refused_or_has_no_items_is_told() {
    for (fault, frees) in [
        (ScrapeFault::Overtime("stopped".to_owned()), true),
        (ScrapeFault::Retryable("failed".to_owned()), true),
        (ScrapeFault::Exhausted("no key".to_owned()), false),
    ] {
        let mut scrape = running(&["ann"]);
        let (effects, _) = scrape.looked(Err(fault.clone()), at(5), 1.0);
        assert_eq!(answers(&effects), [("ann".to_owned(), Err(fault))]);
        assert_eq!(scrape.turn(at(5), 1.0).1 == ScrapeTurn::Return, frees);
    }
    let mut scrape = running(&["ann"]);
    for _ in 0..3 {
        let (effects, pause) = scrape.looked(Ok(Looked::ItemsMissing { unusable: vec![read("ann")] }), at(8), 1.0);
        assert_eq!((answers(&effects).len(), pause), (0, LOOK_PAUSE));
    }
    let (effects, _) = scrape.looked(Ok(Looked::ItemsMissing { unusable: vec![read("ann")] }), at(30), 1.0);
    assert_eq!(answers(&effects).len(), 1);
    let mut scrape = running(&["ann"]);
    let (effects, _) = scrape.looked(Ok(Looked::Running { read: vec![], items: 0 }), at(180), 1.0);
    assert!(matches!(answers(&effects)[..], [(_, Err(ScrapeFault::Overtime(_)))]));
}

/// What happens to each thing that is asked.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Good,
    Fault(u8),
    Nothing,
    /// The process dies before the answer is stored.
    Crash,
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        3 => Just(Luck::Good), 2 => (0..7_u8).prop_map(Luck::Fault), 2 => Just(Luck::Nothing), 2 => Just(Luck::Crash)
    ]
}

fn fault(number: u8) -> ScrapeFault {
    let why = String::new();
    match number {
        0 => ScrapeFault::TimedOut(why),
        1 => ScrapeFault::Unanswered(why),
        2 => ScrapeFault::Overtime(why),
        3 => ScrapeFault::Retryable(why),
        4 => ScrapeFault::AtCapacity(why),
        5 => ScrapeFault::Terminal(why),
        _ => ScrapeFault::Exhausted(why),
    }
}

proptest! {
    #![proptest_config(crate::property::config())]

    #[test]
    fn whatever_happens_it_starts_once_answers_everybody_once_and_returns_its_lease(lucks in prop::collection::vec(luck(), 0..60)) {
        let mut stored = Scrape::new(order(&["ann", "bob"]));
        let mut scrape = stored.clone();
        let (mut now, mut starts, mut refused, mut told) = (0, 0, 0, vec![]);
        let mut lucks = lucks.into_iter();
        loop {
            prop_assert!(now <= 320, "it does not end");
            let (effects, turn) = scrape.turn(at(now), 1.0);
            for effect in effects.into_iter() {
                told.extend(answers(std::slice::from_ref(&effect)));
                if let ScrapeEffect::Store(new) = effect { stored = new; }
            }
            let luck = lucks.next().unwrap_or(Luck::Good);
            starts += u32::from(turn == ScrapeTurn::Start);
            refused += u32::from(turn == ScrapeTurn::Start && matches!(luck, Luck::Fault(4)));
            if matches!(luck, Luck::Crash) {
                scrape = stored.clone();
                now += 10;
                continue;
            }
            let (effects, pause) = match turn {
                ScrapeTurn::Start => scrape.started(if let Luck::Fault(number) = luck { Err(fault(number)) } else { Ok(ticket()) }, at(now)),
                ScrapeTurn::Find { .. } => scrape.found(match luck {
                    Luck::Fault(number) => Err(fault(number)),
                    Luck::Good => Ok(Some(ticket())),
                    Luck::Nothing | Luck::Crash => Ok(None),
                }, at(now), at(now), 1.0),
                ScrapeTurn::Look { items, .. } => scrape.looked(match luck {
                    Luck::Fault(number) => Err(fault(number)),
                    Luck::Nothing => Ok(Looked::Running { read: vec![read("bob")], items: items.max(1) }),
                    Luck::Good | Luck::Crash => Ok(Looked::Ended { read: vec![read("ann"), read("bob")], ended_at: None }),
                }, at(now), 1.0),
                ScrapeTurn::Return => break,
                ScrapeTurn::Pause(pause) => (vec![], pause),
                ScrapeTurn::Forget => return Err(TestCaseError::fail("forgotten before its lease was returned")),
            };
            for effect in effects {
                told.extend(answers(std::slice::from_ref(&effect)));
                if let ScrapeEffect::Store(new) = effect { stored = new; }
            }
            now += (pause.as_secs() as i64).max(1);
        }
        // One, and as many more as were refused for certain.
        prop_assert!(starts <= 1 + refused, "{starts} starts, {refused} refused");
        told.sort_by(|one, other| one.0.cmp(&other.0));
        let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
        prop_assert_eq!(names, ["ann", "bob"]);
    }
}
