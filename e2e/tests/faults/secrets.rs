//! Keys that are rotated at AWS and at their providers while runs are under way.

use std::time::Duration;

use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};

use crate::{alone, assert_complete};

/// The setting, the provider's first key, and the one that takes its place.
const ROTATED: [(&str, &str, &str); 3] = [
    ("APIFY_TOKEN", "sandbox-apify-token", "sandbox-apify-token-2"),
    ("AI_GATEWAY_TOKEN", "sandbox-gateway-token", "sandbox-gateway-token-2"),
    ("OPENAI_API_KEY", "sandbox-openai-key", "sandbox-openai-key-2"),
];

/// After a refusal the Worker reads its secrets anew, but not again within two seconds.
const BETWEEN_READINGS: Duration = Duration::from_millis(2_500);

/// How often these calls about a run were refused and answered.
async fn answers(stack: &Stack, targets: &[&str], matching: &str) -> (usize, usize) {
    let mut counts = (0, 0);
    for target in targets {
        for call in stack.received(target, matching).await {
            counts.0 += usize::from(call["status"] == 401);
            counts.1 += usize::from(call["status"].as_u64().is_some_and(|status| status < 300));
        }
    }
    counts
}

/// Starts a run, and has these keys taken away while its actor runs.
async fn rotated_in_mid_run(stack: &Stack, user: &User, rotated: &[(&str, &str, &str)]) -> (String, Value) {
    let username = handle("coffee");
    let held = stack.hold("apify.run", &username).await;
    let run = user.start_order(&user.analysis_as(&username, "DEEP")).await;
    stack.until_received("apify.start", &username).await;
    for (setting, first, next) in rotated {
        stack.rotate_secrets(json!({ *setting: next })).await;
        stack.accept_keys(first, &[*next]).await;
    }
    stack.release(held).await;
    (username, user.end_of(&run).await)
}

#[tokio::test]
async fn a_run_goes_on_when_the_keys_that_it_began_with_are_taken_away() {
    let (_turn, stack) = alone().await;
    // One after the other, so that each key is refused: whatever is read anew is read for all of them. Unless the secrets were about
    // to be read anyway, which happens every four minutes.
    let mut all_refused = 0;
    for rotated in ROTATED {
        tokio::time::sleep(BETWEEN_READINGS).await;
        let user = User::new(&stack, 5).await;
        let (username, run) = rotated_in_mid_run(&stack, &user, &[rotated]).await;
        let (setting, ..) = rotated;
        assert_complete(&user, setting, &run).await;
        for call in user.cost_of(&run).await["calls"].as_array().unwrap() {
            assert_eq!(call["fell_back"], false, "{setting}: {call}");
        }
        let targets: &[&str] = match setting {
            "APIFY_TOKEN" => &["apify.poll", "apify.items", "apify.start"],
            "AI_GATEWAY_TOKEN" => &["gateway"],
            _ => &["openai.chat"],
        };
        let (refused, answered) = answers(&stack, targets, &username).await;
        all_refused += refused;
        assert!(answered > 0, "{setting}: {refused} refused, {answered} answered");
        user.settles_at(0).await;
    }
    assert!(all_refused > 0, "no key was in use any more when it was taken away");
    // The Worker learns of the first keys by the next refusal, so that the tests after this one see none.
    stack.restore_secrets().await;
    tokio::time::sleep(BETWEEN_READINGS).await;
    let user = User::new(&stack, 5).await;
    let run = user.analysed_as(&handle("coffee"), "DEEP").await;
    assert_complete(&user, "the first keys again", &run).await;
}

#[tokio::test]
async fn runs_go_on_with_the_last_good_secrets_while_aws_does_not_answer() {
    let (_turn, stack) = alone().await;
    let away = stack.plant("secrets.get", "status", "", json!({ "status": 503 })).await;
    // A refusal makes the Worker ask AWS; without an answer it is a refusal like any other.
    let user = User::new(&stack, 2).await;
    let username = handle("coffee");
    let refusing = stack.plant("openai.chat", "status", &username, json!({ "status": 401 })).await;
    let run = user.analysed_as(&username, "LIGHT").await;
    assert_complete(&user, "refused", &run).await;
    assert_eq!(user.cost_of(&run).await["calls"][0]["fell_back"], true, "{run}");
    assert_eq!(stack.release(refusing).await, 1, "nothing was repeated with the same key");
    stack.close_breaker().await;

    let run = user.analysed_as(&handle("coffee"), "LIGHT").await;
    assert_complete(&user, "while AWS is away", &run).await;
    stack.release(away).await;
    user.settles_at(0).await;
}
