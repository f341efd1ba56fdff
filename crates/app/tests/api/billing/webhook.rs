//! Stripe's deliveries.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use oslira_app::{
    api::{RequestKind, operations},
    features::{billing::WebhookRefusal, judging::ModelChoice},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::provider::{Mailroom, send_as_provider};
use crate::{Double, answer, ask, ports, request, send, send_to};

const PATH: &str = "/webhooks/stripe";
/// Ours elsewhere is 64 KiB.
const LARGEST: usize = 1024 * 1024;

fn delivery(body: impl Into<Body>) -> Request<Body> {
    Request::post(PATH).header("stripe-signature", "t=1,v1=ab").body(body.into()).unwrap()
}

async fn deliver(mailroom: &Arc<Mailroom>, body: &str) -> (StatusCode, Option<String>, Value) {
    answer(send_as_provider(mailroom, delivery(body.to_owned())).await).await
}

#[tokio::test]
async fn an_event_is_acknowledged_once_the_first_place_has_it() {
    for (full, places) in [
        (&[][..], &["queue"][..]),
        (&["queue"], &["queue", "table"]),
        (&["queue", "table"], &["queue", "table", "bucket"]),
    ] {
        let mailroom = Arc::new(Mailroom { full, ..Mailroom::default() });
        let (status, _, body) = deliver(&mailroom, " {\"id\": \"evt_1\"}\n").await;
        assert_eq!((status.as_u16(), &body["data"]), (200, &json!({ "received": true })), "{body}");
        assert_eq!(mailroom.places(), places);
        let brought = mailroom.brought.lock().unwrap().clone();
        assert!(brought.iter().all(|(_, payload)| payload == " {\"id\": \"evt_1\"}\n"), "byte for byte");
        let verified = (Some("t=1,v1=ab".to_owned()), b" {\"id\": \"evt_1\"}\n".to_vec());
        assert_eq!(*mailroom.verified.lock().unwrap(), [verified]);
    }
}

#[tokio::test]
async fn an_event_that_could_be_put_nowhere_is_to_come_again() {
    let mailroom = Arc::new(Mailroom { full: &["queue", "table", "bucket"], ..Mailroom::default() });
    let (status, retry_after, body) = deliver(&mailroom, "{}").await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("event_not_stored")));
    assert_eq!(retry_after.as_deref(), Some("60"));
    assert!(!body.to_string().contains("full"), "{body}");
}

#[tokio::test]
async fn what_cannot_be_checked_yet_is_put_nowhere_and_is_to_come_again() {
    let refusal = Some(WebhookRefusal::SecretsUnavailable);
    let mailroom = Arc::new(Mailroom { refusal, ..Mailroom::default() });
    let (status, retry_after, body) = deliver(&mailroom, "{}").await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("secrets_unavailable")));
    assert_eq!(retry_after.as_deref(), Some("60"));
    assert_eq!(mailroom.places(), [""; 0]);
}

#[tokio::test]
async fn what_is_not_stripes_is_put_nowhere() {
    for (refusal, code) in
        [(WebhookRefusal::Signature, "invalid_signature"), (WebhookRefusal::Malformed, "malformed_event")]
    {
        let mailroom = Arc::new(Mailroom { refusal: Some(refusal), ..Mailroom::default() });
        let (status, retry_after, body) = deliver(&mailroom, "{}").await;
        assert_eq!((status.as_u16(), &body["code"], retry_after), (400, &json!(code), None));
        assert_eq!(mailroom.places(), [""; 0], "{code}");
    }
    let mailroom = Arc::new(Mailroom::default());
    let (status, _, body) = answer(send_as_provider(&mailroom, delivery(&b"\"\xff\""[..])).await).await;
    assert_eq!((status.as_u16(), &body["code"]), (400, &json!("malformed_event")), "no text");
    assert_eq!(mailroom.places(), [""; 0]);
}

