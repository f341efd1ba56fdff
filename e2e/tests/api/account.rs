//! An account is closed and opened again by its owner, and everything it owns can be taken out.

use oslira_e2e::{Answer, Stack, User};
use reqwest::Method;
use serde_json::{Value, json};

async fn close(user: &User, name: &str) -> Answer {
    user.ask(user.account_id, Method::DELETE, "/account", &json!({ "account_id": user.account_id, "name": name })).await
}

async fn name(user: &User) -> String {
    let account = user.ask(user.account_id, Method::GET, "/account", &Value::Null).await;
    account.data(200)["name"].as_str().unwrap().to_owned()
}

async fn key(user: &User, scopes: Value) -> String {
    let body = json!({ "name": "Import", "scopes": scopes });
    let made = Answer::read(user.request(Method::POST, "/api-keys").json(&body).send().await.unwrap()).await;
    made.data(201)["secret"].as_str().unwrap().to_owned()
}

async fn with_key(stack: &Stack, secret: &str, method: Method, path: &str) -> Answer {
    let request = stack.http().request(method, format!("{}{path}", stack.api_url)).bearer_auth(secret);
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn an_owner_closes_the_account_sees_what_is_left_and_opens_it_again() {
    let stack = Stack::load();
    let [owner, ann] = [User::new(&stack, 5).await, User::new(&stack, 0).await];
    ann.join(&owner, "admin").await;
    let secret = key(&owner, json!(["analyse"])).await;
    let name = name(&owner).await;
    let ours = owner.account_id;

    let body = json!({ "account_id": ours, "name": name });
    let refused = ann.ask(ours, Method::DELETE, "/account", &body).await;
    refused.refused(403, "permission_missing");
    close(&owner, "another").await.refused(422, "account_name_mismatch");
    let closed = close(&owner, &name).await.data(200).clone();
    assert_eq!((&closed["state"], closed["erased_after"].is_string()), (&json!("closed"), true));
    assert_eq!(close(&owner, &name).await.data(200), &closed, "a repeat");

    // Memberships may be remembered for a minute: what they still choose, the database refuses.
    let analysis = owner.analysis_of("nasa");
    for user in [&owner, &ann] {
        user.ask(ours, Method::POST, "/v1/analyze", &analysis).await.refused(403, "account_forbidden");
        user.ask(ours, Method::GET, "/members", &Value::Null).await.refused(403, "account_forbidden");
    }
    ann.ask(ours, Method::GET, "/account", &Value::Null).await.refused(403, "account_forbidden");
    ann.ask(ours, Method::POST, "/account/restore", &Value::Null).await.refused(403, "account_forbidden");
    with_key(&stack, &secret, Method::GET, "/credits/balance").await.refused(401, "key_invalid");
    let verified = owner.get("/auth/verify").await;
    assert_eq!((&verified.data(200)["account_id"], &verified.data(200)["accounts"]), (&Value::Null, &json!([])));
    assert_eq!(verified.data(200)["closed_accounts"][0]["account_id"], json!(ours));
    assert_eq!(owner.get("/account").await.data(200), &closed);

    let restored = owner.post("/account/restore").await;
    assert_eq!((&restored.data(200)["state"], &restored.data(200)["closed_at"]), (&json!("open"), &Value::Null));
    owner.post("/account/restore").await.data(200);
    with_key(&stack, &secret, Method::GET, "/credits/balance").await.data(200);
    ann.ask(ours, Method::GET, "/members", &Value::Null).await.data(200);
    let activity = owner.get("/activity").await;
    let actions: Vec<&Value> =
        activity.data(200)["items"].as_array().unwrap().iter().map(|item| &item["action"]).collect();
    assert_eq!(actions, ["account_restored", "account_closed", "key_created"]);
    owner.analysed_despite_outages("nasa", "LIGHT").await;
}

#[tokio::test]
async fn an_account_that_cannot_be_closed_or_opened_says_why() {
    let stack = Stack::load();
    let owner = User::new(&stack, 0).await;
    let name = name(&owner).await;
    let sql = stack.sql().await;
    let subscribe = "insert into subscriptions (account_id, plan_id, stripe_subscription_id, status, billing_interval, anchor_at,
                       current_period_starts_at, current_period_ends_at, observed_at)
                     values ($1::uuid, 'growth', 'sub_e2e_' || $1::uuid, 'active', 'month', now(), now(), now() + interval '1 month', now())";
    sql.execute(subscribe, &[&owner.account_id]).await.unwrap();
    close(&owner, &name).await.refused(409, "subscription_active");
    let cancel = "update subscriptions set cancel_at = now() + interval '20 days' where account_id = $1";
    sql.execute(cancel, &[&owner.account_id]).await.unwrap();
    close(&owner, &name).await.data(200);
    let age = "update accounts set deleted_at = deleted_at - interval '30 days' where id = $1";
    sql.execute(age, &[&owner.account_id]).await.unwrap();
    owner.post("/account/restore").await.refused(410, "restore_too_late");
    owner.ask(owner.account_id, Method::DELETE, "/account", &json!({})).await.refused(422, "invalid_request");
}

