//! What Sentry and Analytics Engine would drop without a word is told here.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Stand;
use reqwest::{Method, Response};
use serde_json::{Value, json};

async fn keep(stand: &Stand, points: &Value) -> Response {
    let post = stand.client.post(format!("{}/cloudflare/points", stand.base)).bearer_auth("sandbox-analytics-token");
    post.json(points).send().await.unwrap()
}

async fn envelope(stand: &Stand, auth: &str, body: &'static str) -> u16 {
    let post = stand.client.post(format!("{}/sentry/api/1/envelope/", stand.base)).header("x-sentry-auth", auth);
    post.body(body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_point_beyond_the_platforms_limits_is_dropped_and_told() {
    let stand = Stand::start(0.0).await;
    let point = |indexes: Value, blobs: Value, doubles: Value| json!({"dataset": "oslira", "at": "2026-11-27T12:00:00Z", "indexes": indexes, "blobs": blobs, "doubles": doubles});
    let (long, texts, numbers) = ("x".repeat(97), vec!["x"; 21], vec![1.0; 21]);
    let points = json!([
        point(json!(["one"]), json!(["x"]), json!([1.5])),
        point(json!(["one", "two"]), json!([]), json!([])),
        point(json!([long]), json!([]), json!([])),
        point(json!(["one"]), json!(texts), json!([])),
        point(json!(["one"]), json!([]), json!(numbers)),
        point(json!(["one"]), json!(["x".repeat(9_000), "x".repeat(9_000)]), json!([])),
        {"dataset": "oslira"},
    ]);
    assert_eq!(keep(&stand, &points).await.status(), 200);
    let kept = stand.control(Method::GET, "/telemetry", Value::Null).await;
    assert_eq!((&kept["points"]["count"], kept["points"]["dropped"].as_array().unwrap().len()), (&json!(1), 6));
    stand.control(Method::DELETE, "/telemetry", Value::Null).await;
    let kept = stand.control(Method::GET, "/telemetry", Value::Null).await;
    assert_eq!(kept, json!({"points": {"count": 0, "dropped": []}, "sentry": {"events": [], "refused": []}}));
}

#[tokio::test]
async fn an_envelope_without_a_key_or_a_form_is_refused_and_told() {
    let stand = Stand::start(0.0).await;
    let auth = "Sentry sentry_version=7, sentry_client=test/1, sentry_key=5a9db0c0ffee45a9db0c0ffee45a9db0";
    assert_eq!(envelope(&stand, "", "{}\n").await, 403);
    assert_eq!(envelope(&stand, &auth.replace("sentry_version=7", "sentry_version=6"), "{}\n").await, 403);
    assert_eq!(envelope(&stand, auth, "{}\n").await, 400);
    let kept = stand.control(Method::GET, "/telemetry?match=nothing", Value::Null).await;
    assert_eq!((&kept["sentry"]["events"], kept["sentry"]["refused"].as_array().unwrap().len()), (&json!([]), 1));
}
