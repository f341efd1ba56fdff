//! What Resend's own client cannot show: requests at the same time, without a name, and after a restart.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Stand;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

fn send(stand: &Stand, to: &str, key: &str) -> RequestBuilder {
    let mail = json!({"from": "hello@oslira.test", "to": to, "subject": "Hi", "text": "Hi"});
    let post = stand.client.post(format!("{}/resend/emails", stand.base)).bearer_auth("sandbox-resend-key");
    post.header("user-agent", "test").header("idempotency-key", key).json(&mail)
}

async fn mails(stand: &Stand, query: &str) -> Vec<Value> {
    let answer = stand.control(Method::GET, &format!("/mail{query}"), Value::Null).await;
    answer["mails"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_is_in_use_while_its_request_goes_on() {
    // Sending takes 0.2 s at this scale.
    let stand = Stand::start(1.0).await;
    let send = || send(&stand, "ann@example.com", "one").send();
    let (first, second) = tokio::join!(send(), send());
    let mut answers: Vec<Response> = vec![first.unwrap(), second.unwrap()];
    answers.sort_by_key(Response::status);
    assert_eq!([answers[0].status().as_u16(), answers[1].status().as_u16()], [200, 409]);
    let refused: Value = answers.pop().unwrap().json().await.unwrap();
    assert_eq!((&refused["name"], &refused["statusCode"]), (&json!("concurrent_idempotent_requests"), &json!(409)));
    assert_eq!(mails(&stand, "").await.len(), 1);
}

#[tokio::test]
async fn a_request_without_a_user_agent_never_reaches_resend() {
    let stand = Stand::start(0.0).await;
    let url = format!("{}/resend/emails", stand.base);
    let answer = stand.client.post(url).bearer_auth("sandbox-resend-key").body("{}").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().trim()), (403, "error code: 1010"));
}

#[tokio::test]
async fn neither_a_restart_nor_an_empty_outbox_sends_a_mail_again() {
    let stand = Stand::start(0.0).await;
    let first: Value = send(&stand, "ann@example.com", "one").send().await.unwrap().json().await.unwrap();
    let state_dir = stand.kill().await;
    let stand = Stand::start_in(&state_dir, 0.0).await;
    assert_eq!(mails(&stand, "?to=ann@example.com").await[0]["id"], first["id"]);
    let cleared = stand.control(Method::DELETE, "/mail", Value::Null).await;
    assert_eq!(cleared, json!({"deleted": 1}));
    let again: Value = send(&stand, "ann@example.com", "one").send().await.unwrap().json().await.unwrap();
    assert_eq!(again["id"], first["id"]);
    assert!(mails(&stand, "").await.is_empty());
    assert_eq!(send(&stand, "ann@example.com", "two").send().await.unwrap().status(), 200);
    assert_eq!(send(&stand, "bo@example.com", "three").send().await.unwrap().status(), 200);
    assert_eq!(mails(&stand, "").await[0]["to"], json!(["bo@example.com"]));
    assert_eq!(mails(&stand, "?limit=1").await.len(), 1);
}
