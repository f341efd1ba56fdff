//! Every request that the Worker sent while the tests before it ran, under every fault and after every kill.
//!
//! `cargo test` runs the binaries in the order of their names, and this one last. A sandbox that is killed takes what it
//! received with it, so [`Stack::kill`] checks before.
#![allow(clippy::unwrap_used, reason = "all of this crate is tests: a panic is how a test fails")]

use oslira_e2e::{Stack, User, handle};

#[tokio::test]
async fn all_that_the_worker_sent_is_what_the_real_services_take() {
    let stack = Stack::load().repair().await;
    // So that there is something to look at when this test runs alone.
    let run = User::new(&stack, 1).await.analysed(&handle("coffee")).await;
    let counts = stack.assert_requests_are_valid().await;
    assert_eq!(run["status"], "complete", "{run}");
    for target in ["apify.start", "apify.poll", "apify.items", "openai.chat", "jwks"] {
        assert!(counts.get(target).is_some_and(|count| *count > 0), "no call of {target}: {counts:?}");
    }
}
