//! A charge that takes the balance below a threshold hands on what it has set out to buy.

use std::sync::Arc;

use async_trait::async_trait;
use oslira_app::{
    features::{
        analysis::{BeginOutcome, Receipt},
        billing::TopUpQueue,
        judging::ModelChoice,
    },
    shared::ids::RunId,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Double, answer, ports, request, send_to};

const PURCHASE: Uuid = Uuid::from_u128(7);
const RUN: RunId = RunId::new(Uuid::from_u128(0x0198_c1f2_7c7e_7aaa_8f1e_3a51_bb3c_9d10));

/// Takes nothing.
struct Full;

#[async_trait]
impl TopUpQueue for Full {
    async fn enqueue(&self, _: Uuid) -> Result<(), String> {
        Err("the queue is full".to_owned())
    }
}

fn receipt(top_up: Option<Uuid>) -> Receipt {
    Receipt { run_id: RUN, credits: 1, balance: 9, top_up }
}

/// What the database answers to a bulk.
fn plan(outcome: &str, top_up: Option<Uuid>) -> Arc<Double> {
    let bulk = json!({
        "outcome": outcome, "bulk_id": RUN, "credits_each": 1, "credits": 1, "balance": 9, "top_up": top_up,
        "items": [{ "line": 1, "username": "nasa", "run_id": RUN }], "held": [], "skipped": [], "waiting": [],
        "continue_until": null,
    });
    Arc::new(Double { bulk, ..Double::new() })
}

/// The status, and the purchases that were asked for; of a queue that is full, none.
async fn post(double: &Arc<Double>, path: &str, body: &Value, is_full: bool) -> (u16, Vec<Value>) {
    let mut ports = ports(double, ModelChoice::default());
    if is_full {
        ports.analysis.top_ups = Arc::new(Full);
    }
    let (status, _, _) = answer(send_to(ports, request("POST", path, body)).await).await;
    let purchases = double.asked().into_iter().filter_map(|asked| asked.get("top_up").cloned());
    (status.as_u16(), purchases.collect())
}

fn analysis() -> Value {
    json!({ "username": "nasa", "analysis_type": "LIGHT", "business_profile_id": Uuid::nil() })
}

fn bulk() -> Value {
    json!({ "usernames": ["nasa"], "analysis_type": "LIGHT", "business_profile_id": Uuid::nil() })
}

async fn start(begun: BeginOutcome, is_full: bool) -> (u16, Vec<Value>) {
    post(&Double::refusing(begun), "/v1/analyze", &analysis(), is_full).await
}

#[tokio::test]
async fn an_analysis_asks_for_exactly_what_its_charge_has_set_out_to_buy() {
    assert_eq!(start(BeginOutcome::Started(receipt(Some(PURCHASE))), false).await, (202, vec![json!(PURCHASE)]));
    assert_eq!(start(BeginOutcome::Started(receipt(None)), false).await, (202, vec![]));
    let replay = BeginOutcome::Replay(receipt(Some(PURCHASE)));
    assert_eq!(start(replay, false).await, (202, vec![]), "the first request has asked");
}

#[tokio::test]
async fn a_bulk_asks_for_exactly_what_its_charges_have_set_out_to_buy() {
    let path = "/v1/bulk-analyze";
    assert_eq!(post(&plan("ok", Some(PURCHASE)), path, &bulk(), false).await, (202, vec![json!(PURCHASE)]));
    assert_eq!(post(&plan("ok", None), path, &bulk(), false).await, (202, vec![]));
    assert_eq!(post(&plan("replay", Some(PURCHASE)), path, &bulk(), false).await, (202, vec![]));
}

#[tokio::test]
async fn the_rest_of_a_pilot_asks_for_what_its_charges_have_set_out_to_buy() {
    let path = format!("/runs/{RUN}/continue");
    let buying = plan("ok", Some(PURCHASE));
    assert_eq!(post(&buying, &path, &Value::Null, false).await, (202, vec![json!(PURCHASE)]));
    assert_eq!(post(&plan("ok", None), &path, &Value::Null, false).await, (202, vec![]));
}

#[tokio::test]
async fn a_queue_that_is_full_fails_no_start() {
    assert_eq!(start(BeginOutcome::Started(receipt(Some(PURCHASE))), true).await, (202, vec![]));
    for path in ["/v1/bulk-analyze".to_owned(), format!("/runs/{RUN}/continue")] {
        let double = plan("ok", Some(PURCHASE));
        assert_eq!(post(&double, &path, &bulk(), true).await, (202, vec![]), "{path}");
        assert!(double.asked().iter().any(|asked| asked.get("started").is_some()), "{path}");
    }
}
