//! The vault over a source, a clock and a wire that the tests decide.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;

use super::*;
use crate::{
    Endpoint, HttpSend,
    double::{Script, text},
};

const START_S: i64 = 1_790_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const NAME: &str = "OPENAI_API_KEY";

/// A source that gives its answers in order, the last one again and again; a clock; a pause that lets time pass.
struct World {
    now_ms: AtomicI64,
    reads: AtomicUsize,
    answers: Mutex<VecDeque<Result<SecretValues, String>>>,
    /// A reading never ends.
    hangs: Mutex<bool>,
}

impl World {
    fn vault(answers: impl IntoIterator<Item = Result<SecretValues, String>>) -> (Arc<Self>, Arc<Vault>) {
        let world = Arc::new(Self {
            now_ms: AtomicI64::new(START_S * 1_000),
            reads: AtomicUsize::new(0),
            answers: Mutex::new(answers.into_iter().collect()),
            hangs: Mutex::new(false),
        });
        let vault = Arc::new(Vault::new(world.clone(), world.clone(), world.clone()));
        (world, vault)
    }

    fn later(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1_000, Ordering::Relaxed);
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
    assert_eq!((current(&vault), world.reads()), (is("one"), 2), "after a failure there is a pause");
    world.later(30);
    vault.prepare().await;
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

/// A request with a key that was good when the work began.
fn request(key: &str) -> http::Request<Bytes> {
    let endpoint = Endpoint::new("https://api.example.com", Secret::new(key));
    endpoint.request(Method::POST, "/x", Bytes::from_static(b"{}")).unwrap()
}

async fn send(vault: &Arc<Vault>, script: &Arc<Script>, request: http::Request<Bytes>) -> StatusCode {
    let wire = FreshKeys::new(script.clone(), vault.clone());
    wire.send(request, Duration::from_secs(1), 10).await.unwrap().status()
}

fn keys_sent(script: &Script) -> Vec<String> {
    let sent = script.sent.lock().unwrap();
    sent.iter().map(|sent| sent.request.headers()["authorization"].to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_that_is_refused_after_its_rotation_is_read_anew_and_the_request_repeated_once() {
    let (world, vault) = World::vault([key("old"), key("new")]);
    vault.prepare().await;
    world.later(MINUTE);
    let script = Arc::new(Script::of([text(401, ""), text(200, ""), text(200, "")]));
    assert_eq!(send(&vault, &script, request("old")).await, StatusCode::OK);
    assert_eq!(world.reads(), 2);
    // What holds the old key needs no refusal any more.
    assert_eq!(send(&vault, &script, request("old")).await, StatusCode::OK);
    assert_eq!(keys_sent(&script), ["Bearer old", "Bearer new", "Bearer new"]);
    assert_eq!(script.sent.lock().unwrap()[1].request.body().as_ref(), b"{}");
    assert_eq!(world.reads(), 2);
}

#[tokio::test]
async fn a_key_that_is_refused_and_has_no_successor_is_not_tried_again() {
    let (world, vault) = World::vault([key("wrong")]);
    vault.prepare().await;
    world.later(MINUTE);
    let script = Arc::new(Script::of([text(401, ""), text(401, "")]));
    assert_eq!(send(&vault, &script, request("wrong")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&vault, &script, request("wrong")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(world.reads(), 2, "a flood of refusals is no flood of readings");
}

#[tokio::test]
async fn a_rotation_that_is_taken_back_leaves_the_first_key_alone() {
    let (world, vault) = World::vault([key("one"), key("two"), key("one")]);
    for _ in 0..3 {
        vault.prepare().await;
        world.later(5 * MINUTE);
    }
    let script = Arc::new(Script::of([text(200, ""), text(200, "")]));
    send(&vault, &script, request("one")).await;
    send(&vault, &script, request("two")).await;
    assert_eq!(keys_sent(&script), ["Bearer one", "Bearer one"]);
}

#[tokio::test]
async fn in_an_outage_a_refusal_is_told_as_it_is() {
    let (world, vault) = World::vault([key("old"), down()]);
    vault.prepare().await;
    world.later(MINUTE);
    let script = Arc::new(Script::of([text(401, "")]));
    assert_eq!(send(&vault, &script, request("old")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(current(&vault), is("old"));
}
