//! Clients that go away in mid-request, and one that floods: neither may cost another customer, nor leave a charge
//! without its run.
//!
//! Test binaries run in the order of their names; within this one, one test at a time uses the stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use std::{io, time::Duration};

use futures_util::future::join_all;
use oslira_e2e::{Answer, Part, Stack, User, eventually, eventually_within, handle};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Mutex, MutexGuard},
};
use uuid::Uuid;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this binary runs, and repairs whatever the one before left broken.
async fn turn() -> (MutexGuard<'static, ()>, Stack) {
    let turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load().repair().await;
    stack.close_breaker().await;
    (turn, stack)
}

/// Sends the beginning of a request and resets the connection (RST) after a pause.
async fn send_and_reset(stack: &Stack, request: &str, pause: Duration) {
    let address = stack.api_url.trim_start_matches("http://").trim_end_matches('/');
    let stream = TcpStream::connect(address).await.unwrap();
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        stream.writable().await.unwrap();
        match stream.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    tokio::time::sleep(pause).await;
    // Without it, closing would say a polite farewell.
    stream.set_zero_linger().unwrap();
}

/// `POST /v1/analyze` as it goes over the wire; `announced` is the length that its header says.
fn analyze(stack: &Stack, user: &User, body: &str, announced: usize, id: &str) -> String {
    let host = stack.api_url.trim_start_matches("http://");
    format!(
        "POST /v1/analyze HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         x-request-id: {id}\r\ncontent-length: {announced}\r\n\r\n{body}",
        user.token
    )
}

#[tokio::test]
async fn what_was_charged_starts_although_its_client_went_away() {
    const REQUESTS: usize = 60;
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 100).await;
    join_all((0..REQUESTS).map(|number| {
        let (stack, user) = (&stack, &user);
        async move {
            let body = user.analysis_of(&handle("coffee")).to_string();
            let request = analyze(stack, user, &body, body.len(), &format!("reset-{number}"));
            send_and_reset(stack, &request, Duration::from_millis((number % 30) as u64)).await;
        }
    }))
    .await;

    // Whatever was charged has been charged by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sql = stack.sql().await;
    let counts = "select count(*), count(*) filter (where started_at is null) from runs where account_id = $1";
    // The job that starts what was forgotten comes after five minutes: within one, only the request itself can do it.
    eventually_within(Duration::from_secs(60), "every charged run to be started", async || {
        let row = sql.query_one(counts, &[&user.account_id]).await.unwrap();
        (row.get::<_, i64>(1) == 0).then_some(())
    })
    .await;
    let slowest = "select count(*), coalesce(max(extract(epoch from started_at - created_at))::float8, 0) \
        from runs where account_id = $1";
    let row = sql.query_one(slowest, &[&user.account_id]).await.unwrap();
    let (charged, slowest): (i64, f64) = (row.get(0), row.get(1));
    assert!(charged > 0, "no request was charged: nothing is shown");
    println!("{charged} of {REQUESTS} requests were charged; the slowest run was started after {slowest:.2} s");

    let runs = sql.query("select id::text from runs where account_id = $1", &[&user.account_id]).await.unwrap();
    for run in &runs {
        user.end_of(run.get(0)).await;
    }
    stack.assert_books_are_whole().await;
}

/// The log's lines about a request.
fn lines(stack: &Stack, request_id: &str) -> Vec<Value> {
    let is_about = |line: &&str| line.contains(&format!("\"{request_id}\""));
    // The runner writes the time before each line.
    let json = |line: &str| serde_json::from_str(line.get(line.find('{')?..)?).ok();
    stack.worker_log().lines().filter(is_about).filter_map(json).collect()
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_the_clients_fault_and_no_error_of_ours() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 3).await;
    let id = Uuid::new_v4().to_string();
    let body = user.analysis_of(&handle("coffee")).to_string();
    let failures = stack.worker_log().matches("request failed").count();
    let request = analyze(&stack, &user, &body[..20], body.len(), &id);
    send_and_reset(&stack, &request, Duration::from_millis(100)).await;

    let logged = eventually("the request in the log", async || {
        let lines = lines(&stack, &id);
        lines.iter().any(|line| line["status"].is_number()).then_some(lines)
    })
    .await;
    let answered = logged.iter().find(|line| line["status"].is_number()).unwrap();
    assert_eq!((&answered["status"], &answered["code"]), (&json!(400), &json!("unreadable_body")), "{logged:?}");
    assert!(logged.iter().all(|line| line["level"] != "ERROR"), "{logged:?}");
    assert_eq!(stack.worker_log().matches("request failed").count(), failures);
    user.settles_at(3).await;
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_given_up_with_an_answer() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 3).await;
    let id = Uuid::new_v4().to_string();
    let body = user.analysis_of(&handle("coffee")).to_string();
    let request = analyze(&stack, &user, &body[..20], body.len(), &id);
    let address = stack.api_url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    // The rest never comes; the client goes on waiting.
    let mut head = vec![0; 15];
    let waited = tokio::time::timeout(Duration::from_secs(40), stream.read_exact(&mut head)).await;
    waited.expect("an answer").unwrap();
    assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 408 Re");
    let logged = eventually("the request in the log", async || {
        let lines = lines(&stack, &id);
        lines.iter().any(|line| line["status"].is_number()).then_some(lines)
    })
    .await;
    let answered = logged.iter().find(|line| line["status"].is_number()).unwrap();
    assert_eq!((&answered["status"], &answered["code"]), (&json!(408), &json!("body_too_slow")), "{logged:?}");
    user.settles_at(3).await;
}

