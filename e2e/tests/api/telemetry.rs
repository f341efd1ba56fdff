//! What happens is counted, with its costs and without anybody's words; an error is reported, without a secret.

use oslira_e2e::{Answer, Stack, User, eventually, handle};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The answer of the SQL API; none while there is no point at all.
async fn asked(stack: &Stack, query: &str) -> Vec<Value> {
    let url = format!("{}/cloudflare/client/v4/accounts/local/analytics_engine/sql", stack.sandbox_url);
    let request = stack.http().post(url).bearer_auth("sandbox-analytics-token").body(query.to_owned());
    let response = request.send().await.unwrap();
    if response.status() == StatusCode::UNPROCESSABLE_ENTITY {
        let why = response.text().await.unwrap();
        assert!(why.starts_with("unable to find type of table"), "{why}: {query}");
        return vec![];
    }
    assert_eq!(response.status(), StatusCode::OK, "{query}");
    response.json::<Value>().await.unwrap()["data"].as_array().unwrap().clone()
}

/// All points about a run or a request, with every column that has a text.
async fn points(stack: &Stack, id: &str) -> Vec<Value> {
    let texts: Vec<String> = (1..=20).map(|number| format!("blob{number}")).collect();
    let query = format!(
        "SELECT index1, double1, double2, double3, {} FROM oslira WHERE blob2 = '{id}' ORDER BY timestamp",
        texts.join(", ")
    );
    asked(stack, &query).await
}

fn of_kind<'a>(points: &'a [Value], kind: &str) -> Vec<&'a Value> {
    points.iter().filter(|point| point["blob1"] == kind).collect()
}

fn microusd(points: &[&Value]) -> f64 {
    points.iter().map(|point| point["double2"].as_f64().unwrap()).sum()
}

#[tokio::test]
async fn a_run_is_counted_with_each_call_and_scrape_and_what_they_cost() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    stack.rewrite(&username, json!({ "biography": "Telltale beans of Lisbon" })).await;
    let run = user.analysed_despite_outages(&username, "LIGHT").await;
    let id = run["id"].as_str().unwrap();
    let (ai_bills, scrape_bills) = (user.bills("ai_usage_logs", id).await, user.bills("scrape_logs", id).await);

    let points = eventually("the points of the run", async || {
        let points = points(&stack, id).await;
        let is_whole = of_kind(&points, "run").len() == 1
            && of_kind(&points, "ai_call").len() >= ai_bills.len()
            && of_kind(&points, "scrape").len() >= scrape_bills.len();
        is_whole.then_some(points)
    })
    .await;
    let (calls, scrapes) = (of_kind(&points, "ai_call"), of_kind(&points, "scrape"));
    assert_eq!((calls.len(), scrapes.len()), (ai_bills.len(), scrape_bills.len()), "{points:#?}");
    let (ai_microusd, scrape_microusd) = user.billed_microusd(id).await;
    assert_eq!((microusd(&calls), microusd(&scrapes)), (ai_microusd as f64, scrape_microusd as f64), "{points:#?}");
    let [ended] = of_kind(&points, "run")[..] else { panic!("{points:#?}") };
    assert_eq!(ended["double2"].as_f64(), Some((ai_microusd + scrape_microusd) as f64), "{ended}");
    assert_eq!(
        (&ended["blob4"], &ended["blob5"], &ended["blob7"]),
        (&json!("LIGHT"), &json!("complete"), &json!("miss"))
    );
    let account = user.account_id.to_string();
    for point in &points {
        assert_eq!((&point["index1"], &point["blob3"]), (&json!(account), &json!(account)), "{point}");
        assert!((1.0..600_000.0).contains(&point["double1"].as_f64().unwrap()), "{point}");
    }
    assert!(calls.iter().all(|call| call["double3"].as_f64().unwrap() > 500.0), "input tokens: {calls:#?}");
    let all = json!(points).to_string();
    for theirs in [username.as_str(), "Telltale", "beans"] {
        assert!(!all.contains(theirs), "a point holds {theirs}: {all}");
    }
}

#[tokio::test]
async fn a_request_is_counted_by_its_route_and_a_job_by_its_name() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let id = format!("counted-{}", user.user_id.simple());
    let unknown = user.request(Method::GET, &format!("/leads/{}", user.user_id)).header("x-request-id", &id);
    Answer::read(unknown.send().await.unwrap()).await.refused(404, "lead_not_found");
    let request = eventually("the point of the request", async || points(&stack, &id).await.pop()).await;
    assert_eq!((&request["index1"], &request["blob4"]), (&json!("/leads/{id}"), &json!("/leads/{id}")));
    assert_eq!((&request["blob5"], &request["blob6"]), (&json!("lead_not_found"), &json!("GET")));
    assert_eq!(request["double3"], 404.0);

    stack.run_daily_job().await;
    let jobs = "SELECT count() AS times FROM oslira WHERE blob1 = 'job' AND blob4 = 'watch-models' AND blob5 = 'ok'";
    eventually("the point of the job", async || {
        let counted = asked(&stack, jobs).await;
        counted.first().is_some_and(|row| row["times"].as_f64() > Some(0.0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_error_is_reported_with_its_request_and_without_a_secret() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let id = format!("broken-{}", user.user_id.simple());
    // Only this user's request waits for the lock, until its statement is given up.
    let holder = stack.sql().await;
    holder.batch_execute("begin").await.unwrap();
    holder.execute("select from credit_balances where account_id = $1 for update", &[&user.account_id]).await.unwrap();
    let request = user.request(Method::PUT, "/credits/budget").header("x-request-id", &id);
    let answer = Answer::read(request.json(&json!({ "daily_cap": 5 })).send().await.unwrap()).await;
    holder.batch_execute("rollback").await.unwrap();
    answer.refused(503, "database_unavailable");

    let event = eventually("the report of the error", async || {
        let kept = stack.control(Method::GET, "telemetry").query(&[("match", &id)]).send().await.unwrap();
        let kept: Value = kept.json().await.unwrap();
        kept["sentry"]["events"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!((&event["level"], &event["environment"]), (&json!("error"), &json!("local")));
    assert_eq!(event["tags"]["request_id"], json!(id));
    let exception = &event["exception"]["values"][0];
    assert_eq!(
        (&exception["type"], &exception["value"]),
        (&json!("oslira_app::http::error"), &json!("store unavailable"))
    );
    assert!(event["release"].as_str().unwrap().starts_with("oslira@"), "{event}");
    let text = event.to_string();
    let password = std::fs::read_to_string(stack.dir().join("database-password")).unwrap_or_default();
    let account = user.account_id.to_string();
    for secret in ["eyJ", "Bearer", "sandbox-", "daily_cap", "statement timeout", &account, password.trim()] {
        assert!(secret.is_empty() || !text.contains(secret), "a report holds {secret}: {text}");
    }
    let counted = eventually("the point of the error", async || {
        let mut points = points(&stack, &id).await;
        points.retain(|point| point["blob1"] == "error");
        points.pop()
    })
    .await;
    assert_eq!((&counted["blob4"], &counted["blob5"]), (&exception["type"], &exception["value"]));
}

#[tokio::test]
async fn nothing_is_sent_that_the_real_services_would_drop() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    user.get("/credits/balance").await.data(200);
    let kept: Value = stack.control(Method::GET, "telemetry").send().await.unwrap().json().await.unwrap();
    assert_eq!((&kept["points"]["dropped"], &kept["sentry"]["refused"]), (&json!([]), &json!([])));
}
