//! A hundred customers' analyses at once. Apart from the other tests, which would wait for this load.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use futures_util::future::join_all;
use oslira_e2e::{Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};

/// More would be refused, or cost the other customers of the plan.
const ACTOR_RUNS_MAX: u64 = 10;

/// The most actor runs that were under way at the same moment, of all that the sandbox has seen.
async fn peak_of_actor_runs(stack: &Stack) -> u64 {
    let request = stack.control(Method::GET, "received").query(&[("target", "apify.run")]);
    let report: Value = request.send().await.unwrap().json().await.unwrap();
    report["peak_concurrency"].as_u64().unwrap_or_else(|| panic!("{report}"))
}

/// The usernames of each actor run that read one of these.
async fn actor_runs_about(stack: &Stack, usernames: &[String]) -> Vec<Vec<String>> {
    let names = |run: &Value| -> Vec<String> { serde_json::from_value(run["usernames"].clone()).unwrap() };
    let runs = stack.received("apify.run", "").await;
    runs.iter().map(names).filter(|names| names.iter().any(|name| usernames.contains(name))).collect()
}

#[tokio::test]
async fn a_hundred_analyses_at_once_share_ten_actor_runs() {
    let stack = Stack::load();
    let users = join_all((0..20).map(|_| User::new(&stack, 5))).await;
    let wanted: Vec<(&User, String)> =
        users.iter().flat_map(|user| (0..5).map(move |_| (user, handle("yoga")))).collect();
    let runs = join_all(wanted.iter().map(|(user, username)| user.analysed(username))).await;
    for run in &runs {
        assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{run}");
    }
    for user in &users {
        user.settles_at(0).await;
    }
    let usernames: Vec<String> = wanted.into_iter().map(|(_, username)| username).collect();
    let actor_runs = actor_runs_about(&stack, &usernames).await;
    let read: usize = actor_runs.iter().flatten().filter(|name| usernames.contains(name)).count();
    assert_eq!(read, 100, "each is read once");
    assert!(actor_runs.len() < 100 && actor_runs.iter().all(|names| names.len() <= 10), "{actor_runs:?}");
    let peak = peak_of_actor_runs(&stack).await;
    assert!(peak <= ACTOR_RUNS_MAX, "{peak} actor runs at once");
}