/// Begins an upload of 64 KiB from an address, sends less of it, and keeps the connection open.
async fn stall(stack: &Stack, user: &User, from: &str, sent: usize) -> TcpStream {
    const ANNOUNCED: usize = 65_536;
    let address = stack.api_url.trim_start_matches("http://").trim_end_matches('/');
    let head = format!(
        "PUT /credits/budget HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncf-connecting-ip: {from}\r\ncontent-length: {ANNOUNCED}\r\n\r\n",
        user.token
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // Whoever is refused may be answered and cut off before all of it is sent.
    let _ = stream.write_all(&vec![b' '; sent]).await;
    stream
}

#[tokio::test]
async fn unfinished_uploads_of_one_network_leave_room_for_others() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 3).await;
    let upload = async |from: &str| {
        let body = format!("{{\"daily_cap\":5{}}}", " ".repeat(1_000));
        let request = user.request(Method::PUT, "/credits/budget").header("cf-connecting-ip", from);
        Answer::read(request.header("content-type", "application/json").body(body).send().await.unwrap()).await
    };
    // Those that come at the same time can be refused together, and leave room behind; so more of them come until there is none. Each piece
    // takes some kilobytes, also one of a single byte: small ones fill what is too little for a large one.
    let from = |number: usize| format!("2001:db8:7:1::{number:x}");
    let mut stalled = Vec::new();
    for number in 0..64 {
        stalled.push(stall(&stack, &user, &from(number), 65_535).await);
    }
    let refused = eventually("the network to have no room", async || {
        for sent in [65_535, 1, 1, 1, 1] {
            stalled.push(stall(&stack, &user, &from(stalled.len()), sent).await);
        }
        let answer = upload("2001:db8:7:1:ffff::1").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    refused.refused(503, "uploads_busy");
    assert_eq!(refused.header("retry-after"), Some("10"));
    upload("2001:db8:7:2::1").await.data(200);
    drop(stalled);
    eventually("room again", async || (upload("2001:db8:7:1:ffff::1").await.status == 200).then_some(())).await;
    user.settles_at(3).await;
}

/// The files that a process has open.
fn open_files(stack: &Stack, part: Part) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", stack.pids[&part])).unwrap().count()
}

#[tokio::test]
async fn polling_runs_that_do_not_exist_opens_no_files() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let before = open_files(&stack, Part::Workerd);
    for _ in 0..15 {
        let polls = (0..20).map(|_| {
            let path = format!("/runs/{}/progress", Uuid::now_v7());
            let user = &user;
            async move { user.get(&path).await.refused(404, "run_not_found").clone() }
        });
        join_all(polls).await;
    }
    let opened = open_files(&stack, Part::Workerd).saturating_sub(before);
    // Connections of this test's own requests may still be closing.
    assert!(opened < 100, "300 unknown runs opened {opened} files");
}

#[tokio::test]
async fn many_tokens_of_unknown_keys_fetch_the_key_set_once_or_twice() {
    let (_turn, stack) = turn().await;
    let mut user = User::new(&stack, 0).await;
    let wanted = json!({ "variant": "unknown_kid" });
    let tokens = join_all((0..50).map(|_| stack.token(&wanted))).await;
    let before = stack.received("jwks", "").await.len();
    let asked = tokens.into_iter().map(|token| {
        user.token = token;
        let request = user.request(Method::GET, "/credits/balance");
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let asked: Vec<_> = asked.collect();
    assert!(join_all(asked).await.into_iter().all(|status| status == 401));
    let fetched = stack.received("jwks", "").await.len() - before;
    assert!(fetched <= 2, "{fetched} fetches: one for each isolate and interval");
}

/// The memory of a process, in megabytes.
fn memory_mb(stack: &Stack, part: Part) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stack.pids[&part])).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

/// Sixty exports of 10,000 rows once took the runtime from 133 to 923 MB.
#[tokio::test]
async fn a_flood_of_exports_is_refused_and_costs_little_memory() {
    let (_turn, stack) = turn().await;
    let sql = stack.sql().await;
    let mut users = Vec::new();
    for _ in 0..6 {
        let user = User::new(&stack, 0).await;
        let fill = "insert into leads (account_id, business_profile_id, username, biography, score, scraped_at)
            select $1, $2, 'user_' || n, repeat('exported ', 50), n % 101, now() from generate_series(1, 10000) n";
        sql.execute(fill, &[&user.account_id, &user.business_profile_id]).await.unwrap();
        users.push(user);
    }
    let before = memory_mb(&stack, Part::Workerd);
    let exports = join_all((0..60).map(|number| {
        let request = users[number % users.len()].request(Method::GET, "/leads/export.csv");
        async move {
            let answer = request.send().await.unwrap();
            let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
            (status, body.lines().count())
        }
    }));
    let (mut largest, mut exports) = (before, Box::pin(exports));
    let answers = loop {
        tokio::select! {
            answers = &mut exports => break answers,
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                largest = largest.max(memory_mb(&stack, Part::Workerd));
            }
        }
    };
    let whole = answers.iter().filter(|answer| **answer == (200, 10_001)).count();
    let refused = answers.iter().filter(|(status, _)| *status == 429).count();
    assert_eq!(whole + refused, 60, "{answers:?}");
    assert!(whole >= 1 && refused > 0, "{whole} whole, {refused} refused");
    assert!(largest - before < 250, "from {before} to {largest} MB");
    let again = users[0].request(Method::GET, "/leads/export.csv").send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.text().await.unwrap().lines().count()), (200, 10_001));
    for user in &users {
        sql.execute("delete from leads where account_id = $1", &[&user.account_id]).await.unwrap();
    }
}
