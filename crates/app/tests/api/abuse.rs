//! Floods and other abuse: who is counted as whom, what the headers say, and what is refused before a database is asked.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, Response, header},
};
use oslira_app::{
    api::UserPorts,
    features::{analysis::BeginOutcome, auth::BlockedAccounts, judging::ModelChoice},
    http::{Client, HEADER_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX, SlowBody, TrafficClass, TrafficLimiter},
    shared::ids::{AccountId, UserId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Double, analyze, answer, ports, request, send_to};

/// Lets so many requests of each client through, and remembers whom it counted.
pub struct Counter {
    most: usize,
    counted: Mutex<Vec<(TrafficClass, Client)>>,
}

impl Counter {
    fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, counted: Mutex::default() })
    }

    fn counted(&self) -> Vec<(TrafficClass, Client)> {
        self.counted.lock().unwrap().clone()
    }
}

#[async_trait]
impl TrafficLimiter for Counter {
    async fn admit(&self, class: TrafficClass, client: &Client) -> bool {
        let mut counted = self.counted.lock().unwrap();
        counted.push((class, client.clone()));
        counted.iter().filter(|entry| **entry == (class, client.clone())).count() <= self.most
    }

    fn scale(&self) -> u32 {
        1
    }
}

/// Remembers blocked accounts.
#[derive(Default)]
pub struct Blocked(Mutex<HashSet<AccountId>>);

impl Blocked {
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

#[async_trait]
impl BlockedAccounts for Blocked {
    async fn is_blocked(&self, account: AccountId) -> bool {
        self.0.lock().unwrap().contains(&account)
    }

    async fn remember(&self, account: AccountId) {
        self.0.lock().unwrap().insert(account);
    }

