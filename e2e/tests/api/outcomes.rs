//! How leads turned out: said, shown, taken back, exported.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

async fn mark(user: &User, id: &str, body: &Value) -> Answer {
    let request = user.request(Method::POST, &format!("/leads/{id}/outcome")).json(body);
    Answer::read(request.send().await.unwrap()).await
}

/// The lines of an export.
async fn exported(user: &User, query: &str) -> Vec<Value> {
    let response = user.request(Method::GET, &format!("/leads/outcomes.ndjson{query}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    let (start, end) = ("attachment; filename=\"oslira-outcomes-2", ".ndjson\"");
    assert!(disposition.starts_with(start) && disposition.ends_with(end), "{disposition}");
    response.text().await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_outcome_is_said_shown_exported_taken_back_and_goes_with_its_lead() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.analysed(&handle("fitness")).await;
    let (id, result) = (run["lead_id"].as_str().unwrap(), &run["result"]);
    assert_eq!(user.get(&format!("/leads/{id}")).await.data(200)["outcome"], Value::Null);

    let said = mark(&user, id, &json!({ "outcome": "won" })).await.data(200).clone();
    assert_eq!(
        (&said["lead_id"], &said["outcome"], &said["score"]),
        (&run["lead_id"], &json!("won"), &result["score"])
    );
    assert_eq!(mark(&user, id, &json!({ "outcome": "won" })).await.data(200), &said, "a repeat gives the first answer");
    assert_eq!(user.get("/leads").await.data(200)["items"][0]["outcome"], "won");
    let one = user.get(&format!("/leads/{id}")).await.data(200).clone();
    assert_eq!(one["outcome"]["analysis_id"], one["latest_analysis"]["id"]);
    for field in ["outcome", "marked_at", "analysis_id", "score"] {
        assert_eq!(one["outcome"][field], said[field], "{field}");
    }

    let lines = exported(&user, &format!("?business_profile_id={}", user.business_profile_id)).await;
    assert_eq!((lines.len(), &lines[0]["outcome"], &lines[0]["analysis_type"]), (1, &json!("won"), &json!("LIGHT")));
    for field in ["score", "fit_score", "confidence", "role", "seems_minor", "profile", "facts"] {
        assert_eq!(lines[0][field], result[field], "{field}");
        assert!(!lines[0][field].is_null(), "{field}");
    }
    let business = user.get(&format!("/business-profiles/{}", user.business_profile_id)).await.data(200).clone();
    for field in ["name", "offering", "target_audience", "ideal_customer"] {
        assert_eq!(lines[0]["business"][field], business[field], "{field}");
    }
    assert_eq!(exported(&user, &format!("?business_profile_id={}", Uuid::new_v4())).await, [Value::Null; 0]);

    mark(&user, id, &json!({ "outcome": null })).await.data(200);
    assert_eq!(user.get(&format!("/leads/{id}")).await.data(200)["outcome"], Value::Null);
    assert_eq!(exported(&user, "").await, [Value::Null; 0]);

    mark(&user, id, &json!({ "outcome": "wrong" })).await.data(200);
    Answer::read(user.request(Method::DELETE, &format!("/leads/{id}")).send().await.unwrap()).await.data(200);
    assert_eq!(exported(&user, "").await, [Value::Null; 0]);
    mark(&user, id, &json!({ "outcome": "won" })).await.refused(404, "lead_not_found");
    user.settles_at(4).await;
}

#[tokio::test]
async fn another_accounts_lead_can_be_neither_marked_nor_exported() {
    let stack = Stack::load();
    let (owner, stranger) = (User::new(&stack, 5).await, User::new(&stack, 0).await);
    let run = owner.analysed(&handle("fitness")).await;
    let id = run["lead_id"].as_str().unwrap();
    mark(&owner, id, &json!({ "outcome": "won" })).await.data(200);
    for outcome in [json!("lost"), json!("won"), Value::Null] {
        mark(&stranger, id, &json!({ "outcome": outcome })).await.refused(404, "lead_not_found");
    }
    let borrowed = format!("?business_profile_id={}", owner.business_profile_id);
    for query in ["", &borrowed] {
        assert_eq!(exported(&stranger, query).await, [Value::Null; 0], "{query}");
    }
    assert_eq!(exported(&owner, "").await.len(), 1);
    assert_eq!(owner.get(&format!("/leads/{id}")).await.data(200)["outcome"]["outcome"], "won");
}

#[tokio::test]
async fn an_outcome_that_makes_no_sense_says_nothing() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let unknown = Uuid::new_v4().to_string();
    for body in [json!({}), json!({ "outcome": "maybe" }), json!({ "outcome": "won", "score": 100 })] {
        mark(&user, &unknown, &body).await.refused_for(&body.to_string(), 422, "invalid_request");
    }
    mark(&user, "7", &json!({ "outcome": "won" })).await.refused(400, "invalid_id");
    mark(&user, &unknown, &json!({ "outcome": "won" })).await.refused(404, "lead_not_found");
    let path = "/leads/outcomes.ndjson?business_profile_id=7";
    assert_eq!(user.get(path).await.refused(400, "invalid_query")["field"], "business_profile_id");
}

#[tokio::test]
async fn a_thousand_marks_are_enough_for_a_day() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.analysed(&handle("fitness")).await;
    let id = run["lead_id"].as_str().unwrap();
    let lead: Uuid = id.parse().unwrap();
    // Dated a day ahead, so that midnight does not end the limit in mid test.
    let before = "insert into lead_outcomes (account_id, lead_id, analysis_id, score, outcome, marked_by, marked_at)
        select l.account_id, l.id, l.latest_analysis_id, l.score, 'lost', $2, now() + interval '1 day'
        from leads l, generate_series(1, 1000) where l.id = $1";
    stack.sql().await.execute(before, &[&lead, &user.user_id]).await.unwrap();
    let refused = mark(&user, id, &json!({ "outcome": "won" })).await;
    assert_eq!(refused.refused(429, "too_many_outcomes")["limit"], 1000);
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    mark(&user, id, &json!({ "outcome": "lost" })).await.data(200);
}
