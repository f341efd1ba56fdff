//! A flood by one account, on a stack whose Worker is set as a deployment's: it is refused, and nobody else is. And what is remembered
//! when a Worker begins that has been told nothing.
//!
//! Test binaries run in the order of their names; this one has the stack for itself, because it restarts the Worker. Within it, one test
//! at a time uses the stack.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt as _,
    future::{join, join_all},
    stream,
};
use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The scale of the stacks of tests.
const LOOSE: u32 = 1_000;
const FLOOD: usize = 1_500;
const AT_ONCE: usize = 16;
/// Reads of one route: so many at once, and so many in each second.
const READS_MAX: usize = 120;
const READS_PER_S: f64 = 30.0;
/// A process of Postgres that is idle tells what it has done within ten seconds.
const COUNTED_WITHIN: Duration = Duration::from_secs(12);
/// After so long one that waits for a permit goes on all the same.
const PATIENCE: Duration = Duration::from_secs(2);
/// An address of the documentation's: nobody else is counted with it.
const ADDRESS: &str = "192.0.2.17";

/// What a flood and others were answered.
struct Answers {
    served: usize,
    refused: Vec<Answer>,
    /// For each request id that the log has by then, how many requests its lines stand for.
    told: HashMap<String, u64>,
    took: Duration,
    /// The flooding account on another route, right after.
    elsewhere: u16,
    other: Vec<u16>,
    unknown: Vec<u16>,
    /// One who changes much and then sends little to each of many routes: the quotas that refuse them.
    changes: Vec<Option<String>>,
    all_routes: Option<String>,
    /// Somebody with a token that is new to this Worker, from the address of the unknown.
    newcomer: u16,
}

/// How often the row of a balance was looked for, by anybody.
async fn balances_read(stack: &Stack) -> i64 {
    let sql = "select seq_scan + coalesce(idx_scan, 0) from pg_stat_user_tables where relname = 'credit_balances'";
    stack.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_flood_by_one_account_is_refused_and_another_account_is_served() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let (loud, quiet, newcomer) = (User::new(&stack, 0).await, User::new(&stack, 7).await, User::new(&stack, 0).await);
    let strict = stack.as_deployed().await;
    let read_before = balances_read(&stack).await;
    let answers = flood(&strict, &loud, &quiet, &newcomer).await;
    // Before anything is asserted: whatever runs next sends more than a customer may.
    stack.with_rate_limit_scale(LOOSE).await;
    tokio::time::sleep(COUNTED_WITHIN).await;
    let read = usize::try_from(balances_read(&stack).await - read_before).unwrap();

    let served = answers.served;
    assert_eq!(served + answers.refused.len(), FLOOD);
    // A second more than it took may have been refilled.
    let most = READS_MAX as f64 + READS_PER_S * (answers.took.as_secs_f64() + 1.0);
    assert!(served >= READS_MAX && served as f64 <= most, "{served} served in {:?}", answers.took);
    let refused = answers.refused.len();
    assert!(refused > 0, "nothing was refused in {:?}", answers.took);
    // Each that was served reads one balance; jobs and others may read some too. What is refused reads none.
    let most_read = served + answers.other.len() + refused / 2;
    assert!((served / 2..most_read).contains(&read), "{read} read, {served} served, {refused} refused");
    for refused in &answers.refused {
        assert_eq!(refused.refused(429, "rate_limited"), &json!({ "retry_after_s": 1 }));
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(refused.header("ratelimit-policy"), Some("\"read\";q=120;w=4, \"all-routes\";q=240;w=4"));
        assert_eq!(refused.header("ratelimit"), Some("\"read\";r=0;t=1"));
    }
    // A refusal that was repeated has the id of the first, and its lines tell how often.
    let mut by_id: HashMap<&str, u64> = HashMap::new();
    for refused in &answers.refused {
        *by_id.entry(refused.body["requestId"].as_str().unwrap()).or_default() += 1;
    }
    assert!(by_id.len() < refused, "nothing was repeated");
    for (id, times) in by_id {
        assert_eq!(answers.told.get(id), Some(&times), "{id}");
    }
    assert_eq!(answers.elsewhere, 200, "another route of the same account");
    assert!(answers.other.iter().all(|status| *status == 200), "{:?}", answers.other);
    assert!(answers.changes.iter().flatten().all(|quota| quota == "\"write\";r=0;t=1"), "{:?}", answers.changes);
    assert!(answers.changes.iter().flatten().count() > 20, "{:?}", answers.changes);
    assert_eq!(answers.all_routes.as_deref(), Some("\"all-routes\";r=0;t=1"));
    // Whoever sends no token is counted by the address.
    assert!(answers.unknown.contains(&401) && answers.unknown.contains(&429), "{:?}", answers.unknown);
    assert_eq!(answers.newcomer, 200, "strangers keep out who has a token");
}