    async fn forget(&self, account: AccountId) {
        self.0.lock().unwrap().remove(&account);
    }
}

/// The ports of many requests, which one counter counts.
fn counted(double: &Arc<Double>, counter: &Arc<Counter>) -> UserPorts {
    let mut ports = ports(double, ModelChoice::default());
    ports.request.traffic = Some(counter.clone());
    ports
}

fn known() -> Client {
    Client::Known(UserId::new(Uuid::nil()))
}

fn somewhere() -> Client {
    Client::Address("192.0.2.7".to_owned())
}

async fn get(ports: &UserPorts, path: &str, token: Option<&str>) -> Response<Body> {
    let mut request = Request::get(path).header("cf-connecting-ip", "192.0.2.7");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    send_to(ports.clone(), request.body(Body::empty()).unwrap()).await
}

fn told<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_request_is_counted_once_by_who_is_known_and_else_by_the_address() {
    let counter = Counter::of(9);
    let ports = counted(&Arc::new(Double::new()), &counter);
    get(&ports, "/credits/balance", None).await;
    get(&ports, "/credits/balance", Some("token")).await;
    get(&ports, "/credits/balance", Some("token")).await;
    let body = json!({ "daily_cap": 5 });
    send_to(ports.clone(), request("PUT", "/credits/budget", &body)).await;
    get(&ports, "/health", Some("token")).await;
    // Its credential was found good at no time.
    get(&ports, "/credits/balance", Some("unknowable")).await;
    get(&ports, "/credits/balance", Some("unknowable")).await;
    let (read, write, unknown) = (TrafficClass::Read, TrafficClass::Write, TrafficClass::Unknown);
    assert_eq!(
        counter.counted(),
        [
            (unknown, somewhere()),
            (unknown, somewhere()),
            (read, known()),
            (write, known()),
            (unknown, somewhere()),
            (unknown, somewhere()),
            (unknown, somewhere()),
        ]
    );
}

#[tokio::test]
async fn a_flood_is_refused_before_the_database_and_told_by_which_quota() {
    let (double, counter) = (Arc::new(Double::new()), Counter::of(2));
    let ports = counted(&double, &counter);
    let first = get(&ports, "/credits/balance", Some("token")).await;
    assert_eq!((told(&first, "ratelimit-policy"), told(&first, "ratelimit")), (Some("\"unknown\";q=100;w=10"), None));
    let body = json!({ "daily_cap": 5 });
    let put = async || send_to(ports.clone(), request("PUT", "/credits/budget", &body)).await;
    for _ in 0..2 {
        let served = put().await;
        assert_eq!((served.status().as_u16(), told(&served, "ratelimit")), (200, None), "what is left is not known");
        assert_eq!(told(&served, "ratelimit-policy"), Some("\"write\";q=50;w=10"));
    }
    assert_eq!(double.asked().len(), 2);
    let refused = put().await;
    assert_eq!(told(&refused, "ratelimit-policy"), Some("\"write\";q=50;w=10"));
    assert_eq!(told(&refused, "ratelimit"), Some("\"write\";r=0;t=10"));
    let (status, retry_after, body) = answer(refused).await;
    assert_eq!((status.as_u16(), &body["code"], retry_after.as_deref()), (429, &json!("rate_limited"), Some("10")));
    assert_eq!(body["details"], json!({ "retry_after_s": 10 }));
    assert_eq!(double.asked().len(), 2, "it was asked no more");
    // Reading is another count.
    assert_eq!(get(&ports, "/credits/budget", Some("token")).await.status(), 200);
}

#[tokio::test]
async fn the_hourly_limit_of_the_database_is_told_in_the_same_headers() {
    let limited = Double::refusing(BeginOutcome::RateLimited { retry_after_s: 120, limit: 100 });
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    let ports = counted(&limited, &Counter::of(9));
    let response = send_to(ports, request("POST", "/v1/analyze", &body)).await;
    assert_eq!(told(&response, "ratelimit-policy"), Some("\"analyses\";q=100;w=3600"));
    assert_eq!(told(&response, "ratelimit"), Some("\"analyses\";r=0;t=120"));
    let (status, retry_after, body) = answer(response).await;
    assert_eq!((status.as_u16(), &body["code"], retry_after.as_deref()), (429, &json!("rate_limited"), Some("120")));
    assert_eq!(body["details"], json!({ "retry_after_s": 120 }));
}

#[tokio::test]
async fn what_nobody_counts_says_nothing_of_quotas() {
    let (status, _, _) = analyze(&Arc::new(Double::new())).await;
    assert_eq!(status.as_u16(), 202);
    let response = get(&ports(&Arc::new(Double::new()), ModelChoice::default()), "/health", None).await;
    assert_eq!((told(&response, "ratelimit-policy"), told(&response, "ratelimit")), (None, None));
}

#[tokio::test]
async fn a_blocked_account_is_remembered_when_the_database_says_so_and_then_refused_without_it() {
    let blocked = Arc::new(Blocked::default());
    let double = Arc::new(Double { is_blocked: true, ..Double::new() });
    let mut ports = ports(&double, ModelChoice::default());
    ports.auth.blocked = blocked.clone();
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    let buy = async || answer(send_to(ports.clone(), request("POST", "/v1/analyze", &body)).await).await;
    for asked in [1, 1, 1] {
        let (status, _, body) = buy().await;
        assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_blocked")));
        assert_eq!(double.asked().len(), asked, "{:?}", double.asked());
    }
    // Reading is not buying.
    let (status, ..) = answer(send_to(ports.clone(), request("GET", "/credits/budget", &Value::Null)).await).await;
    assert_eq!(status.as_u16(), 200);
    blocked.forget(AccountId::new(Uuid::nil())).await;
    buy().await;
    assert_eq!(double.asked().len(), 2, "the database is asked again");
}

#[tokio::test]
async fn another_refusal_blocks_nobody() {
    let blocked = Arc::new(Blocked::default());
    let double = Double::refusing(BeginOutcome::Forbidden);
    let mut ports = ports(&double, ModelChoice::default());
    ports.auth.blocked = blocked.clone();
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    let (status, ..) = answer(send_to(ports, request("POST", "/v1/analyze", &body)).await).await;
    assert!(status.as_u16() == 403 && blocked.is_empty());
}

#[tokio::test]
async fn a_body_that_is_deep_or_wide_is_refused_before_it_is_parsed() {
    let double = Arc::new(Double::new());
    let deep = "[".repeat(JSON_DEPTH_MAX) + &"]".repeat(JSON_DEPTH_MAX);
    let wide = vec!["0"; JSON_VALUES_MAX + 1].join(",");
    for body in [format!("{{\"username\":{deep}}}"), format!("{{\"username\":[{wide}]}}"), "[".repeat(30_000)] {
        let request = Request::post("/v1/analyze")
            .header(header::AUTHORIZATION, "Bearer token")
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(body))
            .unwrap();
        let (status, _, body) = answer(send_to(ports(&double, ModelChoice::default()), request).await).await;
        assert_eq!((status.as_u16(), &body["code"]), (422, &json!("json_too_complex")));
    }
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn headers_that_are_too_large_and_bodies_that_are_too_slow_are_refused_before_anything_looks_at_them() {
    let double = Arc::new(Double::new());
    let mut large = request("PUT", "/credits/budget", &json!({ "daily_cap": 5 }));
    large.headers_mut().insert("x-filler", "x".repeat(HEADER_BYTES_MAX).parse().unwrap());
    let mut slow = request("PUT", "/credits/budget", &Value::Null);
    slow.extensions_mut().insert(SlowBody);
    for (request, status, code) in [(large, 431, "headers_too_large"), (slow, 408, "body_too_slow")] {
        let (answered, _, body) = answer(send_to(ports(&double, ModelChoice::default()), request).await).await;
        assert_eq!((answered.as_u16(), &body["code"]), (status, &json!(code)));
    }
    assert_eq!(double.asked(), [Value::Null; 0]);
}
