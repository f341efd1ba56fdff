//! Kills processes with SIGKILL while runs are under way, and tests the five-minute job that recovers the runs they
//! leave behind. Every run ends without help, either complete or refunded.
//!
//! Test binaries run in the order of their names, so that these come after the tests that need an undisturbed stack.
//! Within this one, one test at a time uses the stack.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use std::time::Duration;

use futures_util::future::join_all;
use oslira_e2e::{Answer, EventStream, Part, Stack, User, eventually, eventually_within, handle};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this binary runs, and repairs whatever the one before left broken.
async fn turn() -> (MutexGuard<'static, ()>, Stack) {
    let turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load().repair().await;
    // Outages of earlier tests may have opened the circuit breaker.
    stack.close_breaker().await;
    (turn, stack)
}

fn assert_complete(run: &Value) {
    assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{run}");
}

/// The credits that came back: 0 for a complete run, 1 for a refunded one.
fn credits_after(run: &Value) -> i64 {
    match (run["status"].as_str(), run["charge_outcome"].as_str()) {
        (Some("complete"), Some("result")) => 0,
        (Some("failed"), Some("refunded")) => 1,
        _ => panic!("neither complete nor refunded: {run}"),
    }
}

/// Checks the user's account, and all others too, which is possible because no other test is running.
async fn all_settle(stack: &Stack, user: &User, balance: i64) {
    user.settles_at(balance).await;
    stack.assert_books_are_whole().await;
}

async fn health(stack: &Stack) -> u16 {
    let answer = stack.http().get(format!("{}/health", stack.api_url)).send().await;
    answer.map_or(0, |answer| answer.status().as_u16())
}

#[tokio::test]
async fn workerd_killed_while_many_runs_are_at_every_stage() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 20).await;
    let stages = ["apify.start", "apify.poll", "apify.items", "openai.chat"];
    let mut held = Vec::new();
    let mut runs = Vec::new();
    for stage in stages.into_iter().chain(stages) {
        let username = handle("food");
        held.push(stack.hold(stage, &username).await);
        runs.push(user.start(&username).await);
        stack.until_received(stage, &username).await;
    }
    // These are killed at any stage.
    for _ in 0..4 {
        runs.push(user.start(&handle("music")).await);
    }
    stack.kill(Part::Workerd).await;
    let stack = stack.repair().await;
    join_all(held.into_iter().map(|fault| stack.release(fault))).await;
    for run in &runs {
        assert_complete(&user.end_of(run).await);
    }
    all_settle(&stack, &user, 8).await;
}

#[tokio::test]
async fn the_whole_worker_killed_with_its_runner() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let username = handle("travel");
    let held = stack.hold("apify.start", &username).await;
    let run = user.start(&username).await;
    stack.until_received("apify.start", &username).await;
    stack.kill(Part::Worker).await;
    let stack = stack.repair().await;
    stack.release(held).await;
    assert_complete(&user.end_of(&run).await);
    all_settle(&stack, &user, 9).await;
}

#[tokio::test]
async fn who_watches_a_run_misses_nothing_when_workerd_is_killed() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let username = handle("food");
    let held = stack.hold("openai.chat", &username).await;
    let run = user.start(&username).await;
    let seen = EventStream::open(user.watch(&run, "")).await.until("analyzing").await;
    stack.kill(Part::Workerd).await;
    let stack = stack.repair().await;
    let last = seen.last().unwrap()["seq"].to_string();
    let mut stream = EventStream::open(user.watch(&run, "").header("last-event-id", last)).await;
    stack.release(held).await;
    let all = [seen, stream.rest().await].concat();
    let numbers: Vec<u64> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<u64>>(), "{all:#?}");
    assert_eq!(all.last().unwrap()["status"], "complete", "{all:#?}");
    all_settle(&stack, &user, 9).await;
}

#[tokio::test]
async fn who_comes_back_finds_the_room_of_the_connections_that_broke_with_their_objects() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    // Nothing happens to these runs, because no job finds them silent.
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(user.charged_but_not_started(&handle("gaming"), -30).await);
    }
    for _ in 0..2 {
        let mut streams = Vec::new();
        for run in &runs[..2] {
            streams.extend(join_all((0..64).map(|_| EventStream::open(user.watch(run, "")))).await);
        }
        user.finds_too_many_streams(&runs[2]).await;
        // Nobody can tell that they break.
        stack.reset_objects().await;
    }
    for run in &runs {
        assert_eq!(user.post(&format!("/runs/{run}/cancel")).await.status, 200);
    }
    all_settle(&stack, &user, 10).await;
}

