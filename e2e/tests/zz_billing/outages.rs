//! What becomes of an event when something is away: the queue, the database, Stripe, or all of them.

use std::time::Duration;

use oslira_e2e::{Part, Stack, User, eventually, eventually_within};
use serde_json::{Value, json};

use crate::{all_is_applied, bought, checkout, count, has, session, stripe, turn};

/// The queue takes no message above 128 KB.
const TOO_LARGE_FOR_THE_QUEUE: usize = 200_000;

/// An event that pays for a purchase and is larger than the queue takes.
async fn large_event(stack: &Stack, user: &User) -> Value {
    let session = session(&checkout(user, &json!({ "pack": "pack_20" }), None).await);
    let sql = "select id::text from credit_purchases where account_id = $1";
    let purchase: String = stack.sql().await.query_one(sql, &[&user.account_id]).await.unwrap().get(0);
    json!({
        "type": "checkout.session.completed",
        "object": {
            "id": session, "object": "checkout.session", "mode": "payment", "payment_status": "paid", "amount_total": 2000,
            "currency": "usd", "customer": null, "payment_intent": format!("pi_{purchase}"), "subscription": null,
            "client_reference_id": user.account_id,
            "metadata": { "purchase_id": purchase, "account_id": user.account_id, "padding": "x".repeat(TOO_LARGE_FOR_THE_QUEUE) },
        },
    })
}

async fn acknowledged(stack: &Stack, event: &Value) -> String {
    let sent = stripe(stack, "send", event).await;
    let id = sent["id"].as_str().or_else(|| sent["event"].as_str()).unwrap_or_else(|| panic!("{sent}")).to_owned();
    let path = format!("stripe/deliveries?event={id}");
    eventually_within(Duration::from_secs(60), "the event to be acknowledged", async || {
        let seen = stack.control(reqwest::Method::GET, &path).send().await.unwrap();
        let seen: Value = seen.json().await.unwrap();
        let attempts = seen["deliveries"][0]["attempts"].as_array().cloned().unwrap_or_default();
        attempts.iter().any(|attempt| attempt["status"] == 200).then_some(())
    })
    .await;
    id
}

#[tokio::test]
async fn an_event_that_the_queue_refuses_goes_to_the_table() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let event = large_event(&stack, &user).await;
    let id = acknowledged(&stack, &event).await;
    let stored = "select count(*) from webhook_events where id = $1";
    assert_eq!(stack.sql().await.query_one(stored, &[&id]).await.unwrap().get::<_, i64>(0), 1);
    stack.run_job("0 * * * *").await;
    has(&user, 20).await;
    user.settles_at(20).await;
}

#[tokio::test]
async fn an_event_that_comes_while_queue_and_database_are_away_is_applied_afterwards() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let event = large_event(&stack, &user).await;
    // Not killed, or a supervisor would start it again: it takes connections and answers nothing, then nobody.
    let sql = stack.sql().await;
    sql.batch_execute("alter table webhook_events rename to webhook_events_away").await.unwrap();
    let id = acknowledged(&stack, &event).await;
    sql.batch_execute("alter table webhook_events_away rename to webhook_events").await.unwrap();
    let stored = "select count(*) from webhook_events where id = $1";
    assert_eq!(sql.query_one(stored, &[&id]).await.unwrap().get::<_, i64>(0), 0, "it is in the bucket");
    stack.run_job("0 * * * *").await;
    has(&user, 20).await;
    user.settles_at(20).await;
}

#[tokio::test]
async fn events_that_come_while_the_database_is_away_wait_in_the_queue() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let session = session(&checkout(&user, &json!({ "pack": "pack_20" }), None).await);
    stack.kill(Part::Postgres).await;
    stripe(&stack, "complete", &json!({ "session": session })).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stack = stack.repair().await;
    assert!(stack.pids.contains_key(&Part::Postgres));
    eventually_within(Duration::from_secs(120), "the credits", async || (user.balance().await == 20).then_some(()))
        .await;
    user.settles_at(20).await;
}

#[tokio::test]
async fn while_stripe_does_not_answer_an_event_waits_and_is_applied_later() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let fault = stack.plant("stripe.subscriptions", "status", "", json!({ "status": 500 })).await;
    bought(&stack, &user, &json!({ "plan": "starter", "interval": "month" })).await;
    eventually("the events to be put off", async || {
        let sql =
            "select count(*) from webhook_events where processed_at is null and note like 'stripe is not available%'";
        let put_off: i64 = stack.sql().await.query_one(sql, &[]).await.unwrap().get(0);
        (put_off >= 2).then_some(())
    })
    .await;
    assert_eq!(user.balance().await, 0);
    stack.release(fault).await;
    stack.sql().await.execute("update webhook_events set next_attempt_at = now()", &[]).await.unwrap();
    stack.run_job("0 * * * *").await;
    has(&user, 25).await;
    all_is_applied(&stack).await;
    user.settles_at(25).await;
}

#[tokio::test]
async fn events_that_never_come_are_found_by_the_comparison_with_stripe() {
    let (_turn, stack) = turn().await;
    let (user, other) = (User::new(&stack, 0).await, User::new(&stack, 0).await);
    stripe(&stack, "delivery", &json!({ "drop": true })).await;
    bought(&stack, &user, &json!({ "pack": "pack_20" })).await;
    bought(&stack, &other, &json!({ "plan": "starter", "interval": "month" })).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((user.balance().await, other.balance().await), (0, 0));
    stripe(&stack, "delivery", &json!({})).await;
    stack.run_job("0 4 * * *").await;
    assert_eq!((user.balance().await, other.balance().await), (20, 25));
    user.settles_at(20).await;
    other.settles_at(25).await;
}

#[tokio::test]
async fn an_event_of_a_version_that_is_not_read_is_kept_and_marked() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    stripe(&stack, "endpoint", &json!({ "api_version": "2024-06-20" })).await;
    bought(&stack, &user, &json!({ "pack": "pack_20" })).await;
    let unreadable = "select count(*) from webhook_events where outcome = 'unreadable' and note like '%2024-06-20%'";
    eventually("the event to be marked", async || {
        let marked: i64 = stack.sql().await.query_one(unreadable, &[]).await.unwrap().get(0);
        (marked > 0).then_some(())
    })
    .await;
    assert_eq!((user.balance().await, count(&stack, "credit_purchases where status = 'open'", &user).await), (0, 1));
    stripe(&stack, "endpoint", &json!({ "api_version": "2026-10-28.endive" })).await;
    // A Worker that read the version would apply it; here nobody ever will.
    stack.sql().await.execute("delete from webhook_events where outcome = 'unreadable'", &[]).await.unwrap();
}
