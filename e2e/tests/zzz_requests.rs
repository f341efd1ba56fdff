//! Every request that the Worker sent while the tests before it ran, under every fault and after every kill.
//!
//! `cargo test` runs the binaries in the order of their names, and this one last. A sandbox that is killed takes what it
//! received with it, so [`Stack::kill`] checks before.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this crate is tests: a panic is how a test fails"
)]

use oslira_e2e::{Stack, User, handle};
use serde_json::json;

#[tokio::test]
async fn all_that_the_worker_sent_is_what_the_real_services_take() {
    let stack = Stack::load().repair().await;
    stack.close_breaker().await;
    // So that there is something to look at when this test runs alone: every actor, every question, both providers.
    let user = User::new(&stack, 100).await;
    let username = handle("coffee");
    for (analysis_type, falls_over) in
        [("LIGHT", false), ("DEEP", false), ("DEEP", true), ("XRAY", false), ("XRAY", true)]
    {
        let out = match falls_over {
            true => Some(stack.plant("openai.chat", "status", &username, json!({ "status": 400 })).await),
            false => None,
        };
        let run = user.analysed_as(&username, analysis_type).await;
        assert_eq!(run["status"], "complete", "{run}");
        if let Some(out) = out {
            stack.release(out).await;
        }
    }
    let counts = stack.assert_requests_are_valid().await;
    for target in [
        "apify.start",
        "apify.poll",
        "apify.items",
        "gateway",
        "openai.chat",
        "anthropic.messages",
        "instagram.picture",
        "jwks",
    ] {
        assert!(counts.get(target).is_some_and(|count| *count > 0), "no call of {target}: {counts:?}");
    }
}
