//! Errors and points at the sandbox, over a real socket.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside test functions")]
#![expect(clippy::disallowed_methods, reason = "the test is the HTTP client behind the port")]

mod stand;

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use oslira_app::shared::telemetry::{ErrorReport, Event, JobEnded};
use oslira_providers::{Endpoint, LocalPoints, Secret, Sentry, sentry::Delivery};
use oslira_sandbox::{ANALYTICS_TOKEN, SENTRY_PUBLIC_KEY};
use serde_json::{Value, json};
use stand::Stand;

const ID: &str = "00112233445566778899aabbccddeeff";

impl Stand {
    fn sentry(&self, key: &str) -> Sentry {
        let dsn = format!("{}/sentry/1", self.base.replacen("://", &format!("://{key}@"), 1));
        let memory = Arc::new(Mutex::new(None::<String>));
        Sentry::new(self.wire(), dsn.parse().unwrap(), "local".to_owned(), "oslira@test".to_owned(), memory)
    }

    fn points(&self, token: &str) -> LocalPoints {
        LocalPoints::new(self.wire(), Endpoint::new(&format!("{}/cloudflare/points", self.base), Secret::new(token)))
    }

    async fn kept(&self) -> Value {
        self.client.get(format!("{}/control/telemetry", self.base)).send().await.unwrap().json().await.unwrap()
    }
}

fn report() -> ErrorReport {
    let mut report = ErrorReport::at("oslira_app::http::error", Some("crates/app/src/http/error.rs"), Some(35));
    report.note("message", "internal error");
    report.note("request_id", "r-1");
    report
}

/// In the past, so that the minutes of the test are not the clock's.
fn now() -> Timestamp {
    "2026-11-27T12:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn a_report_arrives_whole_and_one_with_a_wrong_key_does_not() {
    let stand = Stand::start().await;
    assert_eq!(stand.sentry(SENTRY_PUBLIC_KEY).report(&report(), ID, now(), now()).await, Delivery::Delivered);
    assert_eq!(stand.sentry("0123").report(&report(), ID, now(), now()).await, Delivery::Refused);
    let kept = stand.kept().await;
    let [event] = kept["sentry"]["events"].as_array().unwrap().as_slice() else { panic!("{kept}") };
    assert_eq!(
        (&event["tags"], &event["logger"]),
        (&json!({ "request_id": "r-1" }), &json!("oslira_app::http::error"))
    );
    assert_eq!(kept["sentry"]["refused"], json!([]));
}

#[tokio::test]
async fn a_limit_of_sentrys_is_kept() {
    let stand = Stand::start().await;
    stand.fault(json!({ "target": "sentry.envelope", "kind": "rate_limit", "retry_after_s": 30, "times": 1 })).await;
    let sentry = stand.sentry(SENTRY_PUBLIC_KEY);
    let send = async |after_s| sentry.report(&report(), ID, now(), now() + SignedDuration::from_secs(after_s)).await;
    assert_eq!(send(0).await, Delivery::Refused);
    assert_eq!(send(29).await, Delivery::HeldBack);
    assert_eq!(send(30).await, Delivery::Delivered);
}

#[tokio::test]
async fn points_are_kept_and_can_be_asked_for() {
    let stand = Stand::start().await;
    let at = Timestamp::now();
    let point = |job| (at, Event::Job(JobEnded { job, is_ok: true, duration_ms: 7 }).point());
    stand.points(ANALYTICS_TOKEN).keep(&[point("clean-up"), point("watch-models"), point("clean-up")]).await.unwrap();
    assert!(stand.points("other").keep(&[point("clean-up")]).await.is_err());
    let ask = async |token: &str| {
        let url = format!("{}/cloudflare/client/v4/accounts/local/analytics_engine/sql", stand.base);
        let query = "SELECT blob4 AS job, SUM(double1) AS ms FROM oslira WHERE timestamp > NOW() - INTERVAL '1' HOUR \
                     GROUP BY job ORDER BY job";
        stand.client.post(url).bearer_auth(token).body(query).send().await.unwrap()
    };
    let answer: Value = ask(ANALYTICS_TOKEN).await.json().await.unwrap();
    assert_eq!(answer["data"], json!([{ "job": "clean-up", "ms": 14.0 }, { "job": "watch-models", "ms": 7.0 }]));
    assert_eq!(ask("other").await.status(), 403);
    assert_eq!(stand.kept().await["points"], json!({ "count": 3, "dropped": [] }));
}
