//! Packs: from the page to the credits, once.

use oslira_e2e::{Answer, User, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{all_is_applied, bought, checkout, count, has, payment_intents, session, stripe, turn};

#[tokio::test]
async fn a_pack_is_paid_and_its_credits_are_there_once() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    // Each event three times, in any order.
    stripe(&stack, "delivery", &json!({ "duplicate": 3, "shuffle": true })).await;
    bought(&stack, &user, &json!({ "pack": "pack_100" })).await;
    has(&user, 100).await;
    stripe(&stack, "delivery", &json!({})).await;
    all_is_applied(&stack).await;
    let grants = user.get("/credits/grants").await;
    let newest = &grants.data(200)["items"][0];
    assert_eq!((&newest["source"], &newest["amount"], &newest["state"]), (&json!("pack"), &json!(100), &json!("live")));
    assert_eq!((&newest["expires_at"], &newest["priority"]), (&Value::Null, &json!(4)));
    let entries = user.get("/credits/transactions?limit=1").await;
    assert_eq!(
        (&entries.data(200)["items"][0]["kind"], &entries.data(200)["items"][0]["state"]),
        (&json!("purchase"), &Value::Null)
    );
    user.settles_at(100).await;
}

#[tokio::test]
async fn a_repeated_click_opens_the_same_page_and_begins_one_purchase() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let key = Uuid::new_v4().to_string();
    let what = json!({ "pack": "pack_20" });
    let first = session(&checkout(&user, &what, Some(&key)).await);
    let again = session(&checkout(&user, &what, Some(&key)).await);
    assert_eq!(first, again);
    assert_eq!(count(&stack, "credit_purchases where true", &user).await, 1);
    checkout(&user, &json!({ "pack": "pack_100" }), Some(&key)).await.refused(422, "idempotency_key_reused");
    assert_ne!(session(&checkout(&user, &what, None).await), first);
}

#[tokio::test]
async fn a_payment_that_takes_days_grants_when_it_has_come_and_not_before() {
    let (_turn, stack) = turn().await;
    for (outcome, credits) in [("async_succeeded", 20), ("async_failed", 0)] {
        let user = User::new(&stack, 0).await;
        let session = session(&checkout(&user, &json!({ "pack": "pack_20" }), None).await);
        stripe(&stack, "complete", &json!({ "session": session, "outcome": "unpaid" })).await;
        all_is_applied(&stack).await;
        assert_eq!(user.balance().await, 0, "nothing is paid yet");
        stripe(&stack, "complete", &json!({ "session": session, "outcome": outcome })).await;
        eventually("the purchase to be settled", async || {
            (count(&stack, "credit_purchases where status <> 'open'", &user).await == 1).then_some(())
        })
        .await;
        user.settles_at(credits).await;
    }
}

#[tokio::test]
async fn refunds_and_disputes_take_credits_back_in_proportion_and_what_is_spent_is_owed() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    bought(&stack, &user, &json!({ "pack": "pack_20" })).await;
    has(&user, 20).await;
    let [intent] = payment_intents(&stack, &user).await.try_into().unwrap();
    stripe(&stack, "refunds", &json!({ "payment_intent": intent, "amount": 500 })).await;
    has(&user, 15).await;
    // Twelve of them are spent before the customer's bank takes the rest back.
    let spend = "select system.deduct_credits_atomic($1, 12, null, $2, 'A charge')";
    stack.sql().await.execute(spend, &[&user.account_id, &Uuid::new_v4().to_string()]).await.unwrap();
    let dispute = stripe(&stack, "disputes", &json!({ "payment_intent": intent, "amount": 1500 })).await;
    has(&user, 0).await;
    let owed = async || user.get("/credits/balance").await.data(200)["owed"].as_i64().unwrap();
    eventually("the debt", async || (owed().await == 12).then_some(())).await;
    // It is lost in vain and won in the end: what it took comes back, the debt first.
    let id = dispute["id"].as_str().unwrap_or_else(|| panic!("{dispute}"));
    stripe(&stack, &format!("disputes/{id}/close"), &json!({ "verdict": "won" })).await;
    has(&user, 3).await;
    assert_eq!(owed().await, 0);
    user.settles_at(3).await;
}

#[tokio::test]
async fn only_an_owner_is_sent_to_stripe_and_only_for_what_is_sold() {
    let (_turn, stack) = turn().await;
    let (user, colleague) = (User::new(&stack, 0).await, User::new(&stack, 0).await);
    colleague.join(&user, "member").await;
    let body = json!({ "pack": "pack_20", "success_url": "https://a.test", "cancel_url": "https://a.test" });
    let as_member = colleague
        .request(Method::POST, "/billing/checkout")
        .header("x-account-id", user.account_id.to_string())
        .json(&body);
    Answer::read(as_member.send().await.unwrap()).await.refused(403, "permission_missing");

    for what in [
        json!({}),
        json!({ "pack": "pack_1" }),
        json!({ "plan": "growth" }),
        json!({ "plan": "free", "interval": "month" }),
        json!({ "plan": "growth", "interval": "month", "pack": "pack_20" }),
    ] {
        checkout(&user, &what, None).await.refused(422, "unknown_item");
    }
    for url in [
        "",
        "javascript:alert(1)",
        "//evil.test",
        "ftp://a.test",
        "https://",
        &format!("https://a.test/{}", "x".repeat(2_048)),
    ] {
        let what = json!({ "pack": "pack_20", "success_url": url });
        let refused = checkout(&user, &what, None).await;
        assert_eq!(refused.refused(422, "invalid_url")["field"], "success_url", "{url}");
    }
    let portal = async |user: &User| {
        let request = user.request(Method::POST, "/billing/portal").json(&json!({ "return_url": "https://a.test" }));
        Answer::read(request.send().await.unwrap()).await
    };
    portal(&user).await.refused(409, "no_customer");
    bought(&stack, &user, &json!({ "pack": "pack_20" })).await;
    assert!(portal(&user).await.data(201)["url"].is_string());
    let catalogue = user.get("/billing/catalogue").await;
    assert_eq!(catalogue.data(200)["plans"][0]["id"], "starter");
    assert_eq!(catalogue.data(200)["packs"][0]["price_cents"], 2000);
}

#[tokio::test]
async fn while_stripe_is_away_nobody_is_charged_and_the_answer_says_so() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    for (kind, more) in
        [("status", json!({ "status": 500 })), ("rate_limit", json!({})), ("drop", json!({})), ("malformed", json!({}))]
    {
        let fault = stack.plant("stripe.checkout", kind, "pack_20", more).await;
        let key = Uuid::new_v4().to_string();
        let refused = checkout(&user, &json!({ "pack": "pack_20" }), Some(&key)).await;
        refused.refused(503, "billing_unavailable");
        stack.release(fault).await;
        session(&checkout(&user, &json!({ "pack": "pack_20" }), Some(&key)).await);
    }
}
