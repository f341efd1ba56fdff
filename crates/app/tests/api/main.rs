//! The routes about money, over the real router: what the database decides becomes a status, a stable code and a
//! sentence that says what to do next. The ports are one double that answers as a test tells it to and remembers what
//! it was asked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this crate is tests")]

mod abuse;
mod account;
mod billing;
mod blocked;
mod bulk;
mod codes;
mod contract;
mod diagnostics;
mod doubles;
mod events;
mod exports;
mod insights;
mod logs;
mod operators;
mod outcomes;
mod progress;
mod protocol;
mod unasked;
mod versions;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use blocked::Blocked;
use jiff::Timestamp;
use oslira_app::{
    api::{HttpConfig, UserPorts, router},
    features::{
        account::AccountPorts,
        analysis::{
            AnalysisPorts, AnalysisRequest, BeginOutcome, Bulk, BulkCancelled, BulkLauncher, BulkLeg, BulkLine,
            BulkOptions, BulkOutcome, BulkProgress, BulkRepository, CancelOutcome, ListEntry, Measured, NewTicket,
            Progress, ProgressBoard, ProgressLookup, ProgressSink, ProgressUpdate, Receipt, RequiredServices, Run,
            RunLauncher, RunRepository, RunState, RunStatus, Spread, Transport, UndoOutcome, WatchQuestion, Watched,
            Woken,
        },
        auth::{AuthError, AuthPorts, Authenticator, ClosedAccount, Member, Membership, Memberships, Role},
        billing::{BillingPorts, TopUpQueue},
        business::BusinessPorts,
        credits::{Balance, Budget, CapOutcome, CreditLedger, CreditPorts, DailyCap, Grant, Transaction},
        health::{DatabaseState, HealthPorts, Readiness},
        insights::InsightPorts,
        judging::{CallKind, ModelChoice, ModelLifecycle, ModelName},
        leads::{LeadPorts, exports_at_once},
        members::MemberPorts,
        profiles::{InstagramHandle, ScrapeFault, Snapshot, SnapshotKey, SnapshotStore},
        scraping::{Collected, ProfileSource, ScrapeRequest},
    },
    http::RequestPorts,
    shared::{
        analysis_type::AnalysisType,
        clock::Clock,
        idempotency::IdempotencyKey,
        ids::{AccountId, BulkId, BusinessProfileId, Ids, RunId, UserId},
        pagination::{Page, PageQuery},
        store::StoreError,
        telemetry::{Point, Telemetry},
    },
};
use serde_json::{Value, json};
use tower::ServiceExt;
use unasked::Unasked;
use uuid::Uuid;

const OUR_SITE: &str = "https://app.oslira.com";
const RESETS_AT: &str = "2026-11-24T00:00:00Z";

/// The ports of one request.
struct Double {
    begun: BeginOutcome,
    measured: Option<Measured>,
    budget: Option<Budget>,
    change: CapOutcome,
    /// The database says that the account is blocked.
    is_blocked: bool,
    /// Neither the engine nor the queue takes a run.
    launches_nothing: bool,
    /// What the engine finds of a run that is to be woken.
    woken: Woken,
    /// The row of every run, as the database shows it to this user.
    row: Option<RunState>,
    /// What the database finds when a start is undone.
    undone: UndoOutcome,
    /// What the run's object answers to somebody who wants to watch.
    watched: Result<Watched, String>,
    /// What the database answers to a bulk, its continuation and its cancellation.
    bulk: Value,
    /// The bulk of every id.
    found: Option<Bulk>,
    /// No id is a single run's.
    only_bulks: bool,
    asked: Mutex<Vec<Value>>,
    /// What the scraper's gate was asked, run and part, and which runs left it.
    lined_up: Mutex<Vec<Value>>,
    /// What was counted.
    points: Mutex<Vec<Point>>,
}

impl Double {
    fn new() -> Self {
        let budget = Budget { daily_cap: Some(50), used_today: 7, resets_at: RESETS_AT.parse().unwrap() };
        Self {
            begun: BeginOutcome::Started(Receipt {
                run_id: RunId::new(Uuid::nil()),
                credits: 1,
                balance: 9,
                top_up: None,
            }),
            measured: Some(Measured {
                credits_each: 5,
                price_usd_each: 4.85,
                balance: 100,
                daily_cap: Some(50),
                used_today: 7,
                all: Some(Spread { p50: 20.04, p90: 31.0, based_on_runs: 12 }),
                cold: None,
                cached: Some(Spread { p50: 9.0, p90: 11.5, based_on_runs: 2 }),
            }),
            budget: Some(budget),
            change: CapOutcome::Set(budget),
            is_blocked: false,
            launches_nothing: false,
            woken: Woken::GoesOn,
            row: None,
            undone: UndoOutcome::Undone,
            watched: Ok(Watched::Over),
            bulk: json!({ "outcome": "not_found" }),
            found: None,
            only_bulks: false,
            asked: Mutex::default(),
            lined_up: Mutex::default(),
            points: Mutex::default(),
        }
    }

