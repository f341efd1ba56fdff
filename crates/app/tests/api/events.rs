//! `GET /runs/{id}/events` and its tickets: who gets as far as the run's object, and what its answers become.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, Response},
};
use oslira_app::{
    features::{
        analysis::{RunState, RunStatus, Ticket, WatchRefusal, Watched},
        judging::ModelChoice,
    },
    http::Live,
    shared::{clock::Clock as _, ids::AccountId},
};
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

use super::{Double, answer, ports, request, send_to};

const SSE: (&str, &str) = ("accept", "text/event-stream");
const SOCKET: (&str, &str) = ("upgrade", "WebSocket");
const TOKEN: (&str, &str) = ("authorization", "Bearer token");

fn run() -> Uuid {
    let now_ms = Double::new().now().as_millisecond();
    Builder::from_unix_timestamp_millis(u64::try_from(now_ms).unwrap(), &[7; 10]).into_uuid()
}

fn watched(watched: Result<Watched, String>) -> Arc<Double> {
    let account_id = AccountId::new(Uuid::nil());
    let row = RunState { account_id, status: RunStatus::Pending, phase: None, error_message: None };
    Arc::new(Double { row: Some(row), watched, ..Double::new() })
}

fn live() -> Arc<Double> {
    watched(Ok(Watched::Live(Live::new("opened"))))
}

async fn ask(double: &Arc<Double>, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send_to(ports(double, ModelChoice::default()), request.body(Body::empty()).unwrap()).await
}

async fn refused(double: &Arc<Double>, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let (status, _, body) = answer(ask(double, path, headers).await).await;
    (status.as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
}

fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn events(query: &str) -> String {
    format!("/runs/{}/events{query}", run())
}

fn ticket_of(run: Uuid) -> String {
    Ticket::new(&format!("object of {run}"), "5".repeat(64)).text()
}

#[tokio::test]
async fn a_stream_has_the_head_of_every_answer_and_what_the_platform_opened() {
    let double = live();
    let response = ask(&double, &events("?after=3"), &[TOKEN, SSE, ("origin", super::OUR_SITE)]).await;
    assert_eq!(response.status(), 200);
    for (name, wanted) in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-store, no-transform"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", "request"),
        ("access-control-allow-origin", super::OUR_SITE),
    ] {
        assert_eq!(response.headers().get(name).map(|value| value.to_str().unwrap()), Some(wanted), "{name}");
    }
    assert_eq!(response.extensions().get::<Live>().and_then(Live::opened), Some(&"opened"));
    assert_eq!(double.asked(), [json!("row"), json!({ "watched": "stream", "seen": 3 })]);
}

#[tokio::test]
async fn a_websocket_is_opened_for_who_asks_for_one() {
    let double = live();
    let response = ask(&double, &events(""), &[TOKEN, SOCKET, ("connection", "Upgrade")]).await;
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["x-request-id"], "request");
    assert!(response.extensions().get::<Live>().is_some());
    assert_eq!(double.asked().last(), Some(&json!({ "watched": "socket", "seen": 0 })));
}

#[tokio::test]
async fn who_saw_the_end_is_told_not_to_come_back() {
    let response = ask(&watched(Ok(Watched::Over)), &events(""), &[TOKEN, SSE]).await;
    assert_eq!(response.status(), 204);
    assert!(response.extensions().get::<Live>().is_none());
}

#[tokio::test]
async fn the_header_of_a_browser_that_connects_again_is_newer_than_the_address() {
    for (header, query, seen) in [("5", "?after=3", 5), ("", "?after=3", 3), ("0", "", 0)] {
        let double = live();
        ask(&double, &events(query), &[TOKEN, SSE, ("last-event-id", header)]).await;
        assert_eq!(double.asked().last(), Some(&json!({ "watched": "stream", "seen": seen })), "{header} {query}");
    }
}

#[tokio::test]
async fn what_is_no_number_of_an_event_is_refused() {
    for query in ["?after=", "?after=-1", "?after=x", "?after=9007199254740992", "?after=1&after=2"] {
        assert_eq!(refused(&live(), &events(query), &[TOKEN, SSE]).await, code(400, "invalid_after"), "{query}");
    }
    let header = ("last-event-id", "seven");
    assert_eq!(refused(&live(), &events(""), &[TOKEN, SSE, header]).await, code(400, "invalid_after"));
}

