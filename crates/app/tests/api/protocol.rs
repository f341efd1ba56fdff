//! What holds for every answer and every request, whatever the route.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, Response, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oslira_app::{features::judging::ModelChoice, http::Trapped};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Double, OUR_SITE, answer, ask, send};

async fn get(path: &str) -> Response<Body> {
    let request = Request::get(path).header(header::ORIGIN, OUR_SITE).header(header::AUTHORIZATION, "Bearer token");
    send(&Arc::new(Double::new()), ModelChoice::default(), request.body(Body::empty()).unwrap()).await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no {name}: {headers:?}")).to_str().unwrap()
}

#[tokio::test]
async fn a_browser_may_send_the_headers_of_tracing() {
    let asked = "authorization,baggage,content-type,idempotency-key,if-match,traceparent,x-account-id,x-request-id";
    let request = Request::options("/v1/analyze")
        .header(header::ORIGIN, OUR_SITE)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, asked)
        .body(Body::empty())
        .unwrap();
    let response = send(&Arc::new(Double::new()), ModelChoice::default(), request).await;
    let allowed = text(response.headers(), "access-control-allow-headers").to_lowercase();
    for name in asked.split(',') {
        assert!(allowed.split(',').any(|other| other.trim() == name), "{name} is not in {allowed}");
    }
}

#[tokio::test]
async fn a_cursor_outside_the_calendar_of_the_database_is_refused() {
    let id = Uuid::nil();
    for time in
        ["-000044-03-15T12:00:00Z", "0000-12-31T23:59:59Z", "-009999-01-02T01:59:59Z", "+010000-01-01T00:00:00Z"]
    {
        for (list, position) in [
            ("/leads?sort=newest&", format!("newest|{time}|{id}")),
            ("/leads?sort=updated&", format!("updated|{time}|{id}")),
            ("/business-profiles?", format!("{time}|{id}")),
        ] {
            let path = format!("{list}cursor={}", URL_SAFE_NO_PAD.encode(&position));
            let (status, _, body) = ask(&Arc::new(Double::new()), "GET", &path, Value::Null).await;
            assert_eq!((status.as_u16(), &body["code"]), (400, &json!("invalid_cursor")), "{position}");
        }
    }
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
    let double = Arc::new(Double::new());
    for cap in ["50.0", "5e1", "50"] {
        let body = serde_json::from_str(&format!("{{\"daily_cap\":{cap}}}")).unwrap();
        let (status, _, body) = ask(&double, "PUT", "/credits/budget", body).await;
        assert_eq!(status.as_u16(), 200, "{cap}: {body}");
    }
    assert_eq!(double.asked(), [json!(50), json!(50), json!(50)]);
    for (cap, code) in [("50.5", "invalid_request"), ("1e300", "invalid_request"), ("-1.0", "invalid_daily_cap")] {
        let body = serde_json::from_str(&format!("{{\"daily_cap\":{cap}}}")).unwrap();
        let (status, _, body) = ask(&double, "PUT", "/credits/budget", body).await;
        assert_eq!((status.as_u16(), &body["code"]), (422, &json!(code)), "{cap}");
    }
}

#[tokio::test]
async fn a_token_that_is_too_long_is_told_so() {
    let request =
        Request::get("/credits/balance").header(header::AUTHORIZATION, format!("Bearer {}", "a".repeat(8_193)));
    let double = Arc::new(Double::new());
    let sent = send(&double, ModelChoice::default(), request.body(Body::empty()).unwrap()).await;
    let (status, _, body) = answer(sent).await;
    assert_eq!((status.as_u16(), &body["code"]), (401, &json!("token_malformed")));
    assert!(body["error"].as_str().unwrap().contains("8,192 characters"), "{body}");
}

/// All headers but the length.
fn headers(response: &Response<Body>) -> HeaderMap {
    let mut headers = response.headers().clone();
    headers.remove(header::CONTENT_LENGTH);
    headers
}

/// What is answered without a handler carries the same headers as what a handler answers.
#[tokio::test]
async fn an_answer_without_a_handler_carries_the_headers_of_all_others() {
    let usual = get("/health").await;
    for (path, status) in [("/nowhere".to_owned(), 404), (format!("/leads?q={}", "x".repeat(8_192)), 414)] {
        let response = get(&path).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(headers(&response), headers(&usual), "{status}");
        let (_, _, body) = answer(response).await;
        assert_eq!(body["requestId"], "request");
        assert!(body["error"].as_str().unwrap().ends_with('.'), "{body}");
    }
}

#[tokio::test]
async fn a_request_is_counted_once_by_its_route_with_its_code_and_status() {
    for (path, route, code, status) in [
        ("/health", "/health", "ok", 200.0),
        ("/runs/x", "/runs/{id}", "", 400.0),
        ("/nowhere", "unmatched", "", 404.0),
    ] {
        let double = Arc::new(Double::new());
        let response = send(&double, ModelChoice::default(), super::request("GET", path, &Value::Null)).await;
        assert_eq!(f64::from(response.status().as_u16()), status, "{path}");
        let points = double.points.lock().unwrap();
        let [point] = points.as_slice() else { panic!("{path}: {points:?}") };
        assert_eq!((point.index.as_str(), point.blobs[3].as_str()), (route, route));
        assert_eq!((point.blobs[0].as_str(), point.blobs[5].as_str()), ("request", "GET"));
        assert!(if code.is_empty() { point.blobs[4] != "ok" } else { point.blobs[4] == code }, "{point:?}");
        assert_eq!(point.doubles[2], status);
    }
}

#[tokio::test]
async fn a_request_that_trapped_is_answered_and_not_handled_again() {
    let double = Arc::new(Double::new());
    let mut request = super::request("PUT", "/credits/budget", &json!({ "daily_cap": 1 }));
    request.headers_mut().insert(header::ORIGIN, OUR_SITE.parse().unwrap());
    request.extensions_mut().insert(Trapped { cause: "unreachable".to_owned(), stack: "at f (a.js:1:2)".to_owned() });
    let response = send(&double, ModelChoice::default(), request).await;
    assert_eq!(headers(&response), headers(&get("/health").await));
    let (status, _, body) = answer(response).await;
    assert_eq!((status.as_u16(), &body["code"]), (500, &json!("internal_error")));
    assert!(!body.to_string().contains("unreachable") && !body.to_string().contains("a.js"), "{body}");
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_document_carries_the_headers_of_all_others_but_for_its_own() {
    let usual = headers(&get("/health").await);
    for (path, kind) in [
        ("/openapi.json", "application/json; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs.css", "text/css; charset=utf-8"),
    ] {
        let response = get(path).await;
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let headers = response.headers().clone();
        for (name, value) in &usual {
            if !["content-type", "cache-control", "content-security-policy"].contains(&name.as_str()) {
                assert_eq!(headers.get(name), Some(value), "{name} of {path}");
            }
        }
        assert_eq!(text(&headers, "content-type"), kind);
        assert_eq!(text(&headers, "cache-control"), "public, max-age=300");
        assert!(text(&headers, "content-security-policy").contains("style-src 'self'"));
        // entry.js fills the body in.
        assert!(to_bytes(response.into_body(), 1).await.unwrap().is_empty());
    }
    let strange = Request::get("/openapi.json").header(header::ORIGIN, "https://other.example").body(Body::empty());
    let response = send(&Arc::new(Double::new()), ModelChoice::default(), strange.unwrap()).await;
    assert_eq!(text(response.headers(), "access-control-allow-origin"), "*", "anybody's tools may read it");
}