#[tokio::test]
async fn everything_an_account_owns_is_one_document_and_a_sheet_for_each_table() {
    let stack = Stack::load();
    let owner = User::new(&stack, 5).await;
    let run = owner.analysed_despite_outages("nasa", "LIGHT").await;
    let secret = key(&owner, json!(["export"])).await;
    let sql = stack.sql().await;
    let stranger = "update leads set biography = '=1+1' where account_id = $1";
    sql.execute(stranger, &[&owner.account_id]).await.unwrap();

    let file = owner.request(Method::GET, "/account/export").send().await.unwrap();
    let disposition = file.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"oslira-account-"), "{disposition}");
    let document: Value = file.json().await.unwrap();
    assert_eq!((&document["complete"], &document["account_id"]), (&json!(true), &json!(owner.account_id)));
    let tables = &document["tables"];
    assert_eq!((&tables["runs"][0]["id"], &tables["leads"][0]["biography"]), (&run["id"], &json!("=1+1")));
    assert!(tables["members"][0]["email"].as_str().unwrap().contains('@'));
    assert_eq!(tables["credit_transactions"].as_array().unwrap().last().unwrap()["kind"], "charge");
    let text = document.to_string();
    assert!(!text.contains(&secret) && !text.contains("secret_hash"));

    let sheet =
        stack.http().get(format!("{}/account/export?format=csv&table=leads", stack.api_url)).bearer_auth(&secret);
    let sheet = sheet.send().await.unwrap();
    assert_eq!(sheet.headers()["content-type"], "text/csv; charset=utf-8");
    let sheet = sheet.text().await.unwrap();
    assert!(sheet.starts_with("\u{feff}id,business_profile_id,username,") && sheet.contains(",'=1+1,"), "{sheet}");

    for query in ["?format=csv", "?format=csv&table=users", "?table=auth.users"] {
        let refused = owner.get(&format!("/account/export{query}")).await;
        let tables = refused.refused(422, "unknown_export_table")["tables"].as_array().unwrap().clone();
        assert!(tables.contains(&json!("leads")), "{query}");
    }
    owner.get("/account/export?format=xml").await.refused(400, "invalid_query");
    let reader = key(&owner, json!([])).await;
    with_key(&stack, &reader, Method::GET, "/account/export").await.refused(403, "permission_missing");

    // Who closes an account can still take its data along.
    let name = name(&owner).await;
    close(&owner, &name).await.data(200);
    let file = owner.request(Method::GET, "/account/export?table=leads").send().await.unwrap();
    let document: Value = file.json().await.unwrap();
    assert_eq!(document["tables"]["leads"].as_array().unwrap().len(), 1);
    with_key(&stack, &secret, Method::GET, "/account/export").await.refused(401, "key_invalid");
}
