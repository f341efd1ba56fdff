//! Who may call what: every described operation with every kind of caller. The outcome is checked in, so that a change
//! of access shows in a diff. `OSLIRA_UPDATE=1` rewrites the file.

use std::path::Path;

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const CHECKED_IN: &str = "fixtures/callers.txt";

/// A kind of caller: its name, its token, and the account it wants to act for.
struct Caller {
    name: &'static str,
    token: Option<String>,
    account: Option<Uuid>,
}

async fn callers(stack: &Stack, owner: &User) -> Vec<Caller> {
    let token = async |variant: &str| stack.token(&json!({ "variant": variant })).await;
    let colleague = async |role: &str| {
        let colleague = User::new(stack, 0).await;
        colleague.join(owner, role).await;
        Some(colleague.token)
    };
    let stranger = User::new(stack, 5).await;
    let key = async |of: &User, scopes: Value| {
        let body = json!({ "name": "Walk", "scopes": scopes });
        let made = Answer::read(of.request(Method::POST, "/api-keys").json(&body).send().await.unwrap()).await;
        let made = made.data(201);
        (made["key"]["id"].as_str().unwrap().to_owned(), Some(made["secret"].as_str().unwrap().to_owned()))
    };
    let (revoked, revoked_secret) = key(owner, json!(["analyse"])).await;
    let revoke = owner.request(Method::DELETE, &format!("/api-keys/{revoked}")).send().await.unwrap();
    Answer::read(revoke).await.data(200);
    let (expired, expired_secret) = key(owner, json!(["analyse"])).await;
    let end = "update account_members set expires_at = clock_timestamp() where user_id = ($1::text)::uuid";
    stack.sql().await.execute(end, &[&expired]).await.unwrap();
    let operator = User::new(stack, 0).await;
    operator.appoint().await;
    let caller = |name, token, account| Caller { name, token, account };
    vec![
        caller("nobody", None, None),
        caller("no token", Some("x".to_owned()), None),
        caller("expired token", Some(token("expired").await), None),
        caller("forged token", Some(token("forged").await), None),
        caller("anon key", Some(token("anon_key").await), None),
        caller("service-role key", Some(token("service_role_key").await), None),
        caller("anonymous user", Some(token("anonymous").await), None),
        caller("stranger", Some(stranger.token.clone()), Some(owner.account_id)),
        caller("no key", Some("oslira_0123".to_owned()), None),
        caller("revoked key", revoked_secret, None),
        caller("expired key", expired_secret, None),
        caller("stranger's key", key(&stranger, json!(["analyse"])).await.1, Some(owner.account_id)),
        caller("key to read", key(owner, json!([])).await.1, None),
        caller("key to analyse", key(owner, json!(["analyse"])).await.1, None),
        caller("key to edit leads", key(owner, json!(["edit_leads"])).await.1, None),
        caller("key for business", key(owner, json!(["edit_business"])).await.1, None),
        caller("key to export", key(owner, json!(["export"])).await.1, None),
        caller("viewer", colleague("viewer").await, Some(owner.account_id)),
        caller("member", colleague("member").await, Some(owner.account_id)),
        caller("admin", colleague("admin").await, Some(owner.account_id)),
        caller("owner", Some(owner.token.clone()), Some(owner.account_id)),
        caller("operator", Some(operator.token.clone()), None),
    ]
}

/// Five seconds from now: the last caller's request may take its time.
async fn soon(stack: &Stack) -> Value {
    stack.sql().await.query_one("select to_jsonb(now() + interval '5 seconds')", &[]).await.unwrap().get(0)
}

/// Calls the operation with an id that belongs to nobody, so that only the caller decides the outcome. `account` is
/// the account that all callers without one of their own act in.
async fn outcome(stack: &Stack, method: &str, path: &str, operation: &Value, caller: &Caller, account: Uuid) -> String {
    let method: Method = method.to_uppercase().parse().unwrap();
    let nobodys = Uuid::nil().to_string();
    let mut url = format!("{}{}", stack.api_url, path.replace("{id}", &nobodys).replace("{note_id}", &nobodys));
    if path == "/v1/estimate" {
        url += "?analysis_type=LIGHT";
    }
    let mut request = stack.http().request(method, url);
    if operation["x-caller"] == "operator" {
        request = request.header("x-operator-reason", "The walk of all operations");
    }
    if let Some(token) = &caller.token {
        request = request.bearer_auth(token);
    }
    if let Some(account) = caller.account {
        request = request.header("x-account-id", account.to_string());
    }
    if let Some(body) = operation.pointer("/requestBody/content/application~1json/example") {
        let mut body = body.clone();
        if let Some(named) = body.get_mut("account_id") {
            *named = json!(account);
        }
        // An erasure is for good: the example's profile is other tests' too.
        if path == "/operator/erasures" {
            body = json!({ "username": handle("coffee"), "proof": body["proof"] });
        }
        // The example's pause would have all other tests refused; of this one, whose place another provider takes, nobody notices.
        if path == "/operator/pauses" {
            body = json!({ "service": "anthropic", "ends_at": soon(stack).await });
        }
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default();
    let described = operation["responses"].get(status.to_string());
    assert!(described.is_some(), "{path} answers {status} {code}, which is not described");
    format!("{status} {code}").trim().to_owned()
}

#[tokio::test]
async fn every_operation_answers_every_kind_of_caller_as_it_did() {
    let stack = Stack::load();
    let owner = User::new(&stack, 5).await;
    let callers = callers(&stack, &owner).await;
    let document: Value =
        stack.http().get(format!("{}/openapi.json", stack.api_url)).send().await.unwrap().json().await.unwrap();
    let mut text = String::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            text += &format!("{} {path}: {}\n", method.to_uppercase(), operation["x-caller"].as_str().unwrap());
            for caller in &callers {
                let outcome = outcome(&stack, method, path, operation, caller, owner.account_id).await;
                text += &format!("  {:<18}{outcome}\n", caller.name);
            }
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHECKED_IN);
    if std::env::var_os("OSLIRA_UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        text == checked_in,
        "who may call what has changed; if that is meant, set OSLIRA_UPDATE=1 and look at the difference:\n{text}"
    );
}

#[tokio::test]
async fn the_reference_is_served_without_anything_from_elsewhere() {
    let stack = Stack::load();
    let get = async |path: &str| stack.http().get(format!("{}{path}", stack.api_url)).send().await.unwrap();
    let page = get("/docs").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    let text = page.text().await.unwrap();
    assert!(text.contains("POST</b> /v1/analyze") && text.contains("href=\"/docs.css\""));
    for loading in ["<script", "src=", "@import", "url("] {
        assert!(!text.contains(loading), "{loading}");
    }
    assert_eq!(get("/docs.css").await.headers()["content-type"], "text/css; charset=utf-8");
    assert_eq!(get("/openapi.json").await.headers()["access-control-allow-origin"], "*");
    let posted = stack.http().post(format!("{}/docs", stack.api_url)).send().await.unwrap();
    assert_eq!(posted.status(), 405, "only reading is answered here");
}