#[tokio::test]
async fn a_signature_that_is_missing_or_no_text_is_none() {
    let missing = Request::post(PATH).body(Body::from("{}")).unwrap();
    let unreadable = Request::post(PATH).header("stripe-signature", &b"t=\xff"[..]).body(Body::from("{}")).unwrap();
    for request in [missing, unreadable] {
        let mailroom = Arc::new(Mailroom::default());
        send_as_provider(&mailroom, request).await;
        assert_eq!(*mailroom.verified.lock().unwrap(), [(None, b"{}".to_vec())]);
    }
}

/// A JSON document of so many bytes.
fn document(bytes: usize) -> String {
    format!("{{\"daily_cap\":1}}{}", " ".repeat(bytes - 15))
}

#[tokio::test]
async fn an_event_may_be_larger_than_what_customers_send() {
    for (bytes, status) in [(64 * 1024, 200), (64 * 1024 + 1, 200), (LARGEST, 200), (LARGEST + 1, 413)] {
        let mailroom = Arc::new(Mailroom::default());
        let (answered, _, body) = deliver(&mailroom, &document(bytes)).await;
        assert_eq!(answered.as_u16(), status, "{bytes}: {body}");
        assert_eq!(mailroom.verified.lock().unwrap().len(), usize::from(status == 200), "{bytes}");
    }
    let (_, _, body) = deliver(&Arc::default(), &document(LARGEST + 1)).await;
    assert_eq!(body["code"], "body_too_large");
    assert!(body["error"].as_str().unwrap().contains("1048576"), "{body}");
}

#[tokio::test]
async fn what_customers_send_is_limited_as_ever() {
    for (bytes, status) in [(64 * 1024, 200), (64 * 1024 + 1, 413), (LARGEST, 413)] {
        let mut request = request("PUT", "/credits/budget", &json!({}));
        *request.body_mut() = Body::from(document(bytes));
        let double = Arc::new(Double::new());
        let (answered, _, body) = answer(send(&double, ModelChoice::default(), request).await).await;
        assert_eq!(answered.as_u16(), status, "{bytes}: {body}");
        assert_eq!(double.asked().len(), usize::from(status == 200), "{bytes}");
    }
}

/// With only the ports of a provider, no route of a user's can do anything: it has neither who calls nor a database.
#[tokio::test]
async fn a_users_route_gets_none_of_a_providers_ports() {
    let mut seen = 0;
    for operation in operations().iter().filter(|operation| operation.path != PATH) {
        let path = operation.path.replace("{id}", &Uuid::nil().to_string());
        let mailroom = Arc::new(Mailroom::default());
        let request = request(operation.method.as_str(), &path, &json!({}));
        let response = send_as_provider(&mailroom, request).await;
        assert_eq!(response.status().as_u16(), 500, "{} {path}", operation.method);
        let (_, _, body) = answer(response).await;
        assert_eq!(body["code"], "internal_error", "{} {path}", operation.method);
        assert_eq!(mailroom.places(), [""; 0]);
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[tokio::test]
async fn a_providers_route_gets_none_of_a_users_ports() {
    let users = ports(&Arc::new(Double::new()), ModelChoice::default());
    let (status, _, body) = answer(send_to(users, delivery("{}")).await).await;
    assert_eq!((status.as_u16(), &body["code"]), (500, &json!("internal_error")));
    assert!(!body.to_string().contains("WebhookPorts"), "{body}");
}

#[tokio::test]
async fn only_paths_of_webhooks_are_a_providers_and_only_those_of_operators_an_operators() {
    for path in operations().iter().map(|operation| operation.path) {
        let kind = match path {
            PATH => RequestKind::OfAProvider,
            path if path.starts_with("/operator/") => RequestKind::OfAnOperator,
            _ => RequestKind::OfAUser,
        };
        assert_eq!(RequestKind::of(path), kind, "{path}");
    }
    for path in [
        "/webhooks",
        "/v1/webhooks/stripe",
        "/Webhooks/stripe",
        "//webhooks/stripe",
        "/billing/webhooks/",
        "",
        "/operator",
        "/Operator/actions",
        "//operator/actions",
    ] {
        assert_eq!(RequestKind::of(path), RequestKind::OfAUser, "{path}");
    }
    let (status, _, _) = ask(&Arc::new(Double::new()), "GET", PATH, Value::Null).await;
    assert_eq!(status.as_u16(), 405);
}
