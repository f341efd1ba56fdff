//! Accounts cannot see or change anything of each other.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

async fn as_account(user: &User, account: &str, path: &str) -> Answer {
    Answer::read(user.request(Method::GET, path).header("x-account-id", account).send().await.unwrap()).await
}

#[tokio::test]
async fn another_accounts_run_does_not_exist() {
    let stack = Stack::load();
    let (owner, stranger) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let username = handle("pets");
    let held = stack.hold("openai.chat", &username).await;
    let run = owner.start(&username).await;
    stack.until_received("openai.chat", &username).await;
    for path in [format!("/runs/{run}"), format!("/runs/{run}/progress")] {
        owner.get(&path).await.data(200);
        stranger.get(&path).await.refused_for(&path, 404, "run_not_found");
    }
    stranger.post(&format!("/runs/{run}/cancel")).await.refused(404, "run_not_found");
    for list in ["/runs", "/credits/transactions"] {
        let foreign = stranger.get(list).await;
        let seen = foreign.data(200)["items"].to_string();
        assert!(!seen.contains(&run), "{list}: {seen}");
    }
    stack.release(held).await;
    assert_eq!(owner.end_of(&run).await["status"], "complete", "the stranger's cancel did nothing");
    owner.settles_at(4).await;
    stranger.settles_at(5).await;
}

#[tokio::test]
async fn the_same_profile_in_two_accounts_is_two_runs_and_two_leads() {
    let stack = Stack::load();
    let (one, two) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let username = handle("music");
    let held = stack.hold("apify.start", &username).await;
    let (first, second) = (one.start(&username).await, two.start(&username).await);
    assert_ne!(first, second, "one account's run does not block the other's");
    stack.release(held).await;
    let (first, second) = (one.end_of(&first).await, two.end_of(&second).await);
    assert_ne!(first["lead_id"], second["lead_id"]);
    one.settles_at(4).await;
    two.settles_at(4).await;
}

#[tokio::test]
async fn an_account_is_chosen_only_among_ones_own() {
    let stack = Stack::load();
    let (user, host) = (User::new(&stack, 5).await, User::new(&stack, 9).await);
    let (own, foreign) = (user.account_id.to_string(), host.account_id.to_string());
    for path in [
        "/credits/balance",
        "/credits/transactions",
        "/credits/budget",
        "/v1/estimate?analysis_type=DEEP",
        "/runs",
        "/leads",
        "/business-profiles",
        "/auth/verify",
    ] {
        as_account(&user, &own, path).await.data(200);
        as_account(&user, &foreign, path).await.refused_for(path, 403, "account_forbidden");
        as_account(&user, &Uuid::new_v4().to_string(), path).await.refused_for(path, 403, "account_forbidden");
        // An unreadable id must not fall back to the user's own account.
        for text in ["", "7", "null", "' or 1=1"] {
            as_account(&user, text, path).await.refused_for(&format!("{path} {text:?}"), 400, "invalid_account_id");
        }
    }
    let body = json!({ "username": "nasa", "analysis_type": "LIGHT", "business_profile_id": host.business_profile_id });
    let request = user.analyze_request(&body).header("x-account-id", &foreign);
    Answer::read(request.send().await.unwrap()).await.refused(403, "account_forbidden");
    for (method, path, body) in [
        (Method::PUT, "/credits/budget", json!({ "daily_cap": 0 })),
        (Method::POST, "/business-profiles", json!({ "name": "x", "offering": "x", "target_audience": "x" })),
        (Method::GET, "/leads/export.csv", Value::Null),
        (Method::GET, "/leads/outcomes.ndjson", Value::Null),
    ] {
        let request = user.request(method, path).header("x-account-id", &foreign).json(&body);
        Answer::read(request.send().await.unwrap()).await.refused_for(path, 403, "account_forbidden");
    }
    assert_eq!(host.get("/credits/budget").await.data(200)["daily_cap"], Value::Null);
    assert_eq!(host.get("/business-profiles").await.data(200)["items"].as_array().unwrap().len(), 1);
    host.settles_at(9).await;
}

#[tokio::test]
async fn a_member_of_two_accounts_pays_from_the_one_they_choose() {
    let stack = Stack::load();
    let (user, host) = (User::new(&stack, 5).await, User::new(&stack, 9).await);
    let foreign = host.account_id.to_string();
    // The API caches the user's memberships from here on; that must not hide the account they join next.
    user.get("/credits/balance").await.data(200);
    user.join(&host, "member").await;

    let balance = as_account(&user, &foreign, "/credits/balance").await;
    assert_eq!(balance.data(200), &json!({ "account_id": foreign, "balance": 9, "held": 0, "owed": 0 }));
    let mut body: Value = user.analysis_of(&handle("coffee"));
    let request = user.analyze_request(&body).header("x-account-id", &foreign);
    let answer = Answer::read(request.send().await.unwrap()).await;
    answer.refused_for("a business of the user's other account", 404, "business_profile_not_found");
    body["business_profile_id"] = json!(host.business_profile_id);
    let request = user.analyze_request(&body).header("x-account-id", &foreign);
    let answer = Answer::read(request.send().await.unwrap()).await;
    let run = answer.data(202)["run_id"].as_str().unwrap();
    assert_eq!(host.end_of(run).await["status"], "complete", "seen by the account's owner too");
    host.settles_at(8).await;
    user.settles_at(5).await;
}

#[tokio::test]
async fn who_leaves_an_account_loses_sight_of_it() {
    let stack = Stack::load();
    let (host, guest) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let sql = stack.sql().await;
    let member: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&guest.user_id, &host.account_id];
    guest.join(&host, "member").await;
    let run = host.analysed(&handle("film")).await;
    let path = format!("/runs/{}", run["id"].as_str().unwrap());
    let seen = as_account(&guest, &host.account_id.to_string(), &path).await;
    assert_eq!(seen.data(200)["id"], run["id"]);
    sql.execute("delete from account_members where user_id = $1 and account_id = $2", &member).await.unwrap();
    // The API may cache for a minute which accounts a user can choose; the database decides what they see.
    let refused = as_account(&guest, &host.account_id.to_string(), &path).await;
    assert!(matches!(refused.status, 403 | 404), "{refused:?}");
    let refused = as_account(&guest, &host.account_id.to_string(), "/credits/balance").await;
    refused.refused(403, "account_forbidden");
    let mut body = guest.analysis_of("nasa");
    body["business_profile_id"] = json!(host.business_profile_id);
    let request = guest.analyze_request(&body).header("x-account-id", host.account_id.to_string());
    Answer::read(request.send().await.unwrap()).await.refused(403, "account_forbidden");
    guest.get(&path).await.refused(404, "run_not_found");
    host.settles_at(4).await;
}
