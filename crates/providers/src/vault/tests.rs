//! The vault over a source, a clock and a wire that the tests decide.

mod rotations;

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::*;

const START_S: i64 = 1_790_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const NAME: &str = "OPENAI_API_KEY";
const OTHER: &str = "ANTHROPIC_API_KEY";

/// A source that gives its answers in order, the last one again and again; a clock; a pause that lets time pass.
struct World {
    now_ms: AtomicI64,
    reads: AtomicUsize,
    answers: Mutex<VecDeque<Result<SecretValues, String>>>,
    /// How long each reading takes.
    takes_ms: AtomicI64,
    /// A reading never ends.
    hangs: Mutex<bool>,
}

/// How long AWS is waited for.
const TIMEOUT_MS: i64 = 3_000;

impl World {
    fn vault(answers: impl IntoIterator<Item = Result<SecretValues, String>>) -> (Arc<Self>, Arc<Vault>) {
        let world = Arc::new(Self {
            now_ms: AtomicI64::new(START_S * 1_000),
            reads: AtomicUsize::new(0),
            answers: Mutex::new(answers.into_iter().collect()),
            takes_ms: AtomicI64::new(0),
            hangs: Mutex::new(false),
        });
        let vault = Arc::new(Vault::new(world.clone(), world.clone(), world.clone()));
        (world, vault)
    }

    fn later(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// From now on no reading ends before the timeout.
    fn slow_down(&self) {
        self.takes_ms.store(TIMEOUT_MS, Ordering::Relaxed);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::Relaxed)).unwrap()
    }
}

#[async_trait]
impl Pause for World {
    async fn pause(&self, time: Duration) {
        self.now_ms.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl SecretSource for World {
    async fn read(&self, _: Timestamp) -> Result<SecretValues, String> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        // Long enough for others to arrive meanwhile.
        tokio::task::yield_now().await;
        let until_ms = self.now_ms() + self.takes_ms.load(Ordering::Relaxed);
        while self.now_ms() < until_ms {
            self.pause(WAIT).await;
        }
        let hangs = *self.hangs.lock().unwrap();
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut answers = self.answers.lock().unwrap();
        match answers.len() {
            1 => answers.front().unwrap().clone(),
            _ => answers.pop_front().unwrap(),
        }
    }
}

fn key(value: &str) -> Result<SecretValues, String> {
    Ok(values(&[(NAME, value)]))
}

fn down() -> Result<SecretValues, String> {
    Err("503 unknown".to_owned())
}

fn current(vault: &Vault) -> Option<String> {
    Some(vault.current()?.1.get(NAME)?.expose().clone())
}

fn is(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn values_are_complete_with_all_names_and_an_empty_one_is_none() {
    let all = SECRET_SETTINGS.map(|name| (name, "x"));
    assert!(values(&all).is_complete());
    let (last, others) = all.split_last().unwrap();
    assert!(!values(others).is_complete());
    assert!(!values(&[others, &[(last.0, " ")]].concat()).is_complete());
    assert!(values(&[("OPENAI_BASE_URL", "x"), (NAME, "")]).is_empty());
}

#[tokio::test]
async fn values_are_read_once_in_their_lifetime_and_ahead_of_its_end_behind_an_answer() {
    let (world, vault) = World::vault([key("one"), key("two"), key("three")]);
    assert_eq!((current(&vault), vault.is_due()), (None, true));
    vault.prepare().await;
    for _ in 0..3 {
        vault.prepare().await;
        vault.refresh().await;
    }
    assert_eq!((current(&vault), world.reads(), vault.is_due()), (is("one"), 1, false));

    world.later(4 * MINUTE);
    vault.prepare().await;
    assert_eq!((current(&vault), vault.is_due()), (is("one"), true), "nobody waits before the end of the lifetime");
    vault.refresh().await;
    assert_eq!((current(&vault), world.reads(), vault.is_due()), (is("two"), 2, false));

    world.later(5 * MINUTE);
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (is("three"), 3), "an isolate that had no work reads before it has");
}

#[tokio::test]
async fn the_number_of_the_values_changes_with_them_only() {
    let (world, vault) = World::vault([key("one"), key("one"), key("two")]);
    let mut numbers = Vec::new();
    for _ in 0..3 {
        vault.prepare().await;
        numbers.push(vault.current().unwrap().0);
        world.later(5 * MINUTE);
    }
    assert_eq!(numbers, [1, 1, 2]);
}

#[tokio::test]
async fn the_last_good_values_serve_in_an_outage_for_a_day() {
    let (world, vault) = World::vault([key("one"), down()]);
    vault.prepare().await;
    world.later(23 * HOUR);
    vault.prepare().await;
    vault.prepare().await;
    vault.refresh().await;
    assert_eq!((current(&vault), world.reads()), (is("one"), 2), "after a failure there is a pause");
    world.later(30);
    vault.prepare().await;
    assert_eq!(world.reads(), 2, "nobody waits for it any more");
    vault.refresh().await;
    assert_eq!((current(&vault), world.reads()), (is("one"), 3));

    world.later(HOUR);
    assert_eq!(current(&vault), None);
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (None, 4));
}

#[tokio::test]
async fn an_outage_that_is_over_is_noticed_soon_where_there_are_no_values() {
    let (world, vault) = World::vault([down(), key("one")]);
    vault.prepare().await;
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (None, 1));
    world.later(2);
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (is("one"), 2));
}

