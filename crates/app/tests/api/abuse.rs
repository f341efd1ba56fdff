//! Floods and other abuse: who is counted as whom, what the headers say, and what is refused before a database is asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, Response, header},
};
use oslira_app::{
    api::UserPorts,
    features::{
        analysis::{BeginOutcome, Ticket},
        judging::ModelChoice,
    },
    http::{
        Client, HEADER_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX, Permit, Refused, Repeatable, SlowBody, TrafficClass,
        TrafficKey, TrafficLimiter, UploadsBusy,
    },
    shared::{
        clock::Clock as _,
        ids::{AccountId, RunId, UserId},
    },
};
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

use super::{
    Double, analyze, answer,
    blocked::{Keys, key},
    ports, request, send_to,
};

/// Lets so many requests of each count through, three times as many on all routes, and remembers what it counted.
pub struct Counter {
    most: usize,
    counted: Mutex<Vec<TrafficKey>>,
}

impl Counter {
    pub fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, counted: Mutex::default() })
    }

    fn counted(&self) -> Vec<TrafficKey> {
        self.counted.lock().unwrap().clone()
    }

    fn has_room(&self, key: &TrafficKey) -> bool {
        let mut counted = self.counted.lock().unwrap();
        counted.push(key.clone());
        let most = if key.class == TrafficClass::AllRoutes { 3 * self.most } else { self.most };
        let count = counted.iter().filter(|other| *other == key).count();
        count <= most
    }
}

#[async_trait]
impl TrafficLimiter for Counter {
    async fn admit(&self, keys: &[TrafficKey]) -> Result<(), Refused> {
        let full: Vec<&TrafficKey> = keys.iter().filter(|key| !self.has_room(key)).collect();
        full.first().map_or(Ok(()), |key| Err(Refused { class: key.class, after_s: 3, certain_ms: 40 }))
    }

    async fn permit(&self, _: &Client) -> Permit {
        Box::new(())
    }

    fn scale(&self) -> u32 {
        1
    }
}

/// The ports of many requests, which one counter counts.
pub fn counted(double: &Arc<Double>, counter: &Arc<Counter>) -> UserPorts {
    let mut ports = ports(double, ModelChoice::default());
    ports.request.traffic = Some(counter.clone());
    ports
}

const READ_POLICY: &str = "\"read\";q=120;w=4, \"all-routes\";q=240;w=4";
const WRITE_POLICY: &str = "\"write\";q=20;w=4, \"all-routes\";q=240;w=4";

/// By what a request of this client on this route is counted.
fn by(class: TrafficClass, client: &Client, route: &'static str) -> Vec<TrafficKey> {
    let of = |class, route| TrafficKey { class, client: client.clone(), route };
    vec![of(class, Some(route)), of(TrafficClass::AllRoutes, None)]
}

fn user() -> Client {
    Client::User(UserId::new(Uuid::nil()))
}

fn somewhere() -> Vec<TrafficKey> {
    vec![TrafficKey { class: TrafficClass::Unknown, client: Client::Address("192.0.2.7".to_owned()), route: None }]
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
    // A good token is its user's from the first time on.
    get(&ports, "/credits/balance", Some("token")).await;
    get(&ports, "/credits/budget", Some("token")).await;
    let body = json!({ "daily_cap": 5 });
    send_to(ports.clone(), request("PUT", "/credits/budget", &body)).await;
    get(&ports, "/health", Some("token")).await;
    // Its credential was found good at no time.
    get(&ports, "/credits/balance", Some("unknowable")).await;
    let expected = [
        somewhere(),
        by(TrafficClass::Read, &user(), "/credits/balance"),
        by(TrafficClass::Read, &user(), "/credits/budget"),
        by(TrafficClass::Write, &user(), "/credits/budget"),
        somewhere(),
        somewhere(),
    ];
    assert_eq!(counter.counted(), expected.concat());
}

/// Admits everybody, and notes when a permit is taken and given back: after how many questions to the ports.
struct Permitted {
    double: Arc<Double>,
    seen: Arc<Mutex<Vec<String>>>,
}

struct Taken(Arc<Double>, Arc<Mutex<Vec<String>>>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(format!("given back after {}", self.0.asked().len()));
    }
}

#[async_trait]
impl TrafficLimiter for Permitted {
    async fn admit(&self, _: &[TrafficKey]) -> Result<(), Refused> {
        Ok(())
    }

    async fn permit(&self, client: &Client) -> Permit {
        assert_eq!(*client, user());
        self.seen.lock().unwrap().push(format!("taken after {}", self.double.asked().len()));
        Box::new(Taken(self.double.clone(), self.seen.clone()))
    }

