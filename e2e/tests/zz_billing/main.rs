//! Money in, from outside: an owner pays at the sandbox's Stripe, which tells the Worker by signed events, in any order and
//! number, late, or not at all.
//!
//! Stripe's clock and the disturbances of its deliveries are one for the whole stack, and one test ends its database: one test at a
//! time uses it, and no other suite.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

mod cards;
mod jobs;
mod outages;
mod purchases;
mod recorded;
mod signatures;
mod subscriptions;
mod top_ups;

use oslira_e2e::{Answer, Stack, User, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this binary runs. Deliveries are undisturbed then.
async fn turn() -> (MutexGuard<'static, ()>, Stack) {
    let turn = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load().repair().await;
    stack.close_breaker().await;
    stripe(&stack, "delivery", &json!({})).await;
    (turn, stack)
}

/// Does at the sandbox's Stripe what Stripe, its customers or time would do.
async fn stripe(stack: &Stack, action: &str, body: &Value) -> Value {
    let response = stack.control(Method::POST, &format!("stripe/{action}")).json(body).send().await.unwrap();
    let (status, answer) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{action} {body}: {status} {answer}");
    serde_json::from_str(&answer).unwrap_or(Value::Null)
}

/// Asks for a page where this is paid; returns the id of Stripe's session.
async fn checkout(user: &User, what: &Value, key: Option<&str>) -> Answer {
    let mut body = json!({ "success_url": "https://app.test/thanks", "cancel_url": "https://app.test/credits" });
    body.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    let mut request = user.request(Method::POST, "/billing/checkout").json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    Answer::read(request.send().await.unwrap()).await
}

/// The session in the address of a page of Stripe's.
fn session(answer: &Answer) -> String {
    let url = answer.data(201)["url"].as_str().unwrap();
    let found = url.split(['/', '?', '#']).find(|part| part.starts_with("cs_"));
    found.unwrap_or_else(|| panic!("no session in {url}")).to_owned()
}

/// Pays for this as the owner does in the browser; returns the session.
async fn bought(stack: &Stack, user: &User, what: &Value) -> String {
    let session = session(&checkout(user, what, None).await);
    stripe(stack, "complete", &json!({ "session": session })).await;
    session
}

/// Waits until the account has so many credits.
async fn has(user: &User, credits: i64) {
    eventually(&format!("a balance of {credits}"), async || (user.balance().await == credits).then_some(())).await;
}

/// Waits until every event that Stripe has told of, or still means to, is done with.
async fn all_is_applied(stack: &Stack) {
    let sql = stack.sql().await;
    let open = "select count(*) from webhook_events where processed_at is null";
    let applied = "select coalesce(array_agg(id), '{}') from webhook_events where processed_at is not null";
    eventually("no event to be left", async || {
        let told = stack.control(Method::GET, "stripe/deliveries").send().await.unwrap();
        let told: Value = told.json().await.unwrap();
        let left: i64 = sql.query_one(open, &[]).await.unwrap().get(0);
        let applied: Vec<String> = sql.query_one(applied, &[]).await.unwrap().get(0);
        let is_over = |delivery: &Value| match delivery["state"].as_str().unwrap() {
            // What was accepted may be in the queue and in no table yet.
            "delivered" => applied.iter().any(|id| delivery["event"] == **id),
            state => state != "waiting",
        };
        (left == 0 && told["deliveries"].as_array().unwrap().iter().all(is_over)).then_some(())
    })
    .await;
}

/// The account's customer at Stripe.
async fn customer_of(stack: &Stack, user: &User) -> String {
    let sql = "select stripe_customer_id from billing_customers where account_id = $1";
    stack.sql().await.query_one(sql, &[&user.account_id]).await.unwrap().get(0)
}

/// The payment intents of the account's payments.
async fn payment_intents(stack: &Stack, user: &User) -> Vec<String> {
    let sql = "select stripe_payment_intent_id from payments where account_id = $1 order by created_at";
    let rows = stack.sql().await.query(sql, &[&user.account_id]).await.unwrap();
    rows.iter().filter_map(|row| row.get::<_, Option<String>>(0)).collect()
}

async fn count(stack: &Stack, rows: &str, user: &User) -> i64 {
    let sql = format!("select count(*) from {rows} and account_id = $1");
    stack.sql().await.query_one(&sql, &[&user.account_id]).await.unwrap().get(0)
}
