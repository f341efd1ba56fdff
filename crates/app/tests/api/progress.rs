//! `GET /runs/{id}/progress`: a run's object is woken only by somebody who is known to see the run.

use std::sync::Arc;

use oslira_app::{
    features::{
        analysis::{Phase, RunState, RunStatus},
        judging::ModelChoice,
    },
    shared::{clock::Clock as _, ids::AccountId},
};
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

use super::{Double, answer, ports, request, send_to};

/// An id as ours, made so long after the double's present moment.
fn run_id(later_ms: i64) -> Uuid {
    let made_ms = Double::new().now().as_millisecond() + later_ms;
    Builder::from_unix_timestamp_millis(u64::try_from(made_ms).unwrap(), &[7; 10]).into_uuid()
}

fn seen() -> Arc<Double> {
    let row = RunState {
        account_id: AccountId::new(Uuid::nil()),
        status: RunStatus::Processing,
        phase: Some(Phase::Analyzing),
        error_message: None,
    };
    Arc::new(Double { row: Some(row), ..Double::new() })
}

#[tokio::test]
async fn an_unknown_run_wakes_no_object() {
    let double = Arc::new(Double::new());
    let path = format!("/runs/{}/progress", run_id(-1_000));
    let (status, _, body) =
        answer(send_to(ports(&double, ModelChoice::default()), request("GET", &path, &Value::Null)).await).await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!("run_not_found")));
    assert_eq!(double.asked(), [json!("row")]);
}

#[tokio::test]
async fn an_id_that_we_never_made_asks_nobody() {
    let double = seen();
    let years = 365 * 86_400_000_i64;
    for id in
        [Uuid::nil(), Uuid::max(), Builder::from_random_bytes([9; 16]).into_uuid(), run_id(600_000), run_id(-8 * years)]
    {
        for (method, path) in [("GET", "/progress"), ("GET", ""), ("POST", "/cancel")] {
            let path = format!("/runs/{id}{path}");
            let asked = send_to(ports(&double, ModelChoice::default()), request(method, &path, &Value::Null));
            let (status, _, body) = answer(asked.await).await;
            assert_eq!((status.as_u16(), &body["code"]), (404, &json!("run_not_found")), "{path}");
        }
    }
    assert_eq!(double.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_cancelled_run_is_counted_for_its_account() {
    let double = seen();
    let path = format!("/runs/{}/cancel", run_id(-1_000));
    let asked = send_to(ports(&double, ModelChoice::default()), request("POST", &path, &Value::Null));
    let (status, _, body) = answer(asked.await).await;
    assert_eq!(status.as_u16(), 200, "{body}");
    let points = double.points.lock().unwrap();
    let runs: Vec<_> = points.iter().filter(|point| point.blobs[0] == "run").collect();
    let [run] = runs.as_slice() else { panic!("{points:?}") };
    assert_eq!((run.blobs[2].as_str(), run.blobs[4].as_str()), (Uuid::nil().to_string().as_str(), "cancelled"));
}

#[tokio::test]
async fn polling_a_run_asks_the_database_first_and_then_the_object_alone() {
    let double = seen();
    let ports = ports(&double, ModelChoice::default());
    let path = format!("/runs/{}/progress", run_id(-1_000));
    let asked = send_to(ports.clone(), request("GET", &path, &Value::Null));
    let (status, _, body) = answer(asked.await).await;
    assert_eq!((status.as_u16(), &body["data"]["status"]), (200, &json!("processing")), "{body}");
    assert_eq!(double.asked(), [json!("row"), json!("object with proof")]);

    send_to(ports, request("GET", &path, &Value::Null)).await;
    // This double's object forgets its proofs: a real one asks for one in a minute.
    let again = [json!("object"), json!("row"), json!("object with proof")];
    assert_eq!(double.asked().get(2..), Some(&again[..]));
}
