//! Checks every request that the Worker sent during all tests before, under every fault and after every kill.
//!
//! Test binaries run in the order of their names, and this one is last but for `zzz_secrecy`. The sandbox loses its record of received calls
//! when it is killed, so [`Stack::kill`] checks them before.
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
    // Sends requests of every kind (each actor, each AI call, both providers), so that the test also works alone.
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
    assert_eq!(stack.refused_by_pooler(), [""; 0], "the database was asked in another way than a pooler must take");
}