/// Waits until the API is not ready. `/health/ready` caches its answer for a second.
async fn until_not_ready(stack: &Stack) {
    let answer = eventually("the API not to be ready", async || {
        let ready = stack.http().get(format!("{}/health/ready", stack.api_url)).send().await.unwrap();
        (ready.status() != 200).then_some(ready)
    });
    Answer::read(answer.await).await.refused(503, "not_ready");
}

#[tokio::test]
async fn postgres_killed_in_mid_run() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let usernames = [handle("yoga"), handle("yoga")];
    let held = [stack.hold("apify.poll", &usernames[0]).await, stack.hold("openai.chat", &usernames[1]).await];
    let runs = [user.start(&usernames[0]).await, user.start(&usernames[1]).await];
    stack.until_received("apify.poll", &usernames[0]).await;
    stack.until_received("openai.chat", &usernames[1]).await;
    stack.kill(Part::Postgres).await;

    assert_eq!(health(&stack).await, 200, "alive without a database");
    until_not_ready(&stack).await;
    let refused = user.analyze(&handle("yoga")).await;
    refused.refused(503, "database_unavailable");
    assert!(refused.header("retry-after").is_some());
    join_all(held.into_iter().map(|fault| stack.release(fault))).await;

    let stack = stack.repair().await;
    // Whether these runs complete depends on how long the database was away; both ends are right.
    let mut balance = 10;
    for run in &runs {
        balance -= 1 - credits_after(&user.end_of(run).await);
    }
    assert_complete(&user.analysed(&handle("yoga")).await);
    all_settle(&stack, &user, balance - 1).await;
}

#[tokio::test]
async fn postgres_killed_and_back_while_the_scraper_works_costs_nothing() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let username = handle("pets");
    let held = stack.hold("apify.poll", &username).await;
    let run = user.start(&username).await;
    stack.until_received("apify.poll", &username).await;
    stack.kill(Part::Postgres).await;
    let stack = stack.repair().await;
    stack.release(held).await;
    assert_complete(&user.end_of(&run).await);
    all_settle(&stack, &user, 9).await;
}

#[tokio::test]
async fn the_connection_pooler_killed_and_back_costs_nothing() {
    let (_turn, stack) = turn().await;
    if !stack.pids.contains_key(&Part::Pooler) {
        eprintln!("this machine has no connection pooler: nothing to kill");
        return;
    }
    let user = User::new(&stack, 10).await;
    let username = handle("pets");
    let held = stack.hold("apify.poll", &username).await;
    let run = user.start(&username).await;
    stack.until_received("apify.poll", &username).await;
    stack.kill(Part::Pooler).await;
    until_not_ready(&stack).await;
    user.analyze(&handle("pets")).await.refused(503, "database_unavailable");
    let stack = stack.repair().await;
    stack.release(held).await;
    assert_complete(&user.end_of(&run).await);
    all_settle(&stack, &user, 9).await;
}

#[tokio::test]
async fn the_outside_services_killed_in_mid_run() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let usernames = [handle("film"), handle("film")];
    // A held call ends with the sandbox, so nothing has to be released.
    stack.hold("apify.poll", &usernames[0]).await;
    stack.hold("openai.chat", &usernames[1]).await;
    let runs = [user.start(&usernames[0]).await, user.start(&usernames[1]).await];
    stack.until_received("apify.poll", &usernames[0]).await;
    stack.until_received("openai.chat", &usernames[1]).await;
    stack.kill(Part::Sandbox).await;
    let stack = stack.repair().await;
    let mut balance = 10;
    for run in &runs {
        balance -= 1 - credits_after(&user.end_of(run).await);
    }
    assert_complete(&user.analysed(&handle("film")).await);
    all_settle(&stack, &user, balance - 1).await;
}

#[tokio::test]
async fn the_five_minute_job_starts_what_was_charged_but_never_started() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let runs =
        [user.charged_but_not_started(&handle("art"), 2).await, user.charged_but_not_started(&handle("art"), 6).await];
    stack.run_five_minute_job().await;
    for run in &runs {
        assert_complete(&user.end_of(run).await);
    }
    all_settle(&stack, &user, 8).await;
}

#[tokio::test]
async fn the_five_minute_job_leaves_the_young_alone() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let username = handle("science");
    let held = stack.hold("openai.chat", &username).await;
    let run = user.start(&username).await;
    stack.until_received("openai.chat", &username).await;
    stack.run_five_minute_job().await;
    stack.run_five_minute_job().await;
    assert_eq!(user.run(&run).await["status"], "processing");
    stack.release(held).await;
    assert_complete(&user.end_of(&run).await);
    assert_eq!(stack.received("openai.chat", &username).await.len(), 1, "it was not disturbed");
    all_settle(&stack, &user, 9).await;
}

