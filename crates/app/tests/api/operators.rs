//! Operators' routes get the operators' ports, and nobody else's; what else happens when the database has carried a command out.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use jiff::Timestamp;
use oslira_app::{
    api::{HttpConfig, OperatorPorts, RequestKind, operations, router},
    features::{
        analysis::Woken,
        auth::{Operator, SignInPorts},
        billing::DueEvents,
        erasure::{BeginOutcome, Erasure, ErasureDesk, ErasurePorts, NewErasure},
        insights::{Insight, InsightDays, OperatorInsightPorts, OperatorInsightStore},
        judging::ModelChoice,
        operators::{
            AccountView, AdjustOutcome, CreditAdjustment, EventId, EventOutcome, OperatorAction, OperatorActionPorts,
            OperatorCommandPorts, OperatorDesk, OperatorStore, PausedService, RunOutcome, ServicePause,
        },
    },
    http::RequestPorts,
    shared::{
        ids::{AccountId, RunId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{Double, abuse::Counter, answer, blocked::Blocked, ports, send_to, unasked::refuse};

#[tokio::test]
async fn an_operators_route_gets_none_of_a_users_ports() {
    let mut seen = 0;
    let operators = operations();
    for operation in operators.iter().filter(|operation| RequestKind::of(operation.path) == RequestKind::OfAnOperator) {
        let request = Request::builder()
            .method(operation.method.clone())
            .uri(operation.path.replace("{id}", &Uuid::nil().to_string()))
            .header(header::AUTHORIZATION, "Bearer token")
            .header("x-operator-reason", "Ticket 123: they asked")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(operation.example.body.clone().unwrap_or_default().to_string()))
            .unwrap();
        let double = Arc::new(Double::new());
        let (status, _, body) = answer(send_to(ports(&double, ModelChoice::default()), request).await).await;
        assert_eq!((status.as_u16(), &body["code"]), (500, &"internal_error".into()), "{}", operation.path);
        assert_eq!(double.asked().len(), 0, "{}", operation.path);
        seen += 1;
    }
    assert!(seen >= 19, "{seen}");
}

/// The operators' database, in which every run is under way and every event waits.
struct Desk;

fn run() -> Value {
    let id = Uuid::nil();
    json!({ "outcome": "ok", "run": {
        "id": id, "account_id": id, "bulk_id": null, "analysis_type": "LIGHT", "status": "processing", "phase": "cache",
        "credits": 1, "charge_outcome": null, "given_back": 0, "error_code": null, "created_at": "2026-11-27T09:30:00Z",
        "heartbeat_at": null, "finished_at": null,
    } })
}

fn event() -> Value {
    json!({ "outcome": "ok", "event": {
        "id": "evt_1", "type": "invoice.paid", "outcome": "received", "note": null, "account_id": null, "attempts": 0,
        "received_at": "2026-11-27T09:30:00Z", "processed_at": null,
    } })
}

/// There is no account but the one whose id is nil.
fn account(id: AccountId) -> Option<AccountView> {
    let view = json!({
        "id": id, "name": "Fuel", "state": "open", "plan": "starter", "subscription": null,
        "created_at": "2026-11-27T09:30:00Z", "blocked_at": null, "closed_at": null, "erased_at": null, "balance": 0,
        "owed": 0, "daily_credit_cap": null, "people": 1, "active_runs": 0,
    });
    (id == AccountId::new(Uuid::nil())).then(|| serde_json::from_value(view).unwrap())
}

#[async_trait]
impl OperatorDesk for Desk {
    async fn adjust(&self, _: &Operator, _: AccountId, _: &CreditAdjustment) -> Result<AdjustOutcome, StoreError> {
        // As the database answers it, with what nobody reads.
        Ok(serde_json::from_value(json!({ "outcome": "erased", "balance": 7 })).unwrap())
    }

    async fn block(&self, _: &Operator, id: AccountId) -> Result<Option<AccountView>, StoreError> {
        Ok(account(id))
    }

    async fn unblock(&self, _: &Operator, id: AccountId) -> Result<Option<AccountView>, StoreError> {
        Ok(account(id))
    }

    async fn wake_run(&self, _: &Operator, _: RunId) -> Result<RunOutcome, StoreError> {
        Ok(serde_json::from_value(run()).unwrap())
    }

    async fn fail_run(&self, _: &Operator, _: RunId) -> Result<RunOutcome, StoreError> {
        Ok(serde_json::from_value(run()).unwrap())
    }

    async fn refund_run(&self, _: &Operator, _: RunId) -> Result<RunOutcome, StoreError> {
        // As the database answers it, with what nobody reads.
        Ok(serde_json::from_value(json!({ "outcome": "refunded", "run": run()["run"] })).unwrap())
    }

    async fn replay_event(&self, _: &Operator, _: &EventId) -> Result<EventOutcome, StoreError> {
        Ok(serde_json::from_value(event()).unwrap())
    }

    async fn drop_event(&self, _: &Operator, _: &EventId) -> Result<EventOutcome, StoreError> {
        Ok(serde_json::from_value(json!({ "outcome": "not_found", "event": null })).unwrap())
    }

    async fn pauses(&self, _: &Operator) -> Result<Vec<ServicePause>, StoreError> {
        refuse()
    }

    async fn pause(
        &self,
        _: &Operator,
        _: PausedService,
        _: Option<Timestamp>,
    ) -> Result<Vec<ServicePause>, StoreError> {
        Ok(vec![])
    }

    async fn resume(&self, _: &Operator, _: PausedService) -> Result<Vec<ServicePause>, StoreError> {
        refuse()
    }
}

#[async_trait]
impl OperatorStore for Desk {
    async fn actions(&self, _: &Operator, _: PageQuery<i64>) -> Result<Page<OperatorAction>, StoreError> {
        refuse()
    }

    async fn account(&self, _: &Operator, _: AccountId) -> Result<Option<AccountView>, StoreError> {
        refuse()
    }

    async fn accounts_of(&self, _: &Operator, _: &str) -> Result<Vec<AccountView>, StoreError> {
        refuse()
    }
}

#[async_trait]
impl ErasureDesk for Desk {
    async fn begin(&self, _: &Operator, _: &NewErasure) -> Result<BeginOutcome, StoreError> {
        refuse()
    }

    async fn find(&self, _: &Operator, _: Uuid) -> Result<Option<Erasure>, StoreError> {
        refuse()
    }
}

#[async_trait]
impl OperatorInsightStore for Desk {
    async fn insight(&self, _: &Operator, _: Insight, _: InsightDays) -> Result<Value, StoreError> {
        refuse()
    }
}

#[async_trait]
impl DueEvents for Double {
    async fn ask(&self) -> Result<(), String> {
        self.heard(json!("due events"));
        if self.launches_nothing { Err("the queue is full".to_owned()) } else { Ok(()) }
    }
}

pub fn operator_ports(double: &Arc<Double>, blocked: &Arc<Blocked>) -> OperatorPorts {
    OperatorPorts {
        request: RequestPorts { clock: double.clone(), ids: double.clone(), telemetry: double.clone(), traffic: None },
        sign_in: SignInPorts { authenticator: double.clone(), familiar: Arc::default() },
        actions: OperatorActionPorts { store: Arc::new(Desk) },
        commands: OperatorCommandPorts {
            desk: Arc::new(Desk),
            launcher: double.clone(),
            progress: double.clone(),
            profiles: double.clone(),
            events: double.clone(),
            blocked: blocked.clone(),
            telemetry: double.clone(),
            clock: double.clone(),
        },
        erasure: ErasurePorts { desk: Arc::new(Desk), ids: double.clone(), clock: double.clone() },
        insights: OperatorInsightPorts { store: Arc::new(Desk) },
        diagnostics: crate::diagnostics::unasked(),
    }
}

/// Status, code and data of a command.
async fn command(double: &Arc<Double>, path: &str, body: Value) -> (u16, Value, Value) {
    command_about(double, &Arc::default(), path, body).await
}

/// The same, with what is remembered of blocked accounts.
async fn command_about(double: &Arc<Double>, blocked: &Arc<Blocked>, path: &str, body: Value) -> (u16, Value, Value) {
    let mut request = Request::post(path)
        .header(header::AUTHORIZATION, "Bearer token")
        .header("x-operator-reason", "Ticket 123: they asked")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    operator_ports(double, blocked).install(request.extensions_mut());
    let response = router(&HttpConfig { cors_origins: vec![] }).oneshot(request).await.unwrap();
    let (status, _, body) = answer(response).await;
    (status.as_u16(), body["code"].clone(), body["data"].clone())
}

#[tokio::test]
async fn a_woken_run_is_the_engines_and_a_failed_one_leaves_the_gates_line_and_its_watchers() {
    let wake = format!("/operator/runs/{}/wake", Uuid::nil());
    let working = Arc::new(Double { only_bulks: true, ..Double::new() });
    let (status, _, data) = command(&working, &wake, json!({})).await;
    assert_eq!((status, &data["status"]), (200, &json!("processing")));
    let gone = Arc::new(Double { launches_nothing: true, ..Double::new() });
    let (status, code, _) = command(&gone, &wake, json!({})).await;
    assert_eq!((status, code), (503, json!("wake_failed")));
    let over = Arc::new(Double { woken: Woken::HasEnded, ..Double::new() });
    let (status, code, _) = command(&over, &wake, json!({})).await;
    assert_eq!((status, code), (409, json!("workflow_ended")));

    let fail = format!("/operator/runs/{}/fail", Uuid::nil());
    assert_eq!(command(&working, &fail, json!({})).await.0, 200);
    let message = "We ended this analysis; your credits were returned";
    let told = json!([Uuid::nil(), { "ended": { "status": "failed", "message": message } }]);
    assert_eq!(working.asked(), [told]);
    assert_eq!(*working.lined_up.lock().unwrap(), [json!("left")]);
    let points = working.points.lock().unwrap().clone();
    let is_told = points.iter().any(|point| point.blobs.iter().any(|text| text == "ended_by_operator"));
    assert!(is_told, "{points:?}");
    let refund = format!("/operator/runs/{}/refund", Uuid::nil());
    let (status, code, _) = command(&working, &refund, json!({})).await;
    assert_eq!((status, code), (409, json!("run_refunded")));
}

#[tokio::test]
async fn an_erased_account_is_given_no_credits() {
    let path = format!("/operator/accounts/{}/credits", Uuid::nil());
    let (status, code, _) = command(&Arc::new(Double::new()), &path, json!({ "credits": 5, "key": "k" })).await;
    assert_eq!((status, code), (410, json!("account_erased")));
}

#[tokio::test]
async fn an_account_that_is_blocked_is_remembered_until_it_is_not() {
    let (double, blocked) = (Arc::new(Double::new()), Arc::new(Blocked::default()));
    let act = async |account: Uuid, what: &str| {
        let path = format!("/operator/accounts/{account}/{what}");
        command_about(&double, &blocked, &path, json!({})).await.0
    };
    assert_eq!((act(Uuid::nil(), "block").await, blocked.is_empty()), (200, false));
    assert_eq!((act(Uuid::nil(), "unblock").await, blocked.is_empty()), (200, true));
    assert_eq!((act(Uuid::from_u128(1), "block").await, blocked.is_empty()), (404, true), "there is no such account");
}

#[tokio::test]
async fn strangers_at_the_same_address_keep_no_operator_out() {
    let mut ports = operator_ports(&Arc::new(Double::new()), &Arc::default());
    ports.request.traffic = Some(Counter::of(1));
    let block = async |token: Option<&str>| {
        let mut request = Request::post(format!("/operator/accounts/{}/block", Uuid::nil()))
            .header("x-operator-reason", "Ticket 123: they asked")
            .header("cf-connecting-ip", "192.0.2.7");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(Body::empty()).unwrap();
        ports.clone().install(request.extensions_mut());
        router(&HttpConfig { cors_origins: vec![] }).oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!((block(None).await, block(None).await), (401, 429));
    assert_eq!(block(Some("oslira_key")).await, 429, "no key is looked up, so it is counted by the address");
    assert_eq!(block(Some("token")).await, 200);
}

#[tokio::test]
async fn an_event_that_is_put_back_is_asked_for_at_once_and_stays_put_back_without_a_queue() {
    for launches_nothing in [false, true] {
        let double = Arc::new(Double { launches_nothing, ..Double::new() });
        let body = json!({ "event_id": "evt_1" });
        let (status, _, data) = command(&double, "/operator/webhook-events/replay", body.clone()).await;
        assert_eq!((status, &data["outcome"]), (202, &json!("received")));
        assert_eq!(double.asked(), [json!("due events")]);
        let (status, code, _) = command(&double, "/operator/webhook-events/drop", body).await;
        assert_eq!((status, code), (404, json!("event_not_found")));
    }
}

#[tokio::test]
async fn a_pause_ends_after_it_has_begun_and_is_of_a_known_service() {
    let double = Arc::new(Double::new());
    let pause = async |body: Value| {
        let (status, code, _) = command(&double, "/operator/pauses", body).await;
        (status, code)
    };
    // The double's clock says noon.
    let over = json!({ "service": "all", "ends_at": "2026-11-23T12:00:00Z" });
    assert_eq!(pause(over).await, (422, json!("invalid_pause_end")));
    assert_eq!(pause(json!({ "service": "all", "ends_at": "2026-11-23T12:00:01Z" })).await.0, 200);
    assert_eq!(pause(json!({ "service": "apify" })).await.0, 200);
    assert_eq!(pause(json!({ "service": "stripe" })).await, (422, json!("invalid_request")));
}
