//! Bulks over the real router: what is read from a request, what is started, and how each decision is told.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use oslira_app::features::judging::ModelChoice;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Double, answer, ask, request, send};

const ID: &str = "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10";

/// What the database answers to a purchase of two lines.
fn plan(outcome: &str) -> Value {
    json!({
        "outcome": outcome, "bulk_id": ID, "credits_each": 1, "credits": 2, "balance": 8,
        "items": [{ "line": 1, "username": "nasa", "run_id": ID }, { "line": 3, "username": "esa", "run_id": ID }],
        "held": [], "skipped": [], "waiting": [], "continue_until": null,
    })
}

fn answering(bulk: Value) -> Arc<Double> {
    Arc::new(Double { bulk, ..Double::new() })
}

fn list(more: Value) -> Value {
    let mut body = json!({ "business_profile_id": Uuid::nil(), "analysis_type": "LIGHT" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn buy(double: &Arc<Double>, more: Value) -> (StatusCode, Option<String>, Value) {
    ask(double, "POST", "/v1/bulk-analyze", list(more)).await
}

#[tokio::test]
async fn a_json_list_is_bought_started_and_reported_line_by_line() {
    let double = answering(plan("ok"));
    let (status, _, body) = buy(&double, json!({ "usernames": ["nasa", "@NASA", "esa", "no name"] })).await;
    assert_eq!(status.as_u16(), 202, "{body}");
    let data = &body["data"];
    assert_eq!((&data["bulk_id"], &data["dry_run"], &data["credits_charged"]), (&json!(ID), &json!(false), &json!(2)));
    assert_eq!(data["charged"], plan("ok")["items"]);
    assert_eq!(
        data["unused"],
        json!([
            { "line": 2, "text": "@NASA", "reason": "duplicate", "first_line": 1 },
            { "line": 4, "text": "no name", "reason": "not_a_username" },
        ])
    );
    let options = json!({ "dry_run": false, "max_credits": null, "pilot": null, "fresh_within_days": null });
    assert_eq!(double.asked(), [json!([["1 nasa", "3 esa"], "LIGHT", options, null]), json!({ "started": "first" })]);
}

#[tokio::test]
async fn a_guard_that_is_spelled_wrong_or_in_the_wrong_place_buys_nothing() {
    let double = answering(plan("ok"));
    let (status, _, body) = buy(&double, json!({ "usernames": ["nasa"], "maxCredits": 1 })).await;
    assert_eq!((status.as_u16(), &body["code"]), (422, &json!("invalid_request")), "{body}");
    let path = "/v1/bulk-analyze?dry_run=true";
    let (status, _, body) = ask(&double, "POST", path, list(json!({ "usernames": ["nasa"] }))).await;
    assert_eq!((status.as_u16(), &body["code"]), (400, &json!("invalid_query")), "{body}");
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_file_is_a_body_too_and_its_options_are_in_the_query() {
    let double = answering(plan("ok"));
    let query =
        format!("business_profile_id={}&analysis_type=DEEP&pilot=1&max_credits=9&fresh_within_days=7", Uuid::nil());
    let file = Request::post(format!("/v1/bulk-analyze?{query}"))
        .header(header::AUTHORIZATION, "Bearer token")
        .header(header::CONTENT_TYPE, "text/csv; charset=utf-16")
        .header("idempotency-key", "key")
        .body(Body::from(
            "\u{feff}Name;Handle\r\nNASA, Inc.;@nasa\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
        ))
        .unwrap();
    let (status, _, body) = answer(send(&double, ModelChoice::default(), file).await).await;
    assert_eq!(status.as_u16(), 202, "{body}");
    let options = json!({ "dry_run": false, "max_credits": 9, "pilot": 1, "fresh_within_days": 7 });
    assert_eq!(double.asked()[0], json!([["2 nasa"], "DEEP", options, "key"]));
    assert_eq!(body["data"]["unused"], json!([{ "line": 1, "text": "Name;Handle", "reason": "header" }]));

    let double = answering(plan("ok"));
    buy(&double, json!({ "csv": "username\nnasa" })).await;
    assert_eq!(double.asked()[0][0], json!(["2 nasa"]));
}

#[tokio::test]
async fn failed_lines_and_stale_leads_are_lists_too() {
    let double = answering(plan("ok"));
    buy(&double, json!({ "stale_leads": true })).await;
    assert_eq!(double.asked()[0][0], json!(["1 stale"]));

    let double = Arc::new(Double { bulk: plan("ok"), found: Some(found()), ..Double::new() });
    buy(&double, json!({ "retry_of": ID })).await;
    assert_eq!(double.asked()[0][0], json!(["7 failed"]));

    let (status, _, body) = buy(&answering(plan("ok")), json!({ "retry_of": ID })).await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!("run_not_found")), "another account's bulk");
}

#[tokio::test]
async fn a_dry_run_starts_nothing_and_tells_what_would_refuse_it() {
    let mut dry = plan("dry_run");
    dry.as_object_mut().unwrap().remove("bulk_id");
    dry["refusal"] = json!({ "outcome": "insufficient_credits", "balance": 1, "required": 2 });
    dry["waiting"] = json!([{ "line": 4, "username": "jaxa" }]);
    let double = answering(dry);
    let (status, _, body) = buy(&double, json!({ "usernames": ["nasa", "esa"], "dry_run": true })).await;
    let data = &body["data"];
    assert_eq!((status.as_u16(), &data["dry_run"], &data["bulk_id"]), (202, &json!(true), &Value::Null), "{body}");
    assert_eq!((&data["credits_charged"], &data["credits_on_continue"]), (&json!(2), &json!(1)));
    assert_eq!(data["would_be_refused"]["code"], "insufficient_credits");
    assert_eq!(data["would_be_refused"]["details"], json!({ "balance": 1, "required": 2 }));
    assert_eq!(double.asked().len(), 1, "nothing was started");
}

#[tokio::test]
async fn a_list_that_is_refused_whole_says_why() {
    let names = json!({ "usernames": ["nasa"] });
    for (outcome, status, code) in [
        (json!({ "outcome": "over_ceiling", "max_credits": 1, "required": 2 }), 402, "over_ceiling"),
        (json!({ "outcome": "nothing_to_do" }), 422, "empty_list"),
        (json!({ "outcome": "rate_limited", "retry_after_s": 60, "limit": 1000 }), 429, "rate_limited"),
        (
            json!({ "outcome": "budget_exceeded", "cap": 1, "used": 0, "required": 2, "resets_in_s": 9 }),
            402,
            "budget_exceeded",
        ),
        (json!({ "outcome": "idempotency_key_reused" }), 422, "idempotency_key_reused"),
        (json!({ "outcome": "forbidden" }), 403, "account_forbidden"),
    ] {
        let double = answering(outcome);
        let (answered, _, body) = buy(&double, names.clone()).await;
        assert_eq!((answered.as_u16(), &body["code"]), (status, &json!(code)));
        assert_eq!(double.asked().len(), 1, "nothing was started");
    }
    let nothing = answering(json!({ "outcome": "nothing_to_do" }));
    let (_, _, body) = buy(&nothing, json!({ "usernames": ["no name"] })).await;
    assert_eq!(body["details"]["unused"][0]["reason"], "not_a_username");
}

#[tokio::test]
async fn a_senseless_request_is_refused_without_asking_the_database() {
    let double = answering(plan("ok"));
    let names = json!(["nasa"]);
    for (body, code) in [
        (json!({}), "invalid_request"),
        (json!({ "usernames": names, "csv": "nasa" }), "invalid_request"),
        (json!({ "usernames": names, "stale_leads": true }), "invalid_request"),
        (json!({ "usernames": names, "max_credits": -1 }), "invalid_request"),
        (json!({ "usernames": names, "pilot": 0 }), "invalid_bulk_option"),
        (json!({ "usernames": names, "fresh_within_days": 366 }), "invalid_bulk_option"),
        (json!({ "usernames": names, "analysis_type": "HUGE" }), "unknown_analysis_type"),
        (json!({ "usernames": names, "business_profile_id": "x" }), "invalid_business_profile_id"),
        (json!({ "csv": "\n".repeat(2_001) }), "list_too_long"),
    ] {
        let (status, _, answer) = buy(&double, body.clone()).await;
        assert_eq!((status.as_u16(), &answer["code"]), (422, &json!(code)), "{body}");
    }
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_list_that_nobody_takes_is_undone_and_told() {
    let double = Arc::new(Double { bulk: plan("ok"), launches_nothing: true, ..Double::new() });
    let (status, retry_after, body) = buy(&double, json!({ "usernames": ["nasa", "esa"] })).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("start_failed")));
    assert_eq!(retry_after.as_deref(), Some("5"));
    assert_eq!(
        double.asked()[1..],
        [json!({ "started": "first" }), json!({ "queued": "first" }), json!("bulk undone")]
    );
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_time_and_started_again_if_need_be() {
    let double = answering(plan("replay"));
    let repeat = request("POST", "/v1/bulk-analyze", &list(json!({ "usernames": ["nasa", "esa"] })));
    let response = send(&double, ModelChoice::default(), repeat).await;
    assert_eq!(response.headers()["idempotency-replayed"], "true");
    assert_eq!(double.asked()[1], json!({ "started": "first" }));
}

#[tokio::test]
async fn nothing_is_started_where_nothing_was_bought() {
    let mut held = plan("ok");
    held["items"] = json!([]);
    held["credits"] = json!(0);
    held["held"] =
        json!([{ "line": 1, "username": "nasa", "lead_id": ID, "score": 70, "analyzed_at": "2026-11-20T12:00:00Z" }]);
    let double = answering(held);
    let (status, _, body) = buy(&double, json!({ "usernames": ["nasa"], "fresh_within_days": 7 })).await;
    assert_eq!((status.as_u16(), &body["data"]["held"][0]["lead_id"]), (202, &json!(ID)), "{body}");
    assert_eq!(double.asked().len(), 1);
}

#[tokio::test]
async fn the_rest_of_a_pilot_is_continued_by_an_instance_of_its_own() {
    let double = answering(plan("ok"));
    let path = format!("/runs/{ID}/continue");
    let (status, _, body) = ask(&double, "POST", &path, Value::Null).await;
    assert_eq!((status.as_u16(), &body["data"]["credits_charged"]), (202, &json!(2)), "{body}");
    assert_eq!(double.asked(), [json!("continued"), json!({ "started": "rest" })]);

    let (status, _, body) =
        ask(&answering(json!({ "outcome": "nothing_to_continue" })), "POST", &path, Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("nothing_to_continue")));
    let (status, _, body) = ask(&answering(json!({ "outcome": "not_found" })), "POST", &path, Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!("run_not_found")));
}