#[tokio::test]
async fn a_run_that_stays_silent_is_refunded_once_and_a_late_result_changes_nothing() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let username = handle("finance");
    let held = stack.hold("openai.chat", &username).await;
    let run = user.start(&username).await;
    stack.until_received("openai.chat", &username).await;

    // No heartbeat of the woken engine counts, so the run stays silent and must be swept.
    let sql = stack.sql().await;
    silence(&sql, &run).await;
    stack.run_five_minute_job().await;
    let swept = user.run(&run).await;
    sql.batch_execute("drop trigger zz_silence on runs; drop function silence_run()").await.unwrap();
    assert_eq!((&swept["status"], &swept["error"]["code"]), (&json!("failed"), &json!("stalled")), "{swept}");
    assert_eq!(credits_after(&swept), 1);
    let progress = user.get(&format!("/runs/{run}/progress")).await;
    assert_eq!(progress.data(200)["status"], "failed", "{progress:?}");

    stack.release(held).await;
    stack.run_five_minute_job().await;
    assert_complete(&user.analysed(&username).await);
    assert_eq!(user.run(&run).await, swept, "an end is an end");
    assert_eq!(user.movements(&run, "refund").await, 1);
    all_settle(&stack, &user, 9).await;
}

/// The run has been silent for six minutes, whatever its engine says from now on.
async fn silence(sql: &tokio_postgres::Client, run: &str) {
    let silencing = format!(
        "create or replace function silence_run() returns trigger language plpgsql as $$ begin
           new.heartbeat_at := clock_timestamp() - interval '6 minutes';
           return new;
         end $$;
         create or replace trigger zz_silence before update on runs for each row
           when (new.id = '{run}' and new.status in ('pending', 'processing')) execute function silence_run();
         update runs set heartbeat_at = heartbeat_at where id = '{run}'"
    );
    sql.batch_execute(&silencing).await.unwrap();
}

/// Waits until all lines of the bulk have ended.
async fn end_of_bulk(user: &User, bulk: &str) -> Value {
    let what = format!("the end of bulk {bulk}");
    eventually_within(Duration::from_secs(600), &what, async || {
        let found = user.run(bulk).await;
        (found["status"] == "complete").then_some(found)
    })
    .await
}

fn assert_lines_complete(bulk: &Value, count: usize) {
    let items = bulk["items"].as_array().unwrap();
    assert_eq!(items.len(), count, "{bulk}");
    items.iter().for_each(assert_complete);
}

#[tokio::test]
async fn workerd_killed_in_the_middle_of_a_bulk() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 40).await;
    let names: Vec<String> = (0..30).map(|_| handle("food")).collect();
    let held = stack.hold("apify.start", &names[0]).await;
    let body = json!({ "usernames": names, "analysis_type": "LIGHT", "business_profile_id": user.business_profile_id });
    let sent = user.request(Method::POST, "/v1/bulk-analyze").json(&body).send().await.unwrap();
    let bulk = Answer::read(sent).await.data(202)["bulk_id"].as_str().unwrap().to_owned();
    stack.until_received("apify.start", &names[0]).await;
    stack.kill(Part::Workerd).await;
    let stack = stack.repair().await;
    stack.release(held).await;
    assert_lines_complete(&end_of_bulk(&user, &bulk).await, 30);
    all_settle(&stack, &user, 10).await;
}

#[tokio::test]
async fn the_five_minute_job_starts_a_bulk_that_was_charged_but_never_started_and_ends_it() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 10).await;
    let bulk = user.bulk_charged_but_not_started(&[handle("art"), handle("art")], 2).await;
    stack.run_five_minute_job().await;
    assert_lines_complete(&end_of_bulk(&user, &bulk.to_string()).await, 2);
    stack.run_five_minute_job().await;
    let ended = "select status from bulk_runs where id = $1";
    assert_eq!(stack.sql().await.query_one(ended, &[&bulk]).await.unwrap().get::<_, String>(0), "complete");
    all_settle(&stack, &user, 8).await;
}

#[tokio::test]
async fn a_backlog_that_is_more_than_one_round_takes_is_worked_off_by_one_job() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 225).await;
    let mut bulks = vec![];
    // A round wakes two hundred.
    for _ in 0..3 {
        let names: Vec<String> = (0..75).map(|_| handle("tea")).collect();
        bulks.push(user.bulk_charged_but_not_started(&names, 2).await);
    }
    stack.run_five_minute_job().await;
    for bulk in bulks {
        assert_lines_complete(&end_of_bulk(&user, &bulk.to_string()).await, 75);
    }
    all_settle(&stack, &user, 0).await;
}
