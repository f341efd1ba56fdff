//! Thresholds.

use std::sync::Arc;

use serde_json::{Value, json};

use super::till::{Till, ask_till};

const PATH: &str = "/credits/alerts";

fn thresholds() -> Value {
    json!({
        "low_balance_at": 20,
        "auto_top_up": { "is_on": true, "threshold": 10, "pack": "pack_100", "monthly_max_cents": 50000 },
    })
}

/// With one field changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = thresholds();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn set(outcome: &Value) -> Arc<Till> {
    let mut alerts = json!({ "outcome": "ok", "low_balance_at": null, "auto_top_up": null });
    alerts.as_object_mut().unwrap().extend(outcome.as_object().unwrap().clone());
    Arc::new(Till { alerts, ..Till::new() })
}

#[tokio::test]
async fn thresholds_are_read_and_set_and_taken_away() {
    let stored = json!({
        "low_balance_at": 20,
        "auto_top_up": {
            "is_on": false, "threshold": 10, "pack": "pack_100", "monthly_max_cents": 50000,
            "stopped_because": "payment_failed",
        },
    });
    let till = Arc::new(Till { alerts: stored.clone(), ..Till::new() });
    let (status, _, body) = ask_till(&till, "GET", PATH, Value::Null).await;
    assert_eq!((status.as_u16(), &body["data"]), (200, &stored));

    for body in [thresholds(), json!({ "low_balance_at": null, "auto_top_up": null })] {
        let till = set(&stored);
        let (status, _, answer) = ask_till(&till, "PUT", PATH, body.clone()).await;
        assert_eq!((status.as_u16(), &answer["data"]), (200, &stored), "what the database has now");
        let mut asked = body;
        if let Some(top_up) = asked["auto_top_up"].as_object_mut() {
            top_up.insert("stopped_because".to_owned(), Value::Null);
        }
        assert_eq!(till.asked(), [asked]);
    }
}

#[tokio::test]
async fn leaving_a_threshold_out_does_not_turn_it_off() {
    let mut without_pack = thresholds();
    without_pack["auto_top_up"].as_object_mut().unwrap().remove("pack");
    for body in [
        json!({}),
        json!({ "low_balance_at": 20 }),
        json!({ "low_balance_at": null }),
        json!({ "auto_top_up": null }),
        without_pack,
        with("/low_balance_at", json!("20")),
        with("/low_balance_at", json!(1.5)),
        with("/auto_top_up", json!(true)),
        with("/auto_top_up/is_on", json!(1)),
        with("/auto_top_up/threshold", Value::Null),
    ] {
        let till = set(&json!({}));
        let (status, _, answer) = ask_till(&till, "PUT", PATH, body.clone()).await;
        assert_eq!((status.as_u16(), &answer["code"]), (422, &json!("invalid_request")), "{body}");
        assert_eq!(till.asked(), [Value::Null; 0], "{body}");
    }
}

#[tokio::test]
async fn every_number_has_a_range() {
    for (pointer, field, max) in [
        ("/low_balance_at", "low_balance_at", 1_000_000),
        ("/auto_top_up/threshold", "auto_top_up.threshold", 1_000_000),
        ("/auto_top_up/monthly_max_cents", "auto_top_up.monthly_max_cents", 100_000_000),
    ] {
        for value in [1, max] {
            let till = set(&json!({}));
            let (status, _, body) = ask_till(&till, "PUT", PATH, with(pointer, json!(value))).await;
            assert_eq!((status.as_u16(), till.asked().len()), (200, 1), "{field} {value}: {body}");
        }
        for value in [0, -1, max + 1, i64::MIN, i64::MAX] {
            let till = set(&json!({}));
            let (status, _, body) = ask_till(&till, "PUT", PATH, with(pointer, json!(value))).await;
            assert_eq!((status.as_u16(), &body["code"]), (422, &json!("invalid_alert")), "{field} {value}");
            assert_eq!(body["details"], json!({ "field": field }), "{field} {value}");
            assert_eq!(till.asked(), [Value::Null; 0], "{field} {value}");
        }
    }
}

#[tokio::test]
async fn a_pack_that_does_not_exist_is_named_as_the_fault() {
    let till = set(&json!({ "outcome": "unknown_pack" }));
    let (status, _, body) = ask_till(&till, "PUT", PATH, thresholds()).await;
    assert_eq!((status.as_u16(), &body["code"]), (422, &json!("invalid_alert")));
    assert_eq!(body["details"], json!({ "field": "auto_top_up.pack" }));

    // A NUL in a text is an error to the database, and would be answered as a defect of ours.
    let till = set(&json!({}));
    let (status, _, body) = ask_till(&till, "PUT", PATH, with("/auto_top_up/pack", json!("pack\0"))).await;
    assert_eq!((status.as_u16(), &body["details"]["field"]), (422, &json!("auto_top_up.pack")), "{body}");
    assert_eq!(till.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn who_may_not_read_or_set_thresholds_is_told_so() {
    let (status, _, body) = ask_till(&Arc::new(Till::new()), "GET", PATH, Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_forbidden")));
    let till = set(&json!({ "outcome": "forbidden" }));
    let (status, _, body) = ask_till(&till, "PUT", PATH, thresholds()).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_forbidden")));
}