#[tokio::test]
async fn who_says_neither_learns_what_to_send_but_only_of_a_run_of_theirs() {
    let double = live();
    for accept in ["*/*", "application/json", "text/event-streams"] {
        let headers = [TOKEN, ("accept", accept), ("upgrade", "h2c")];
        assert_eq!(refused(&double, &events(""), &headers).await, code(406, "transport_required"), "{accept}");
    }
    let accept = ("accept", "application/json, text/event-stream;q=0.5");
    assert_eq!(ask(&double, &events(""), &[TOKEN, accept]).await.status(), 200);
    assert_eq!(refused(&Arc::new(Double::new()), &events(""), &[TOKEN]).await, code(404, "run_not_found"));
}

#[tokio::test]
async fn a_head_request_opens_nothing() {
    let double = live();
    let request = Request::head(events("")).header(TOKEN.0, TOKEN.1).header(SSE.0, SSE.1).body(Body::empty()).unwrap();
    let response = send_to(ports(&double, ModelChoice::default()), request).await;
    assert_eq!(response.status(), 406);
    assert_eq!(double.asked(), [json!("row")]);
}

#[tokio::test]
async fn a_run_that_the_database_does_not_show_wakes_no_object() {
    let double = Arc::new(Double { watched: Ok(Watched::Live(Live::new(()))), ..Double::new() });
    assert_eq!(refused(&double, &events(""), &[TOKEN, SSE]).await, code(404, "run_not_found"));
    let post = request("POST", &events("/ticket"), &Value::Null);
    let (status, _, _) = answer(send_to(ports(&double, ModelChoice::default()), post).await).await;
    assert_eq!(status, 404);
    assert_eq!(double.asked(), [json!("row"), json!("row")]);
}

#[tokio::test]
async fn a_ticket_that_was_made_for_another_run_or_by_nobody_asks_nobody() {
    let double = live();
    let later = Builder::from_unix_timestamp_millis(1_750_000_000_000, &[8; 10]).into_uuid();
    for ticket in [ticket_of(later), ticket_of(run()).replace('5', "g"), "x".to_owned(), String::new()] {
        let path = events(&format!("?ticket={ticket}"));
        assert_eq!(refused(&double, &path, &[SSE]).await, code(401, "ticket_refused"), "{ticket}");
    }
    let path = format!("/runs/{}/events?ticket={}", Uuid::nil(), ticket_of(Uuid::nil()));
    assert_eq!(refused(&double, &path, &[SSE]).await, code(401, "ticket_refused"), "such an id we never made");
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_ticket_opens_without_a_token_and_a_token_goes_before_it() {
    let double = live();
    let path = events(&format!("?ticket={}", ticket_of(run())));
    assert_eq!(ask(&double, &path, &[SSE]).await.status(), 200);
    assert_eq!(double.asked(), [json!({ "watched": "stream", "seen": 0 })], "the database is not asked");
    assert_eq!(refused(&double, &path, &[]).await, code(406, "transport_required"), "and the ticket is not used up");
    assert_eq!(double.asked().len(), 1);
    ask(&double, &path, &[TOKEN, SSE]).await;
    assert_eq!(double.asked().get(1), Some(&json!("row")));
    assert_eq!(refused(&double, &events(""), &[SSE]).await, code(401, "token_missing"));
}

#[tokio::test]
async fn a_ticket_is_given_for_a_minute_to_who_sees_the_run() {
    let double = live();
    let post = request("POST", &events("/ticket"), &Value::Null);
    let (status, _, body) = answer(send_to(ports(&double, ModelChoice::default()), post).await).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["data"], json!({ "ticket": ticket_of(run()), "expires_at": "2026-11-23T12:01:00Z" }));
    assert_eq!(double.asked(), [json!("row"), json!("ticket kept")]);
}

#[tokio::test]
async fn what_the_object_refuses_has_a_code_of_its_own() {
    for (outcome, wanted) in [
        (Ok(Watched::Refused(WatchRefusal::Full)), code(429, "too_many_watchers")),
        (Ok(Watched::Refused(WatchRefusal::AccountFull)), code(429, "too_many_streams")),
        (Ok(Watched::Refused(WatchRefusal::Overloaded)), code(503, "events_unavailable")),
        (Ok(Watched::Refused(WatchRefusal::Ticket)), code(401, "ticket_refused")),
        (Ok(Watched::Refused(WatchRefusal::NotFound)), code(404, "run_not_found")),
        (Err("the object is gone".to_owned()), code(503, "events_unavailable")),
    ] {
        assert_eq!(refused(&watched(outcome), &events(""), &[TOKEN, SSE]).await, wanted);
    }
}
