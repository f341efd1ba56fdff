//! Diagnostics: what is asked of the database for an operator, what its answers become, and that nobody else is answered.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    api::{HttpConfig, OperatorPorts, router},
    features::{
        alarms::AlarmLimits,
        auth::Operator,
        diagnostics::{DiagnosticsPorts, DiagnosticsStore, HealthSummary, RoundTripCount, RunTimings},
    },
    shared::{clock::Clock, ids::RunId, store::StoreError},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{Double, answer, operators::operator_ports, unasked::refuse};

const NOON: &str = "2026-11-23T12:00:00Z";

/// A database so many milliseconds away, and the clock that it moves. Nobody is an operator for it who gives another reason than the
/// others.
#[derive(Default)]
struct Far {
    trip_ms: i64,
    passed_ms: AtomicI64,
    /// After so many round trips it answers no more.
    trips_max: Option<usize>,
    asked: Mutex<Vec<Value>>,
}

impl Far {
    fn told(&self, what: Value) {
        self.asked.lock().unwrap().push(what);
    }

    fn passes(&self, milliseconds: i64) {
        self.passed_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for Far {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::from_millis(self.passed_ms.load(Ordering::Relaxed));
        NOON.parse::<Timestamp>().unwrap().checked_add(passed).unwrap()
    }
}

#[async_trait]
impl DiagnosticsStore for Far {
    async fn begin_round_trips(&self, operator: &Operator, count: RoundTripCount) -> Result<(), StoreError> {
        self.told(json!([count.get(), operator.reason.to_string()]));
        self.passes(40);
        if operator.reason.to_string() == "I am no operator" { Err(StoreError::OperatorRequired) } else { Ok(()) }
    }

    async fn round_trip(&self) -> Result<(), StoreError> {
        let mut asked = self.asked.lock().unwrap();
        if self.trips_max.is_some_and(|most| asked.len() > most) {
            return Err(StoreError::Unavailable("gone".to_owned()));
        }
        asked.push(json!("round trip"));
        self.passes(self.trip_ms);
        Ok(())
    }

    async fn run_timings(&self, _: &Operator, run: RunId) -> Result<Option<RunTimings>, StoreError> {
        self.told(json!(run));
        Ok(None)
    }

    async fn health(
        &self,
        _: &Operator,
        since: Option<Timestamp>,
        limits: &AlarmLimits,
    ) -> Result<HealthSummary, StoreError> {
        self.told(json!([since, limits.success_min]));
        Ok(serde_json::from_value(summary()).unwrap())
    }
}

fn summary() -> Value {
    json!({
        "since": NOON, "until": NOON, "success_rate": null, "runs": [], "dead_letters": [], "jobs": [], "alarms": [],
        "webhooks": { "unapplied": 0, "oldest_wait_s": 0, "unapplied_before": 0 },
    })
}

/// Ports for tests that do not ask.
pub fn unasked() -> DiagnosticsPorts {
    struct Unasked;

    #[async_trait]
    impl DiagnosticsStore for Unasked {
        async fn begin_round_trips(&self, _: &Operator, _: RoundTripCount) -> Result<(), StoreError> {
            refuse()
        }

        async fn round_trip(&self) -> Result<(), StoreError> {
            refuse()
        }

        async fn run_timings(&self, _: &Operator, _: RunId) -> Result<Option<RunTimings>, StoreError> {
            refuse()
        }

        async fn health(
            &self,
            _: &Operator,
            _: Option<Timestamp>,
            _: &AlarmLimits,
        ) -> Result<HealthSummary, StoreError> {
            refuse()
        }
    }

    DiagnosticsPorts { store: Arc::new(Unasked), clock: Arc::new(Double::new()), limits: Arc::default() }
}

/// Status and body of what an operator is answered, who sends this token and reason.
async fn ask_as(far: &Arc<Far>, token: &str, reason: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let limits = AlarmLimits { success_min: 0.5, ..AlarmLimits::default() };
    let ports = OperatorPorts {
        diagnostics: DiagnosticsPorts { store: far.clone(), clock: far.clone(), limits: Arc::new(limits) },
        ..operator_ports(&Arc::new(Double::new()), &Arc::default())
    };
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("x-operator-reason", reason)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.map(|body| body.to_string()).unwrap_or_default()))
        .unwrap();
    ports.install(request.extensions_mut());
    let response = router(&HttpConfig { cors_origins: vec![] }).oneshot(request).await.unwrap();
    let (status, _, body) = answer(response).await;
    (status.as_u16(), body)
}

