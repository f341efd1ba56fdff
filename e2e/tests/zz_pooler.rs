//! The Worker behind other poolers than the one that the tests have: it needs nothing that one of them may refuse, and it
//! notices one that would lie.
//!
//! One test at a time uses the stack.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use oslira_e2e::{Stack, User, eventually, handle};
use serde_json::{Value, json};
use tokio::sync::Mutex;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn readiness(stack: &Stack) -> (u16, Value) {
    let answer = stack.http().get(format!("{}/health/ready", stack.api_url)).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_new_backend_for_every_statement_is_enough_for_a_whole_analysis() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load().repair().await;
    let Some(pooler) = stack.with_strict_pooler("--fresh").await else {
        eprintln!("this stack has no strict pooler");
        return;
    };
    let user = User::new(&stack, 20).await;
    let username = handle("coffee");
    for analysis_type in ["LIGHT", "DEEP"] {
        let run = user.analysed_as(&username, analysis_type).await;
        assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{run}");
    }
    user.settles_at(14).await;
    drop(pooler);
    Stack::load().repair().await;
}

#[tokio::test]
async fn a_pooler_that_remembers_answers_makes_the_deployment_not_ready() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load().repair().await;
    let Some(pooler) = stack.with_strict_pooler("--caching").await else {
        eprintln!("this stack has no strict pooler");
        return;
    };
    let refused = eventually("a deployment that is not ready", async || {
        let (status, body) = readiness(&stack).await;
        (status == 503).then_some(body)
    })
    .await;
    assert!(refused["details"]["faults"][0].as_str().unwrap().contains("caching"), "{refused}");
    drop(pooler);
    let stack = Stack::load().repair().await;
    eventually("a ready deployment", async || (readiness(&stack).await.0 == 200).then_some(())).await;
}