    fn scale(&self) -> u32 {
        1
    }
}

#[tokio::test]
async fn a_permit_is_held_from_before_the_database_is_asked_until_the_answer_is_made() {
    let (double, seen) = (Arc::new(Double::new()), Arc::default());
    let mut ports = ports(&double, ModelChoice::default());
    ports.request.traffic = Some(Arc::new(Permitted { double: double.clone(), seen: Arc::clone(&seen) }));
    let body = json!({ "daily_cap": 5 });
    send_to(ports.clone(), request("PUT", "/credits/budget", &body)).await;
    assert_eq!(*seen.lock().unwrap(), ["taken after 0", "given back after 1"]);
    // Many people may come from one address.
    for (path, token) in [("/health", None), ("/credits/balance", None), ("/credits/balance", Some("unknowable"))] {
        get(&ports, path, token).await;
    }
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn all_keys_of_an_account_are_counted_together_once_the_database_knows_them() {
    let counter = Counter::of(9);
    let mut ports = counted(&Arc::new(Double::new()), &counter);
    ports.auth.keys = Arc::new(Keys::default());
    for secret in [key("1"), key("2"), key("1"), key("2")] {
        get(&ports, "/credits/budget", Some(&secret)).await;
    }
    let account = by(TrafficClass::Read, &Client::Account(AccountId::new(Uuid::nil())), "/credits/budget");
    assert_eq!(counter.counted(), [somewhere(), somewhere(), account.clone(), account].concat());
}

#[tokio::test]
async fn strangers_at_the_same_address_keep_nobody_out_who_has_a_token() {
    let (double, counter) = (Arc::new(Double::new()), Counter::of(1));
    let ports = counted(&double, &counter);
    for status in [401_u16, 429, 429] {
        assert_eq!(get(&ports, "/credits/budget", None).await.status(), status);
    }
    let stranger = get(&ports, "/credits/budget", Some("unknowable")).await;
    assert_eq!(stranger.status(), 429, "a token that is not good");
    assert!(stranger.extensions().get::<Repeatable>().is_none(), "from elsewhere it has another count");
    // Nobody has seen this one before.
    assert_eq!(get(&ports, "/credits/budget", Some("token")).await.status(), 200);
}

#[tokio::test]
async fn strangers_at_the_same_address_keep_nobody_out_who_has_a_ticket() {
    let (double, counter) = (Arc::new(Double::new()), Counter::of(1));
    let ports = counted(&double, &counter);
    let now_ms = u64::try_from(double.now().as_millisecond()).unwrap();
    let run = Builder::from_unix_timestamp_millis(now_ms, &[7; 10]).into_uuid();
    let open = async |object: &str| {
        let ticket = Ticket::new(object, "5".repeat(64)).text();
        let request = Request::get(format!("/runs/{run}/events?ticket={ticket}"))
            .header("cf-connecting-ip", "192.0.2.7")
            .header(header::ACCEPT, "text/event-stream");
        send_to(ports.clone(), request.body(Body::empty()).unwrap()).await.status().as_u16()
    };
    // Made up, so counted by the address.
    assert_eq!((open("another object").await, open("another object").await), (401, 429));
    assert_eq!(open(&format!("object of {run}")).await, 204);
    let ticket = by(TrafficClass::Read, &Client::Ticket(RunId::new(run)), "/runs/{id}/events");
    assert_eq!(counter.counted()[2..], ticket);
}

#[tokio::test]
async fn a_flood_is_refused_before_the_database_and_told_by_which_quota() {
    let (double, counter) = (Arc::new(Double::new()), Counter::of(2));
    let ports = counted(&double, &counter);
    let first = get(&ports, "/credits/balance", None).await;
    assert_eq!((told(&first, "ratelimit-policy"), told(&first, "ratelimit")), (Some("\"unknown\";q=100;w=10"), None));
    let body = json!({ "daily_cap": 5 });
    let put = async || send_to(ports.clone(), request("PUT", "/credits/budget", &body)).await;
    for _ in 0..2 {
        let served = put().await;
        assert_eq!((served.status().as_u16(), told(&served, "ratelimit")), (200, None), "what is left is not known");
        assert_eq!(told(&served, "ratelimit-policy"), Some(WRITE_POLICY));
    }
    assert_eq!(double.asked().len(), 2);
    let refused = put().await;
    assert_eq!(refused.extensions().get(), Some(&Repeatable { client: format!("user:{}", Uuid::nil()), for_ms: 40 }));
    assert_eq!(told(&refused, "ratelimit-policy"), Some(WRITE_POLICY));
    assert_eq!(told(&refused, "ratelimit"), Some("\"write\";r=0;t=3"));
    let (status, retry_after, body) = answer(refused).await;
    assert_eq!((status.as_u16(), &body["code"], retry_after.as_deref()), (429, &json!("rate_limited"), Some("3")));
    assert_eq!(body["details"], json!({ "retry_after_s": 3 }));
    assert_eq!(double.asked().len(), 2, "it was asked no more");
    // Reading is another count.
    assert_eq!(get(&ports, "/credits/budget", Some("token")).await.status(), 200);
}

#[tokio::test]
async fn what_is_used_up_on_one_route_leaves_the_others_until_all_together_are_too_many() {
    let (double, counter) = (Arc::new(Double::new()), Counter::of(2));
    let ports = counted(&double, &counter);
    let estimate = "/v1/estimate?analysis_type=DEEP";
    for (path, status) in [
        ("/credits/budget", 200_u16),
        ("/credits/budget", 200),
        ("/credits/budget", 429),
        (estimate, 200),
        (estimate, 200),
        ("/credits/grants", 200),
    ] {
        let response = get(&ports, path, Some("token")).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(told(&response, "ratelimit-policy"), Some(READ_POLICY));
    }
    let refused = get(&ports, "/credits/grants", Some("token")).await;
    assert_eq!((refused.status().as_u16(), told(&refused, "ratelimit")), (429, Some("\"all-routes\";r=0;t=3")));
    assert_eq!(told(&refused, "ratelimit-policy"), Some(READ_POLICY));
}

#[tokio::test]
async fn the_hourly_limit_of_the_database_is_told_in_the_same_headers() {
    let limited = Double::refusing(BeginOutcome::RateLimited { retry_after_s: 120, limit: 100, left: 0 });
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
async fn a_list_that_is_too_long_for_what_is_left_of_the_hour_is_told_what_is_left() {
    let bulk = json!({ "outcome": "rate_limited", "retry_after_s": 60, "limit": 1000, "left": 50 });
    let double = Arc::new(Double { bulk, ..Double::new() });
    let body = json!({ "usernames": ["nasa"], "analysis_type": "LIGHT", "business_profile_id": Uuid::nil() });
    let response = send_to(counted(&double, &Counter::of(9)), request("POST", "/v1/bulk-analyze", &body)).await;
    assert_eq!(told(&response, "ratelimit-policy"), Some("\"bulk-analyses\";q=1000;w=3600"));
    assert_eq!(told(&response, "ratelimit"), Some("\"bulk-analyses\";r=50;t=60"));
    let (status, retry_after, body) = answer(response).await;
    assert_eq!((status.as_u16(), &body["code"], retry_after.as_deref()), (429, &json!("rate_limited"), Some("60")));
    assert!(body["error"].as_str().unwrap().contains("too few for this list"), "{body}");
}

#[tokio::test]
async fn what_nobody_counts_says_nothing_of_quotas() {
    let (status, _, _) = analyze(&Arc::new(Double::new())).await;
    assert_eq!(status.as_u16(), 202);
    let response = get(&ports(&Arc::new(Double::new()), ModelChoice::default()), "/health", None).await;
    assert_eq!((told(&response, "ratelimit-policy"), told(&response, "ratelimit")), (None, None));
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
async fn headers_that_are_too_large_and_bodies_that_are_slow_or_too_many_are_refused_before_anything_looks_at_them() {
    let double = Arc::new(Double::new());
    let mut large = request("PUT", "/credits/budget", &json!({ "daily_cap": 5 }));
    large.headers_mut().insert("x-filler", "x".repeat(HEADER_BYTES_MAX).parse().unwrap());
    let mut slow = request("PUT", "/credits/budget", &Value::Null);
    slow.extensions_mut().insert(SlowBody);
    let mut busy = request("PUT", "/credits/budget", &Value::Null);
    busy.extensions_mut().insert(UploadsBusy);
    for (request, status, code, later) in [
        (large, 431, "headers_too_large", None),
        (slow, 408, "body_too_slow", None),
        (busy, 503, "uploads_busy", Some("10")),
    ] {
        let response = send_to(ports(&double, ModelChoice::default()), request).await;
        let (answered, retry_after, body) = answer(response).await;
        assert_eq!((answered.as_u16(), &body["code"], retry_after.as_deref()), (status, &json!(code), later));
    }
    assert_eq!(double.asked(), [Value::Null; 0]);
}
