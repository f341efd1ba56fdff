//! A flood by one account, on a stack that limits requests as a deployment does: it is refused, and nobody else is.
//!
//! Test binaries run in the order of their names; this one has the stack for itself, because it restarts the Worker with other limits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use std::time::Duration;

use futures_util::{StreamExt as _, future::join, stream};
use oslira_e2e::{Answer, Stack, User};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The scale of the stacks of tests.
const LOOSE: u32 = 1_000;
const FLOOD: usize = 600;
const AT_ONCE: usize = 16;

/// What a flood and another account were answered.
struct Answers {
    served: usize,
    refused: Vec<Answer>,
    other: Vec<u16>,
    unknown: Vec<u16>,
}

#[tokio::test]
async fn a_flood_by_one_account_is_refused_and_another_account_is_served() {
    let stack = Stack::load();
    let (loud, quiet) = (User::new(&stack, 0).await, User::new(&stack, 7).await);
    let strict = stack.with_rate_limit_scale(1).await;
    let answers = flood(&strict, &loud, &quiet).await;
    // Before anything is asserted: whatever runs next sends more than a customer may.
    stack.with_rate_limit_scale(LOOSE).await;

    // 150 in each window of ten seconds; a slow machine takes two or three of them.
    assert!((150..=500).contains(&answers.served), "{} served", answers.served);
    assert_eq!(answers.served + answers.refused.len(), FLOOD);
    for refused in &answers.refused {
        assert_eq!(refused.refused(429, "rate_limited"), &json!({ "retry_after_s": 10 }));
        assert_eq!(refused.header("retry-after"), Some("10"));
        assert_eq!(refused.header("ratelimit-policy"), Some("\"read\";q=150;w=10"));
        assert_eq!(refused.header("ratelimit"), Some("\"read\";r=0;t=10"));
    }
    assert!(answers.other.iter().all(|status| *status == 200), "{:?}", answers.other);
    // Whoever sends no token is counted by the address.
    assert!(answers.unknown.contains(&401) && answers.unknown.contains(&429), "{:?}", answers.unknown);
}

async fn flood(stack: &Stack, loud: &User, quiet: &User) -> Answers {
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
    let (flood, other) = join(flood, other).await;
    let (http, url) = (stack.http(), format!("{}/credits/balance", stack.api_url));
    let url = url.as_str();
    let unknown = stream::iter(0..250)
        .map(|_| async move {
            // An address of the documentation's: nobody else is counted with it.
            let request = http.get(url).header("cf-connecting-ip", "192.0.2.17");
            request.send().await.unwrap().status().as_u16()
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<u16>>()
        .await;
    let served = flood.iter().filter(|answer| answer.is_none()).count();
    Answers { served, refused: flood.into_iter().flatten().collect(), other, unknown }
}
