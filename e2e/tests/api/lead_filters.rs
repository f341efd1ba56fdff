//! Saved queries of the leads over HTTP.

use oslira_e2e::{Answer, Stack, User};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn a_filter_is_saved_used_changed_and_deleted() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let open =
        json!({ "name": "Mine", "query": { "owner": "me", "status": "replied,new", "tag": "VIP", "score_min": 70 } });
    let saved = user.ask(user.account_id, Method::POST, "/lead-filters", &open).await;
    let filter = saved.data(201).clone();
    let query = json!({ "owner": "me", "status": "new,replied", "tag": "vip", "score_min": 70, "sort": "newest" });
    assert_eq!((&filter["query"], saved.header("etag")), (&query, Some("\"1\"")));
    assert_eq!(user.ask(user.account_id, Method::POST, "/lead-filters", &open).await.data(201), &filter, "a repeat");
    // What it holds is what the list takes.
    let parameters: Vec<(&str, String)> = query
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)))
        .collect();
    let listed = user.request(Method::GET, "/leads").query(&parameters).send().await.unwrap();
    assert_eq!(Answer::read(listed).await.data(200)["items"], json!([]));

    let other = json!({ "name": "Others", "query": {} });
    let other_id = user.ask(user.account_id, Method::POST, "/lead-filters", &other).await.data(201)["id"].clone();
    let taken = json!({ "name": "MINE", "query": {} });
    user.ask(user.account_id, Method::POST, "/lead-filters", &taken).await.refused(409, "lead_filter_name_taken");
    let path = format!("/lead-filters/{}", filter["id"].as_str().unwrap());
    let change = async |body: &Value, version: &str| {
        let request = user.request(Method::PUT, &path).header("if-match", version).json(body);
        Answer::read(request.send().await.unwrap()).await
    };
    let newer = json!({ "name": "Mine", "query": { "owner": "me" } });
    assert_eq!(change(&newer, "\"1\"").await.data(200)["version"], 2);
    assert_eq!(change(&open, "\"1\"").await.refused(412, "lead_filter_changed")["version"], 2);
    change(&other, "*").await.refused(409, "lead_filter_name_taken");
    let names: Vec<Value> = user.get("/lead-filters").await.data(200)["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|filter| filter["name"].clone())
        .collect();
    assert_eq!(names, ["Mine", "Others"]);

    let deleted = user.ask(user.account_id, Method::DELETE, &path, &Value::Null).await.data(200).clone();
    assert_eq!(user.ask(user.account_id, Method::DELETE, &path, &Value::Null).await.data(200), &deleted);
    change(&newer, "*").await.refused(404, "lead_filter_not_found");
    let stranger = User::new(&stack, 0).await;
    let others = format!("/lead-filters/{}", other_id.as_str().unwrap());
    stranger
        .ask(stranger.account_id, Method::DELETE, &others, &Value::Null)
        .await
        .refused(404, "lead_filter_not_found");
    let activity = user.get("/activity").await;
    let actions: Vec<&str> =
        activity.data(200)["items"].as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["filter_deleted", "filter_changed", "filter_saved", "filter_saved"]);
}

#[tokio::test]
async fn a_filter_that_the_list_would_refuse_is_refused() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    for (name, query, field) in [
        ("", json!({}), "name"),
        ("a\nb", json!({}), "name"),
        (&"x".repeat(81), json!({}), "name"),
        ("x", json!({ "status": "open" }), "query.status"),
        ("x", json!({ "score_min": 9, "score_max": 8 }), "query.score_max"),
        ("x", json!({ "business_profile_id": "7" }), "query.business_profile_id"),
        ("x", json!({ "sort": "name" }), "query.sort"),
    ] {
        let body = json!({ "name": name, "query": query });
        let refused = user.ask(user.account_id, Method::POST, "/lead-filters", &body).await;
        assert_eq!(refused.refused_for(&body.to_string(), 422, "invalid_lead_filter")["field"], field);
    }
    for query in [json!({ "cursor": "x" }), json!({ "score_min": "high" }), json!([])] {
        let body = json!({ "name": "x", "query": query });
        user.ask(user.account_id, Method::POST, "/lead-filters", &body).await.refused_for(
            &body.to_string(),
            422,
            "invalid_request",
        );
    }
    let unknown = format!("/lead-filters/{}", Uuid::new_v4());
    user.ask(user.account_id, Method::DELETE, &unknown, &Value::Null).await.refused(404, "lead_filter_not_found");
    let fill = "insert into lead_filters (account_id, name, query, created_by)
        select $1, 'filter ' || n, '{}', $2 from generate_series(1, 100) n";
    stack.sql().await.execute(fill, &[&user.account_id, &user.user_id]).await.unwrap();
    let body = json!({ "name": "One more", "query": {} });
    assert_eq!(
        user.ask(user.account_id, Method::POST, "/lead-filters", &body).await.refused(409, "lead_filter_limit")["limit"],
        100
    );
}