async fn flood(stack: &Stack, loud: &User, quiet: &User, newcomer: &User) -> Answers {
    let begun = Instant::now();
    let flood = stream::iter(0..FLOOD)
        .map(|_| async move {
            let response = loud.request(Method::GET, "/credits/balance").send().await.unwrap();
            match response.status() {
                StatusCode::OK => None,
                _ => Some(Answer::read(response).await),
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<Option<Answer>>>();
    let other = async {
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(quiet.get("/credits/balance").await.status);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        statuses
    };
    let flood = async { (flood.await, begun.elapsed()) };
    let ((flood, took), other) = join(flood, other).await;
    let elsewhere = loud.get("/credits/budget").await.status;
    let changes = stream::iter(0..150)
        .map(|_| async move {
            let request = quiet.request(Method::PUT, "/credits/budget").json(&json!({ "daily_cap": 5 }));
            refused_by(request.send().await.unwrap())
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<Option<String>>>()
        .await;
    let all_routes = refused_on_all_routes(quiet).await;
    let (http, url) = (stack.http(), format!("{}/credits/balance", stack.api_url));
    let url = url.as_str();
    let unknown = stream::iter(0..250)
        .map(|_| async move {
            let request = http.get(url).header("cf-connecting-ip", ADDRESS);
            request.send().await.unwrap().status().as_u16()
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<u16>>()
        .await;
    let request = newcomer.request(Method::GET, "/credits/balance").header("cf-connecting-ip", ADDRESS);
    let newcomer = request.send().await.unwrap().status().as_u16();
    let served = flood.iter().filter(|answer| answer.is_none()).count();
    let told = told_of_requests(&stack.worker_log());
    Answers {
        served,
        refused: flood.into_iter().flatten().collect(),
        told,
        took,
        elsewhere,
        other,
        unknown,
        changes,
        all_routes,
        newcomer,
    }
}

/// What the lines of a log about requests say: how many each stands for, by their id.
fn told_of_requests(log: &str) -> HashMap<String, u64> {
    let mut told = HashMap::new();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok());
    for line in lines.filter(|line| line["message"] == "request") {
        *told.entry(line["request_id"].as_str().unwrap().to_owned()).or_default() +=
            line["times"].as_u64().unwrap_or(1);
    }
    told
}

/// The quota that a request has used up, if that is why it was refused.
fn refused_by(response: reqwest::Response) -> Option<String> {
    let quota = response.headers().get("ratelimit").map(|value| value.to_str().unwrap().to_owned());
    quota.filter(|_| response.status() == StatusCode::TOO_MANY_REQUESTS)
}

/// The first quota that refuses requests to many routes in turn, of which none gets as many as a route may.
async fn refused_on_all_routes(user: &User) -> Option<String> {
    const ROUTES: [&str; 6] =
        ["/auth/verify", "/runs/1", "/leads/1", "/leads/1/notes", "/leads/1/activity", "/leads/1/picture"];
    let answers = stream::iter(ROUTES.iter().cycle().take(3_000))
        .map(|route| async move { refused_by(user.request(Method::GET, route).send().await.unwrap()) })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |refused| refused);
    std::pin::pin!(answers).next().await
}

/// How many statements of anybody wait for a lock.
async fn waiting_for_locks(stack: &Stack) -> i64 {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    stack.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn six_requests_of_a_client_are_worked_on_and_the_others_wait_for_them() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let (busy, other) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let strict = stack.as_deployed().await;
    let mut sql = strict.sql().await;
    let lock = sql.transaction().await.unwrap();
    lock.execute("select from credit_balances where account_id = $1 for update", &[&busy.account_id]).await.unwrap();
    let change = async |user: &User| user.put("/credits/budget", &json!({ "daily_cap": 5 })).await.status;
    // The Worker has just begun: its first request is slow.
    change(&other).await;
    let begun = Instant::now();
    let (answers, (at_work, others)) = join(join_all((0..12).map(|_| change(&busy))), async {
        while waiting_for_locks(&strict).await < 6 {
            assert!(begun.elapsed() < 3 * PATIENCE, "six of them reach the database");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let other = change(&other).await;
        let at_work = waiting_for_locks(&strict).await;
        lock.rollback().await.unwrap();
        (at_work, other)
    })
    .await;
    let took = begun.elapsed();
    stack.with_rate_limit_scale(LOOSE).await;
    assert_eq!((at_work, others), (6, 200), "the other six wait in the Worker, and nobody else does");
    assert_eq!(answers, [200; 12]);
    // Each that was answered woke another: otherwise they would have gone on one by one, each two seconds after the one before.
    assert!(took < 3 * PATIENCE, "{took:?}");
}

/// Has KV asked about an account of no interest: its first answer after a start may come too late to count.
async fn wake_kv(stack: &Stack) {
    User::new(stack, 0).await.analyze(&handle("coffee")).await.refused(402, "insufficient_credits");
}

#[tokio::test]
async fn a_blocked_account_is_refused_by_what_is_remembered_outside_the_isolate() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let (operator, ann) = (User::new(&stack, 0).await, User::new(&stack, 9).await);
    operator.appoint().await;
    let account = format!("/operator/accounts/{}", ann.account_id);
    let act = async |what: &str| operator.operate(Method::POST, &format!("{account}/{what}"), None).await;
    wake_kv(&stack).await;
    act("block").await.data(200);
    // As far as the database knows, the account may buy; and the new Worker has been told nothing.
    let allow = "update accounts set blocked_at = null where id = $1";
    assert_eq!(stack.sql().await.execute(allow, &[&ann.account_id]).await.unwrap(), 1);
    let stack = stack.with_rate_limit_scale(LOOSE - 1).await;
    wake_kv(&stack).await;
    ann.analyze(&handle("coffee")).await.refused(403, "account_blocked");

    act("unblock").await.data(200);
    // Again one that has been told nothing; the entry would have lasted two minutes.
    let stack = stack.with_rate_limit_scale(LOOSE).await;
    wake_kv(&stack).await;
    assert_eq!(ann.analysed(&handle("coffee")).await["status"], "complete");
    ann.settles_at(8).await;
}
