//! Buying by itself, once for each crossing of the threshold.

use oslira_e2e::{Stack, User, eventually, handle};
use serde_json::{Value, json};

use crate::{bought, count, customer_of, has, stripe, turn};

async fn set(user: &User, low_balance_at: Option<i64>, monthly_max_cents: i64) {
    let body = json!({
        "low_balance_at": low_balance_at,
        "auto_top_up": { "is_on": true, "threshold": 18, "pack": "pack_20", "monthly_max_cents": monthly_max_cents },
    });
    let answer = user.put("/credits/alerts", &body).await;
    assert_eq!(answer.data(200)["auto_top_up"]["is_on"], true);
}

/// An owner with a card at Stripe and twenty credits.
async fn owner(stack: &Stack) -> User {
    let user = User::new(stack, 0).await;
    bought(stack, &user, &json!({ "pack": "pack_20" })).await;
    has(&user, 20).await;
    user
}

#[tokio::test]
async fn a_crossing_buys_one_pack_and_tells_the_account_once() {
    let (_turn, stack) = turn().await;
    let user = owner(&stack).await;
    set(&user, Some(18), 100_000).await;
    let runs =
        [user.start(&handle("coffee")).await, user.start(&handle("fitness")).await, user.start(&handle("tech")).await];
    has(&user, 37).await;
    for run in &runs {
        user.end_of(run).await;
    }
    assert_eq!(count(&stack, "credit_purchases where origin = 'auto_top_up' and status = 'paid'", &user).await, 1);
    assert_eq!(count(&stack, "account_events where kind = 'low_balance'", &user).await, 1);
    assert_eq!(count(&stack, "account_events where kind = 'auto_top_up_bought'", &user).await, 1);
    user.settles_at(37).await;
}

#[tokio::test]
async fn a_declined_card_turns_it_off_and_the_account_is_told() {
    let (_turn, stack) = turn().await;
    let user = owner(&stack).await;
    set(&user, None, 100_000).await;
    stripe(&stack, "card", &json!({ "customer": customer_of(&stack, &user).await, "card": "declines" })).await;
    let run = user.start_order(&user.analysis_as(&handle("coffee"), "DEEP")).await;
    eventually("the buying to be off", async || {
        let alerts = user.get("/credits/alerts").await;
        (alerts.data(200)["auto_top_up"]["is_on"] == false).then_some(())
    })
    .await;
    let alerts = user.get("/credits/alerts").await;
    assert_eq!(alerts.data(200)["auto_top_up"]["stopped_because"], "payment_failed");
    assert_eq!(count(&stack, "account_events where kind = 'auto_top_up_failed'", &user).await, 1);
    user.end_of(&run).await;
    user.settles_at(15).await;
}

#[tokio::test]
async fn an_answer_of_stripes_that_is_lost_is_asked_for_again_and_charges_once() {
    let (_turn, stack) = turn().await;
    let user = owner(&stack).await;
    set(&user, None, 100_000).await;
    // The payment is made, and its answer and its event are lost.
    stripe(&stack, "delivery", &json!({ "drop": true })).await;
    let fault = stack.plant("stripe.payments", "truncate", "auto_top_up", json!({ "times": 1 })).await;
    let run = user.start_order(&user.analysis_as(&handle("coffee"), "DEEP")).await;
    eventually("the charge", async || {
        (count(&stack, "credit_purchases where attempted_at is not null", &user).await == 1).then_some(())
    })
    .await;
    user.end_of(&run).await;
    stack.release(fault).await;
    stripe(&stack, "delivery", &json!({})).await;
    // The queue delivers it again in time; the hourly job does not wait for that.
    let age = "update credit_purchases set created_at = created_at - interval '2 minutes' where account_id = $1";
    stack.sql().await.execute(age, &[&user.account_id]).await.unwrap();
    stack.run_job("0 * * * *").await;
    has(&user, 35).await;
    let customer = customer_of(&stack, &user).await;
    let url = format!("{}/stripe/v1/payment_intents?customer={customer}", stack.sandbox_url);
    let intents = stack.http().get(url).bearer_auth("sandbox-stripe-key").send().await.unwrap();
    let intents: Value = intents.json().await.unwrap();
    let automatic =
        intents["data"].as_array().unwrap().iter().filter(|intent| intent["metadata"]["origin"] == "auto_top_up");
    assert_eq!(automatic.count(), 1);
    user.settles_at(35).await;
}

#[tokio::test]
async fn a_threshold_that_makes_no_sense_is_refused() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let top_up = json!({ "is_on": true, "threshold": 5, "pack": "pack_20", "monthly_max_cents": 2000 });
    for (field, change) in [
        ("low_balance_at", json!({ "low_balance_at": 0 })),
        ("low_balance_at", json!({ "low_balance_at": 1_000_001 })),
        ("auto_top_up.threshold", json!({ "auto_top_up": { "threshold": -1 } })),
        ("auto_top_up.monthly_max_cents", json!({ "auto_top_up": { "monthly_max_cents": 0 } })),
        ("auto_top_up.pack", json!({ "auto_top_up": { "pack": "pack_1" } })),
    ] {
        let mut body = json!({ "low_balance_at": null, "auto_top_up": top_up });
        for (name, value) in change.as_object().unwrap() {
            match value.as_object() {
                Some(inner) => body[name].as_object_mut().unwrap().extend(inner.clone()),
                None => body[name] = value.clone(),
            }
        }
        let refused = user.put("/credits/alerts", &body).await;
        assert_eq!(refused.refused(422, "invalid_alert")["field"], field);
    }
    user.put("/credits/alerts", &json!({ "low_balance_at": 5 })).await.refused(422, "invalid_request");
}