#[tokio::test]
async fn a_source_that_hangs_costs_each_of_many_its_timeout_and_not_more() {
    let (world, vault) = World::vault([down()]);
    world.slow_down();
    let come = async || {
        let began = world.now_ms();
        vault.prepare().await;
        world.now_ms() - began
    };
    let (one, two, three, four) = tokio::join!(come(), come(), come(), come());
    for waited in [one, two, three, four] {
        assert!((TIMEOUT_MS - 200..TIMEOUT_MS + 200).contains(&waited), "{waited} ms");
    }
    assert_eq!(world.reads(), 1);
    assert!(come().await < 200, "who comes right after it waits for nothing");
}

#[tokio::test]
async fn with_good_values_a_source_that_hangs_costs_one_request_its_timeout_and_no_other_anything() {
    let (world, vault) = World::vault([key("one"), down()]);
    vault.prepare().await;
    world.slow_down();
    world.later(6 * MINUTE);
    vault.prepare().await;
    assert_eq!(world.reads(), 2);
    for _ in 0..5 {
        world.later(40);
        let began = world.now_ms();
        vault.prepare().await;
        assert_eq!((world.now_ms() - began, world.reads()), (0, 2), "it is asked again behind an answer");
    }
    assert!(vault.is_due());
    vault.refresh().await;
    assert_eq!((current(&vault), world.reads()), (is("one"), 3));
}

#[tokio::test]
async fn a_failure_before_a_quiet_time_says_nothing_about_the_source_afterwards() {
    let (world, vault) = World::vault([key("one"), down(), key("two")]);
    vault.prepare().await;
    world.later(5 * MINUTE);
    vault.refresh().await;
    world.later(4 * MINUTE);
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (is("one"), 2));
    world.later(2 * MINUTE);
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (is("two"), 3));
}

#[tokio::test]
async fn values_that_are_too_old_to_be_used_succeed_nobody() {
    let (world, vault) = World::vault([key("new"), down()]);
    let vault = Arc::into_inner(vault).unwrap().with_spares(values(&[(NAME, "spare")]));
    vault.prepare().await;
    assert_eq!(vault.successor("spare").map(|key| key.expose().to_owned()), is("new"));
    world.later(25 * HOUR);
    assert!(vault.successor("spare").is_none(), "the spare is what is used now");
}

#[tokio::test]
async fn work_waits_a_minute_by_the_clock_for_a_source_that_hangs() {
    let (world, vault) = World::vault([down()]);
    world.slow_down();
    let began = world.now_ms();
    assert!(!vault.prepare_work(|| vault.current().is_some()).await);
    let waited_s = (world.now_ms() - began) / 1_000;
    assert!((60..70).contains(&waited_s), "{waited_s} s");
    assert!(world.reads() > 5, "{}", world.reads());
}

#[tokio::test]
async fn work_goes_on_as_soon_as_there_are_values() {
    let (world, vault) = World::vault([down(), down(), key("one")]);
    let began = world.now_ms();
    assert!(vault.prepare_work(|| vault.current().is_some()).await);
    assert_eq!((current(&vault), world.now_ms() - began), (is("one"), 4_000));
}

#[tokio::test]
async fn a_shorter_lifetime_is_kept() {
    let (world, vault) = World::vault([key("one"), key("two")]);
    let vault = Arc::into_inner(vault).unwrap().with_lifetime(SignedDuration::from_secs(20));
    vault.prepare().await;
    world.later(15);
    assert!(!vault.is_due());
    world.later(1);
    assert!(vault.is_due());
    world.later(4);
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (is("two"), 2));
}

#[tokio::test]
async fn values_with_a_fault_that_the_good_ones_do_not_have_are_not_taken() {
    let (world, vault) = World::vault([
        Ok(values(&[(NAME, "one"), (OTHER, "x")])),
        Ok(values(&[(OTHER, "two")])),
        Ok(values(&[(NAME, "two")])),
    ]);
    // One fault is there whatever the values are.
    let faults_of = |values: &SecretValues| {
        let missing = values.get(NAME).is_none().then(|| format!("{NAME} is not set"));
        Vec::from_iter(missing.into_iter().chain(["APP_URL is not set".to_owned()]))
    };
    let vault = Arc::into_inner(vault).unwrap().checked_by(Box::new(faults_of));
    vault.prepare().await;
    world.later(5 * MINUTE);
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (is("one"), 2), "a name was lost");
    world.later(30);
    vault.refresh().await;
    assert_eq!((current(&vault), world.reads()), (is("two"), 3), "an optional one may go");
}

#[tokio::test]
async fn without_good_values_any_are_taken() {
    let (_, vault) = World::vault([Ok(values(&[(OTHER, "x")]))]);
    let vault = Arc::into_inner(vault)
        .unwrap()
        .checked_by(Box::new(|_: &SecretValues| vec!["OPENAI_API_KEY is not set".to_owned()]));
    vault.prepare().await;
    assert!(vault.current().is_some_and(|(_, values)| values.get(OTHER).is_some()));
}

#[tokio::test]
async fn many_who_come_at_once_read_once_and_none_goes_on_without_values() {
    let (world, vault) = World::vault([key("one")]);
    let come = async || {
        vault.prepare().await;
        current(&vault)
    };
    let all = tokio::join!(come(), come(), come(), come());
    assert_eq!(all, (is("one"), is("one"), is("one"), is("one")));
    assert_eq!(world.reads(), 1);
}

#[tokio::test]
async fn a_reading_whose_request_was_dropped_is_taken_over() {
    let (world, vault) = World::vault([key("one")]);
    *world.hangs.lock().unwrap() = true;
    let dropped = tokio::time::timeout(Duration::from_millis(10), vault.prepare()).await;
    assert!(dropped.is_err());
    *world.hangs.lock().unwrap() = false;
    vault.prepare().await;
    assert_eq!((current(&vault), world.reads()), (is("one"), 2));
}
