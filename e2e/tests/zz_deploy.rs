//! A deployment and a rollback while a customer's work is under way: what a version has begun ends, and nobody misses anything.
//!
//! One test at a time uses the stack.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use std::time::Duration;

use oslira_e2e::{Answer, EventStream, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};

/// Far longer than a stream takes to break off behind an object that is gone, and than one that goes on could be quiet.
const BROKEN_WITHIN: Duration = Duration::from_secs(30);

/// The release that reports errors now.
async fn reporting(stack: &Stack, user: &User) -> String {
    let request = user.fails_with_a_report().await;
    let kept = stack.control(Method::GET, "telemetry").query(&[("match", &request)]).send().await.unwrap();
    let kept: Value = kept.json().await.unwrap();
    kept["sentry"]["events"][0]["release"].as_str().unwrap_or_else(|| panic!("{kept}")).to_owned()
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_version_ends_what_it_has_begun() {
    let stack = Stack::load().repair().await.with_versions(2).await;
    stack.close_breaker().await;
    // A deployment, and its rollback.
    for (version, release) in [(2, "oslira@local-2"), (1, "oslira@local-1")] {
        let (user, other) = (User::new(&stack, 10).await, User::new(&stack, 10).await);
        // A run in the middle of a step, whose customer watches it.
        let username = handle("food");
        let held = stack.hold("openai.chat", &username).await;
        let run = user.start(&username).await;
        let mut stream = EventStream::open(user.watch(&run, "")).await;
        let mut seen = stream.until("analyzing").await;
        stack.until_received("openai.chat", &username).await;
        // A request whose statement waits for another.
        let holder = stack.sql().await;
        holder.batch_execute("begin").await.unwrap();
        let lock = "select from credit_balances where account_id = $1 for update";
        holder.execute(lock, &[&other.account_id]).await.unwrap();
        let (request, ordered) = (other.clone(), handle("music"));
        let under_way = tokio::spawn(async move { request.analyze_once(&ordered, "across-a-deployment").await });
        stack.until_waiting_for_locks(1).await;

        let told = stack.deploy(version).await;
        assert!(
            told.contains(&format!("version {version}, {}, serves", release.trim_start_matches("oslira@"))),
            "{told}"
        );

        // The request is answered by the version that has begun it.
        holder.batch_execute("rollback").await.unwrap();
        let accepted = under_way.await.unwrap();
        let begun = accepted.data(202)["run_id"].as_str().unwrap().to_owned();
        // The stream breaks off; whoever comes back with the number of their last event finds those after it.
        let broken = tokio::time::timeout(BROKEN_WITHIN, stream.until_it_breaks()).await;
        seen.extend(broken.expect("the stream of an object that is gone ends"));
        let last = seen.last().unwrap()["seq"].to_string();
        let mut again = EventStream::open(user.watch(&run, "").header("last-event-id", last)).await;
        stack.release(held).await;
        seen.extend(again.rest().await);
        assert_eq!(numbers(&seen), (1..=seen.len() as u64).collect::<Vec<u64>>(), "{seen:#?}");
        assert_eq!(seen.last().unwrap()["status"], "complete", "{seen:#?}");

        for (user, run) in [(&user, &run), (&other, &begun)] {
            let ended = user.end_of(run).await;
            assert_eq!((&ended["status"], &ended["charge_outcome"]), (&json!("complete"), &json!("result")), "{ended}");
        }
        // The key of the request is known to the version that came after it.
        let request = other.analyze_request(&other.analysis_of(begun_of(&other, &begun).await.as_str()));
        let repeated =
            Answer::read(request.header("idempotency-key", "across-a-deployment").send().await.unwrap()).await;
        assert_eq!(repeated.data(202)["run_id"], json!(begun));
        user.settles_at(9).await;
        other.settles_at(9).await;
        assert_eq!(reporting(&stack, &user).await, release);
        stack.assert_books_are_whole().await;
    }
    Stack::load().with_versions(1).await;
}

/// The username that a run is about.
async fn begun_of(user: &User, run: &str) -> String {
    user.run(run).await["username"].as_str().unwrap().to_owned()
}