async fn ask(far: &Arc<Far>, path: &str, body: Option<Value>) -> (u16, Value) {
    ask_as(far, "token", "Ticket 123: they asked", path, body).await
}

const TRIPS: &str = "/operator/diagnostics/database-round-trips";

#[tokio::test]
async fn each_round_trip_is_timed_after_one_that_asks_who_wants_to_know() {
    let far = Arc::new(Far { trip_ms: 3, ..Far::default() });
    let (status, body) = ask(&far, TRIPS, Some(json!({ "count": 4 }))).await;
    let expected = json!({ "first_ms": 40, "total_ms": 12, "milliseconds": [3, 3, 3, 3] });
    assert_eq!((status, &body["data"]), (200, &expected));
    let asked = far.asked.lock().unwrap().clone();
    let trip = json!("round trip");
    assert_eq!(asked, [json!([4, "Ticket 123: they asked"]), trip.clone(), trip.clone(), trip.clone(), trip]);
}

#[tokio::test]
async fn a_database_that_is_far_away_is_not_waited_for_for_ever_and_one_that_goes_is_told() {
    let far = Arc::new(Far { trip_ms: 7_000, ..Far::default() });
    let (status, body) = ask(&far, TRIPS, Some(json!({ "count": 100 }))).await;
    assert_eq!((status, &body["data"]["milliseconds"]), (200, &json!([7_000, 7_000, 7_000])));
    let gone = Arc::new(Far { trips_max: Some(2), ..Far::default() });
    let (status, body) = ask(&gone, TRIPS, Some(json!({ "count": 5 }))).await;
    assert_eq!((status, &body["code"]), (503, &json!("database_unavailable")));
}

#[tokio::test]
async fn nobody_but_an_operator_measures_and_none_measures_too_much() {
    let far = Arc::new(Far::default());
    for count in [json!(0), json!(101), json!(-1), json!(1.5), json!("5"), json!(null)] {
        let (status, body) = ask(&far, TRIPS, Some(json!({ "count": count }))).await;
        assert_eq!((status, &body["code"]), (422, &json!("invalid_request")), "{count}");
    }
    let body = Some(json!({ "count": 5 }));
    let (status, answer) = ask_as(&far, "oslira_key", "Ticket 123: they asked", TRIPS, body.clone()).await;
    assert_eq!((status, &answer["code"]), (403, &json!("person_required")));
    let (status, answer) = ask_as(&far, "token", "no why", TRIPS, body.clone()).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_reason")));
    assert_eq!(far.asked.lock().unwrap().len(), 0);
    let (status, answer) = ask_as(&far, "token", "I am no operator", TRIPS, body).await;
    assert_eq!((status, &answer["code"]), (403, &json!("operator_required")));
    assert_eq!(far.asked.lock().unwrap().len(), 1, "no statement follows");
}

#[tokio::test]
async fn a_run_that_is_not_there_has_no_timings() {
    let far = Arc::new(Far::default());
    let (status, body) = ask(&far, &format!("/operator/runs/{}/timings", Uuid::nil()), None).await;
    assert_eq!((status, &body["code"]), (404, &json!("run_not_found")));
    let (status, body) = ask(&far, "/operator/runs/7/timings", None).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_id")));
    assert_eq!(*far.asked.lock().unwrap(), [json!(Uuid::nil())]);
}

#[tokio::test]
async fn health_is_asked_about_since_a_moment_of_the_last_days_by_the_deployments_own_limits() {
    let far = Arc::new(Far::default());
    let path = "/operator/health/summary";
    let (status, body) = ask(&far, path, None).await;
    assert_eq!((status, &body["data"]), (200, &summary()));
    let oldest = "2026-11-15T12:00:00Z";
    assert_eq!(ask(&far, &format!("{path}?since={oldest}"), None).await.0, 200);
    assert_eq!(*far.asked.lock().unwrap(), [json!([null, 0.5]), json!([oldest, 0.5])]);
    for wrong in ["2026-11-15T11:59:59Z", "yesterday", "0000-01-01T00:00:00Z"] {
        let (status, body) = ask(&far, &format!("{path}?since={wrong}"), None).await;
        let field = json!({ "field": "since" });
        assert_eq!((status, &body["code"], &body["details"]), (400, &json!("invalid_query"), &field), "{wrong}");
    }
}
