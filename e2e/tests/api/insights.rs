//! Insights over HTTP: a customer's own runs in credits, everybody's in dollars for operators, before and after the sums are made.

use oslira_e2e::{Stack, User, eventually, handle};
use reqwest::Method;
use serde_json::{Value, json};

const VIEWS: [&str; 5] = ["latency", "costs", "cache", "errors", "drivers"];

async fn view(user: &User, name: &str) -> Value {
    user.get(&format!("/insights/{name}?days=1")).await.data(200).clone()
}

#[tokio::test]
async fn a_customer_reads_how_their_analyses_went_before_and_after_the_sums_are_made() {
    let stack = Stack::load();
    let (user, other) = (User::new(&stack, 10).await, User::new(&stack, 10).await);
    let username = handle("coffee");
    user.analysed(&username).await;
    // From the cache.
    let again = user.analysed(&username).await;
    assert_eq!(again["cache_hit"], true, "{again}");
    other.analysed(&handle("yoga")).await;
    for is_summed in [false, true] {
        if is_summed {
            // What ended within the last minute stays for the next job, and is read from the rows: both are added up.
            let report = stack.xtask_cron("sum-up", None).await.unwrap();
            assert_eq!(report["is_cut_short"], false, "{report}");
        }
        let latency = view(&user, "latency").await;
        let groups: Vec<Value> = latency["analyses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| json!([group["analysis_type"], group["cached"], group["runs"]]))
            .collect();
        assert_eq!(json!(groups), json!([["LIGHT", true, 1], ["LIGHT", false, 1]]));
        for group in latency["analyses"].as_array().unwrap() {
            let p95 = |part: &str| group[part]["p95_ms"].as_u64().unwrap();
            let parts = p95("waiting") + p95("reading") + p95("judging");
            assert!(parts.abs_diff(p95("total")) <= 3, "of one run the parts make the whole: {group}");
        }
        let costs = view(&user, "costs").await;
        assert_eq!((&costs["runs"], &costs["credits"], &costs["refunded"]), (&json!(2), &json!(2), &json!(0)));
        let cache = view(&user, "cache").await;
        assert_eq!((&cache["complete"], &cache["cached"], &cache["share"]), (&json!(2), &json!(1), &json!(0.5)));
        assert_eq!(view(&user, "errors").await["success_rate"], json!(1.0));
        let drivers = view(&user, "drivers").await;
        assert_eq!(drivers["by_spender"][0]["spender"]["id"], json!(user.user_id));
    }
    user.get("/insights/latency?days=93").await.refused(400, "invalid_query");
    user.get("/insights/latency?last_day=tomorrow").await.refused(400, "invalid_query");
}

#[tokio::test]
async fn operators_read_all_of_it_in_dollars_and_each_look_is_written_down() {
    let stack = Stack::load();
    let (operator, user) = (User::new(&stack, 0).await, User::new(&stack, 10).await);
    user.analysed(&handle("coffee")).await;
    let path = |name: &str| format!("/operator/insights/{name}?days=1");
    for name in VIEWS {
        operator.operate(Method::GET, &path(name), None).await.refused(403, "operator_required");
        let customers = view(&user, name).await.to_string();
        assert!(!customers.contains("usd") && !customers.contains("apify"), "{customers}");
    }
    operator.appoint().await;
    for name in VIEWS {
        operator.operate(Method::GET, &path(name), None).await.data(200);
    }
    let costs = operator.operate(Method::GET, &path("costs"), None).await;
    let costs = costs.data(200);
    assert!(costs["ai_usd"].as_f64().unwrap() > 0.0 && costs["scrape_usd"].as_f64().unwrap() > 0.0, "{costs}");
    let drivers = operator.operate(Method::GET, &path("drivers"), None).await;
    assert!(!drivers.data(200)["calls"].as_array().unwrap().is_empty());
    let actions = operator.operate(Method::GET, "/operator/actions?limit=100", None).await;
    let mine = actions.data(200)["items"].as_array().unwrap().iter().filter(|action| {
        action["operator_id"] == json!(operator.user_id) && action["action"].as_str().unwrap().starts_with("insight_")
    });
    assert_eq!(mine.count(), VIEWS.len() + 2);
}

#[tokio::test]
async fn an_alarm_is_a_row_and_a_report_that_says_which_one_it_is() {
    let stack = Stack::load();
    let sql = stack.sql().await;
    let waiting = "insert into webhook_events (id, type, payload, outcome, received_at, next_attempt_at)
                   values ('evt_insights', 'x', '{}', 'unreadable', now() - interval '2 hours', now() + interval '1 year')";
    sql.execute(waiting, &[]).await.unwrap();
    let report = stack.xtask_cron("check-alarms", None).await.unwrap();
    let rows = "select count(*) from alarms
                 where alarm = 'webhooks' and subject = 'unreadable' and closed_at is null and opening_told_at is not null";
    assert_eq!(sql.query_one(rows, &[]).await.unwrap().get::<_, i64>(0), 1, "{report}");
    let id = "select id from alarms where alarm = 'webhooks' and subject = 'unreadable' and closed_at is null";
    let id: i64 = sql.query_one(id, &[]).await.unwrap().get(0);
    let event = eventually("the report of the alarm", async || {
        let kept = stack.control(Method::GET, "telemetry").query(&[("match", "an alarm begins")]).send().await.unwrap();
        let kept: Value = kept.json().await.unwrap();
        let events = kept["sentry"]["events"].as_array().unwrap();
        events.iter().find(|event| event["tags"]["alarm_id"] == json!(id.to_string())).cloned()
    })
    .await;
    assert_eq!((&event["tags"]["alarm"], &event["tags"]["subject"]), (&json!("webhooks"), &json!("unreadable")));
    assert_eq!(event["exception"]["values"][0]["value"], json!("an alarm begins"));
    assert!(event["fingerprint"].as_array().unwrap().contains(&json!(format!("alarm_id={id}"))), "{event}");
    sql.execute("delete from webhook_events where id = 'evt_insights'", &[]).await.unwrap();
}
