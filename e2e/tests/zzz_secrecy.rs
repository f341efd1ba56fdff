//! Nothing that the Worker has told during all tests before holds a secret or others' words: not its log, no point, no error report.
//!
//! Test binaries run in the order of their names, and this one is last. What the sandbox forgets when it is killed is looked at before
//! ([`Stack::kill`]).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this crate is tests: a panic is how a test fails"
)]

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::json;

const BIOGRAPHY: &str = "Telltale biography of somebody who roasts coffee in Lisbon";
const CAPTION: &str = "Telltale caption about the beans that came from Huila this morning";
const OFFERING: &str = "Telltale offering of paper bags that keep roasted coffee fresh";
const AUDIENCE: &str = "Telltale audience of small roasteries that sell to their neighbours";

/// Has words of all kinds pass through the Worker, to the models too; the run's id.
async fn analysed_with_words(stack: &Stack, user: &User) -> String {
    let username = handle("coffee");
    stack.rewrite(&username, json!({ "biography": BIOGRAPHY, "captions": [CAPTION] })).await;
    let business = user.add_business("Bags", OFFERING, AUDIENCE, &["coffee"]).await;
    let mut order = user.analysis_as(&username, "DEEP");
    order["business_profile_id"] = json!(business);
    let run = user.start_order(&order).await;
    let ended = user.end_of(&run).await;
    assert_eq!(ended["status"], "complete", "{ended}");
    let asked = json!(stack.received("openai.chat", &username).await).to_string();
    for words in [BIOGRAPHY, CAPTION, OFFERING, AUDIENCE] {
        assert!(asked.contains(words), "no model was told: {words}");
    }
    run
}

/// Has an API key pass through the Worker.
async fn asked_with_a_key(stack: &Stack, user: &User) {
    let body = json!({ "name": "Secrecy", "scopes": ["analyse"] });
    let made = Answer::read(user.request(Method::POST, "/api-keys").json(&body).send().await.unwrap()).await;
    let key = made.data(201)["secret"].as_str().unwrap().to_owned();
    let with_key = stack.http().get(format!("{}/credits/balance", stack.api_url)).bearer_auth(key);
    Answer::read(with_key.send().await.unwrap()).await.data(200);
}

#[tokio::test]
async fn nothing_that_was_told_holds_a_secret_or_others_words() {
    let stack = Stack::load().repair().await;
    stack.close_breaker().await;
    let user = User::new(&stack, 20).await;
    let run = analysed_with_words(&stack, &user).await;
    asked_with_a_key(&stack, &user).await;
    // An error is told by all three.
    let request = user.fails_with_a_report().await;

    let told = stack.assert_nothing_private_is_told().await;
    // So it was all of these that were looked at, and up to now.
    for (source, text) in told.sources() {
        assert!(text.contains(&request), "{source} does not know of the request {request}");
    }
    assert!(told.log.contains(&run) && told.points.contains(&run), "the run {run} is not told");
}
