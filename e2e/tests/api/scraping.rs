//! The scrapes of all accounts: who shares an actor run, and what becomes of its start.

use futures_util::future::join_all;
use oslira_e2e::{Stack, User, eventually, handle};
use serde_json::{Value, json};

/// The usernames of each actor run that read one of these.
async fn actor_runs_about(stack: &Stack, usernames: &[String]) -> Vec<Vec<String>> {
    let names = |run: &Value| -> Vec<String> { serde_json::from_value(run["usernames"].clone()).unwrap() };
    let runs = stack.received("apify.run", "").await;
    runs.iter().map(names).filter(|names| names.iter().any(|name| usernames.contains(name))).collect()
}

#[tokio::test]
async fn a_profile_that_many_want_at_once_is_read_once() {
    let stack = Stack::load();
    let username = handle("wanted");
    let hold = stack.hold("apify.run", &username).await;
    let users = join_all((0..4).map(|_| User::new(&stack, 1))).await;
    let runs = join_all(users.iter().map(|user| user.start(&username))).await;
    // All have asked once the last one waits for the scrape.
    for (user, run) in users.iter().zip(&runs) {
        let path = format!("/runs/{run}/progress");
        let is_scraping = async || (user.get(&path).await.data(200)["percent"].as_i64() > Some(10)).then_some(());
        eventually("the run waits for its scrape", is_scraping).await;
    }
    stack.release(hold).await;
    for (user, run) in users.iter().zip(&runs) {
        assert_eq!(user.end_of(run).await["status"], "complete");
    }
    assert_eq!(actor_runs_about(&stack, std::slice::from_ref(&username)).await.len(), 1);
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_found_and_not_paid_again() {
    let stack = Stack::load();
    let user = User::new(&stack, 1).await;
    let username = handle("lost");
    // The actor run begins, and its answer breaks off.
    stack.plant("apify.start", "truncate", &username, json!({"times": 1})).await;
    let run = user.analysed(&username).await;
    assert_eq!(run["status"], "complete", "{run}");
    assert_eq!(actor_runs_about(&stack, std::slice::from_ref(&username)).await.len(), 1);
    assert!(!stack.received("apify.list", "").await.is_empty());
    let bills = user.bills("scrape_logs", run["id"].as_str().unwrap()).await;
    assert_eq!(bills.len(), 1, "{bills:?}");
}

#[tokio::test]
async fn a_cancelled_run_leaves_those_who_share_its_scrape_alone() {
    let stack = Stack::load();
    let username = handle("shared");
    let hold = stack.hold("apify.run", &username).await;
    let (one, other) = (User::new(&stack, 1).await, User::new(&stack, 1).await);
    let (first, second) = (one.start(&username).await, other.start(&username).await);
    stack.until_received("apify.start", &username).await;
    assert_eq!(one.post(&format!("/runs/{first}/cancel")).await.data(200)["refunded"], 1);
    stack.release(hold).await;
    assert_eq!(other.end_of(&second).await["status"], "complete");
    assert_eq!(one.end_of(&first).await["status"], "cancelled");
    one.settles_at(1).await;
    assert_eq!(actor_runs_about(&stack, std::slice::from_ref(&username)).await.len(), 1);
}