    fn refusing(begun: BeginOutcome) -> Arc<Self> {
        Arc::new(Self { begun, ..Self::new() })
    }

    fn heard(&self, what: Value) {
        self.asked.lock().unwrap().push(what);
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

fn ports(double: &Arc<Double>, models: ModelChoice) -> UserPorts {
    let models = Arc::new(models);
    UserPorts {
        request: RequestPorts { clock: double.clone(), ids: double.clone(), telemetry: double.clone(), traffic: None },
        auth: AuthPorts {
            authenticator: double.clone(),
            memberships: double.clone(),
            keys: Arc::new(Unasked),
            familiar: Arc::default(),
            blocked: Arc::new(Blocked::default()),
        },
        members: MemberPorts {
            store: Arc::new(Unasked),
            mailer: Arc::new(Unasked),
            ids: double.clone(),
            clock: double.clone(),
            app_url: "https://app.example".to_owned(),
        },
        account: AccountPorts {
            store: Arc::new(Unasked),
            clock: double.clone(),
            telemetry: double.clone(),
            exports: Arc::new(exports_at_once()),
            progress: double.clone(),
            profiles: double.clone(),
        },
        credits: CreditPorts { ledger: double.clone() },
        billing: BillingPorts {
            billing: Arc::new(Unasked),
            stripe: Arc::new(Unasked),
            readiness: double.clone(),
            ids: double.clone(),
        },
        business: BusinessPorts { profiles: Arc::new(Unasked) },
        insights: InsightPorts { store: Arc::new(Unasked) },
        leads: LeadPorts {
            leads: Arc::new(Unasked),
            outcomes: Arc::new(Unasked),
            work: Arc::new(Unasked),
            filters: Arc::new(Unasked),
            pictures: Arc::new(Unasked),
            clock: double.clone(),
            exports: Arc::new(exports_at_once()),
        },
        analysis: AnalysisPorts {
            runs: double.clone(),
            launcher: double.clone(),
            snapshots: double.clone(),
            profiles: double.clone(),
            bulks: double.clone(),
            bulk_launcher: double.clone(),
            top_ups: double.clone(),
            progress: double.clone(),
            models: models.clone(),
            readiness: double.clone(),
            ids: double.clone(),
            clock: double.clone(),
            telemetry: double.clone(),
            watched: Arc::default(),
        },
        health: HealthPorts { readiness: double.clone(), models, clock: double.clone() },
    }
}

async fn send_to(ports: UserPorts, mut request: Request<Body>) -> Response<Body> {
    ports.install(request.extensions_mut());
    router(&HttpConfig { cors_origins: vec![OUR_SITE.to_owned()] }).oneshot(request).await.unwrap()
}

async fn send(double: &Arc<Double>, models: ModelChoice, request: Request<Body>) -> Response<Body> {
    send_to(ports(double, models), request).await
}

/// Status, `Retry-After` and body.
async fn answer(response: Response<Body>) -> (StatusCode, Option<String>, Value) {
    let retry_after = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = to_bytes(response.into_body(), 65_536).await.unwrap();
    (status, retry_after, serde_json::from_slice(&body).unwrap())
}

fn request(method: &str, path: &str, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, "Bearer token");
    let (json, body) = ("application/json", if body.is_null() { Body::empty() } else { Body::from(body.to_string()) });
    request.header(header::CONTENT_TYPE, json).body(body).unwrap()
}

async fn ask(double: &Arc<Double>, method: &str, path: &str, body: Value) -> (StatusCode, Option<String>, Value) {
    answer(send(double, ModelChoice::default(), request(method, path, &body)).await).await
}

async fn analyze(double: &Arc<Double>) -> (StatusCode, Option<String>, Value) {
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    ask(double, "POST", "/v1/analyze", body).await
}

#[tokio::test]
async fn a_provider_that_is_out_is_told_with_a_time_to_come_back() {
    let (status, retry_after, body) =
        analyze(&Double::refusing(BeginOutcome::ProviderUnavailable { retry_after_s: 47 })).await;
    assert_eq!((status.as_u16(), retry_after.as_deref()), (503, Some("47")));
    assert_eq!((&body["code"], &body["details"]), (&json!("provider_unavailable"), &json!({ "retry_after_s": 47 })));
    let sentence = body["error"].as_str().unwrap();
    let beginning = "Analyses are paused because a service we depend on is out. Nothing was charged; ";
    assert!(sentence.starts_with(beginning), "{sentence}");
}

#[tokio::test]
async fn a_reached_cap_is_told_with_its_numbers_and_the_time_until_it_resets() {
    let over = BeginOutcome::BudgetExceeded { cap: 50, used: 48, required: 5, resets_in_s: 3_600 };
    let (status, retry_after, body) = analyze(&Double::refusing(over)).await;
    assert_eq!((status.as_u16(), retry_after.as_deref()), (402, Some("3600")));
    let details = json!({ "cap": 50, "used": 48, "required": 5, "resets_in_s": 3600 });
    assert_eq!((&body["code"], &body["details"]), (&json!("budget_exceeded"), &details));
}

#[tokio::test]
async fn a_run_that_its_workflow_has_taken_up_goes_on_though_its_start_was_not_answered() {
    let undone = UndoOutcome::Unchanged { status: RunStatus::Processing };
    let double = Arc::new(Double { launches_nothing: true, undone, ..Double::new() });
    let (status, _, body) = analyze(&double).await;
    assert_eq!((status.as_u16(), &body["data"]["status"]), (202, &json!("pending")), "{body}");
    // A cancellation would keep the credits of a customer who then gets no result.
    assert_eq!(double.asked()[1..], [json!("undone")]);
}

#[tokio::test]
async fn the_database_is_told_what_this_deployments_models_need() {
    let double = Arc::new(Double::new());
    let (status, _, body) = analyze(&double).await;
    assert_eq!(status.as_u16(), 202, "{body}");
    assert_eq!(double.asked(), [json!([["apify"], ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"]])]);

    let (double, mut models) = (Arc::new(Double::new()), ModelChoice::default());
    models.without("anthropic");
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    send(&double, models, request("POST", "/v1/analyze", &body)).await;
    assert_eq!(double.asked(), [json!([["apify"], ["openai/gpt-6-luna"]])]);
}

#[tokio::test]
async fn the_scrape_is_asked_for_with_the_request_unless_the_profile_is_cached() {
    let lined_up = async |username: &str, kind: &str, launches_nothing: bool| {
        let double = Arc::new(Double { launches_nothing, ..Double::new() });
        let body = json!({ "username": username, "analysis_type": kind, "business_profile_id": Uuid::nil() });
        send(&double, ModelChoice::default(), request("POST", "/v1/analyze", &body)).await;
        std::mem::take(&mut *double.lined_up.lock().unwrap())
    };
    let details = |name: &str| json!([name, "details", 1]);
    assert_eq!(lined_up("unknown", "LIGHT", false).await, [details("unknown")]);
    assert_eq!(lined_up("unknown", "DEEP", false).await, [details("unknown"), json!(["unknown", {"posts": 50}, 1])]);
    assert_eq!(lined_up("cached", "DEEP", false).await, [Value::Null; 0]);
    // A cache that does not answer is none. A run that is undone leaves the line.
    assert_eq!(lined_up("nasa", "LIGHT", true).await, [details("nasa"), json!("left")]);
}

#[tokio::test]
async fn a_call_that_no_model_answers_is_refused_before_the_charge() {
    let (double, mut models) = (Arc::new(Double::new()), ModelChoice::default());
    models.replace(CallKind::Personality, vec![ModelName::fixed("anthropic/claude")]);
    models.without("anthropic");
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    let (status, _, body) = answer(send(&double, models, request("POST", "/v1/analyze", &body)).await).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("not_ready")));
    assert!(body["details"]["faults"][0].as_str().unwrap().contains(CallKind::Personality.as_str()), "{body}");
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn an_estimate_says_what_it_costs_and_how_long_it_takes() {
    let double = Arc::new(Double::new());
    let (status, _, body) = ask(&double, "GET", "/v1/estimate?analysis_type=DEEP&count=8", Value::Null).await;
    assert_eq!(status.as_u16(), 200, "{body}");
    let expected = json!({
        "analysis_type": "DEEP", "count": 8, "credits_each": 5, "credits_total": 40, "price_usd_each": 4.85, "price_usd_total": 38.8, "balance": 100, "affordable": true,
        "daily_cap_left": 43, "based_on_runs": 12,
        "usual_seconds": {
            "p50": 20.0, "p90": 31.0, "cold": null, "cached": { "p50": 9.0, "p90": 11.5, "based_on_runs": 2 }
        }
    });
    assert_eq!(body["data"], expected);
    assert_eq!(double.asked(), [json!("DEEP")]);

    let (_, _, body) = ask(&double, "GET", "/v1/estimate?analysis_type=LIGHT", Value::Null).await;
    assert_eq!(body["data"]["count"], 1);
}

#[tokio::test]
async fn a_senseless_estimate_is_refused_without_asking_the_database() {
    let double = Arc::new(Double::new());
    for (query, status, code) in [
        ("count=1", 422, "unknown_analysis_type"),
        ("analysis_type=deep", 422, "unknown_analysis_type"),
        ("analysis_type=DEEP&count=0", 400, "invalid_count"),
        ("analysis_type=DEEP&count=101", 400, "invalid_count"),
        ("analysis_type=DEEP&count=1.5", 400, "invalid_count"),
        ("analysis_type=DEEP&count=", 400, "invalid_count"),
        ("analysis_type=DEEP&analysis_type=XRAY", 400, "invalid_query"),
    ] {
        let (answered, _, body) = ask(&double, "GET", &format!("/v1/estimate?{query}"), Value::Null).await;
        assert_eq!((answered.as_u16(), &body["code"]), (status, &json!(code)), "{query}");
    }
    assert_eq!(double.asked(), [Value::Null; 0]);

    let nobody = Arc::new(Double { measured: None, ..Double::new() });
    let (status, _, body) = ask(&nobody, "GET", "/v1/estimate?analysis_type=DEEP", Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_forbidden")));
}

#[tokio::test]
async fn a_budget_is_read_and_set_and_taken_away() {
    let double = Arc::new(Double::new());
    let budget = json!({ "daily_cap": 50, "used_today": 7, "resets_at": RESETS_AT });
    let (status, _, body) = ask(&double, "GET", "/credits/budget", Value::Null).await;
    assert_eq!((status.as_u16(), &body["data"]), (200, &budget));
    for cap in [json!(50), json!(0), Value::Null] {
        let (status, _, body) = ask(&double, "PUT", "/credits/budget", json!({ "daily_cap": cap })).await;
        assert_eq!((status.as_u16(), &body["data"]), (200, &budget), "{cap}");
    }
    assert_eq!(double.asked(), [json!(50), json!(0), Value::Null]);

    let nobody = Arc::new(Double { budget: None, ..Double::new() });
    let (status, _, body) = ask(&nobody, "GET", "/credits/budget", Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_forbidden")));
}

#[tokio::test]
async fn a_budget_that_is_missing_or_senseless_changes_nothing() {
    let double = Arc::new(Double::new());
    for (body, code) in [
        (json!({}), "invalid_request"),
        (json!({ "cap": 5 }), "invalid_request"),
        (json!({ "daily_cap": "5" }), "invalid_request"),
        (json!({ "daily_cap": 1.5 }), "invalid_request"),
        (json!({ "daily_cap": -1 }), "invalid_daily_cap"),
        (json!({ "daily_cap": 1_000_001 }), "invalid_daily_cap"),
    ] {
        let (status, _, answer) = ask(&double, "PUT", "/credits/budget", body.clone()).await;
        assert_eq!((status.as_u16(), &answer["code"]), (422, &json!(code)), "{body}");
    }
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn who_may_not_set_a_budget_is_told_so() {
    let double = Arc::new(Double { change: CapOutcome::Forbidden, ..Double::new() });
    let (status, _, body) = ask(&double, "PUT", "/credits/budget", json!({ "daily_cap": 1 })).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_forbidden")));
}

#[tokio::test]
async fn nobody_without_a_token_hears_of_money() {
    let double = Arc::new(Double::new());
    for (method, path) in
        [("GET", "/v1/estimate?analysis_type=DEEP"), ("GET", "/credits/budget"), ("PUT", "/credits/budget")]
    {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let (status, _, body) = answer(send(&double, ModelChoice::default(), request).await).await;
        assert_eq!((status.as_u16(), &body["code"]), (401, &json!("token_missing")), "{method} {path}");
    }
}
