//! Insights: what is asked of the database for a request, and what its answer becomes.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use oslira_app::{
    api::UserPorts,
    features::{
        auth::Member,
        insights::{Insight, InsightDays, InsightPorts, InsightStore},
        judging::ModelChoice,
    },
    shared::store::StoreError,
};
use serde_json::{Value, json};

use crate::{Double, answer, ports, request, send_to};

/// Shows the same to everybody, or nothing, and remembers what it was asked.
#[derive(Default)]
struct Shown {
    document: Option<Value>,
    asked: Mutex<Vec<(Insight, InsightDays)>>,
}

#[async_trait]
impl InsightStore for Shown {
    async fn insight(&self, _: Member, what: Insight, days: InsightDays) -> Result<Option<Value>, StoreError> {
        self.asked.lock().unwrap().push((what, days));
        Ok(self.document.clone())
    }
}

async fn ask(store: &Arc<Shown>, path: &str) -> (u16, Value) {
    let ports = UserPorts {
        insights: InsightPorts { store: store.clone() },
        ..ports(&Arc::new(Double::new()), ModelChoice::default())
    };
    let (status, _, body) = answer(send_to(ports, request("GET", path, &Value::Null)).await).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn each_address_asks_its_question_about_the_days_that_are_meant() {
    let store = Arc::new(Shown::default());
    for (path, what) in [
        ("/insights/latency", Insight::Latency),
        ("/insights/costs", Insight::Costs),
        ("/insights/cache", Insight::Cache),
        ("/insights/errors", Insight::Errors),
        ("/insights/drivers", Insight::Drivers),
    ] {
        // The database shows nothing to whoever belongs to the account no more.
        let (status, body) = ask(&store, &format!("{path}?days=7&last_day=2026-11-27")).await;
        assert_eq!((status, &body["code"]), (403, &json!("account_forbidden")), "{path}");
        let days = InsightDays { days: 7, last_day: Some(jiff::civil::date(2026, 11, 27)) };
        assert_eq!(store.asked.lock().unwrap().pop(), Some((what, days)), "{path}");
    }
    let (status, body) = ask(&store, "/insights/cache?days=93").await;
    assert_eq!((status, &body["code"], &body["details"]), (400, &json!("invalid_query"), &json!({ "field": "days" })));
    assert_eq!(store.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_answer_is_what_the_database_shows_and_what_does_not_fit_is_a_fault_of_ours() {
    let document = json!({
        "first_day": "2026-11-27", "last_day": "2026-11-27", "complete": 4, "cached": 1, "share": 0.25,
        "by_type": [{ "analysis_type": "LIGHT", "complete": 4, "cached": 1, "share": 0.25 }], "by_day": [],
    });
    let store = Arc::new(Shown { document: Some(document.clone()), ..Shown::default() });
    let (status, body) = ask(&store, "/insights/cache").await;
    assert_eq!((status, &body["data"]), (200, &document));
    let (status, body) = ask(&store, "/insights/errors").await;
    assert_eq!((status, &body["code"]), (500, &json!("internal_error")));
}