#[tokio::test]
async fn a_bulk_is_cancelled_by_the_route_of_runs() {
    let cancelling = |bulk: Value| Arc::new(Double { bulk, only_bulks: true, ..Double::new() });
    let path = format!("/runs/{ID}/cancel");
    let double = cancelling(json!({ "outcome": "cancelled", "runs": [ID], "refunded": 10, "kept": 5, "balance": 20 }));
    let (status, _, body) = ask(&double, "POST", &path, Value::Null).await;
    let expected = json!({ "status": "cancelled", "refunded": 10, "kept": 5, "balance": 20 });
    assert_eq!((status.as_u16(), &body["data"]), (200, &expected));
    let asked = double.asked();
    let told = asked.iter().find(|asked| asked.is_array()).unwrap();
    assert_eq!((&told[0], &told[1]["ended"]["status"]), (&json!(ID), &json!("cancelled")), "its watchers hear of it");
    let ended = cancelling(json!({ "outcome": "finished", "status": "complete" }));
    let (status, _, body) = ask(&ended, "POST", &path, Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("run_finished")));
    let (status, _, _) = ask(&cancelling(json!({ "outcome": "not_found" })), "POST", &path, Value::Null).await;
    assert_eq!(status.as_u16(), 404);
}

fn found() -> oslira_app::features::analysis::Bulk {
    serde_json::from_value(json!({
        "id": ID, "account_id": ID, "business_profile_id": null, "analysis_type": "LIGHT", "status": "complete",
        "credits_each": 1, "credits_spent": 0, "items": [], "held": [], "skipped": [{ "line": 1, "username": "nasa" }],
        "waiting": [], "continue_until": null, "created_at": "2026-11-20T12:00:00Z", "finished_at": null,
    }))
    .unwrap()
}

#[tokio::test]
async fn a_bulk_is_read_as_json_or_as_a_file() {
    let double = Arc::new(Double { found: Some(found()), ..Double::new() });
    let (status, _, body) = ask(&double, "GET", &format!("/runs/{ID}"), Value::Null).await;
    assert_eq!((status.as_u16(), &body["data"]["skipped"][0]["username"]), (200, &json!("nasa")), "{body}");
    let file = request("GET", &format!("/runs/{ID}?format=csv"), &Value::Null);
    let response = send(&double, ModelChoice::default(), file).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let file = to_bytes(response.into_body(), 65_536).await.unwrap();
    assert!(file.starts_with("\u{feff}line,username,".as_bytes()), "{file:?}");
    let (status, _, body) = ask(&double, "GET", &format!("/runs/{ID}?format=xml"), Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (400, &json!("invalid_query")));
    let (status, _, _) = ask(&Arc::new(Double::new()), "GET", &format!("/runs/{ID}"), Value::Null).await;
    assert_eq!(status.as_u16(), 404);
}

#[tokio::test]
async fn the_progress_of_a_bulk_is_the_mean_of_its_lines() {
    let double = answering(json!({ "status": "processing", "waiting": 0, "ended": 1, "active": [null, "analyzing"] }));
    let (status, _, body) = ask(&double, "GET", &format!("/runs/{ID}/progress"), Value::Null).await;
    assert_eq!((status.as_u16(), &body["data"]["percent"]), (200, &json!(53)), "{body}");
    assert_eq!(body["data"]["message"], "1 of 3 analyses have ended");
}
