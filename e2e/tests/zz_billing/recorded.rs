//! Stripe's own events, as they were recorded, in any number and order: the same credits in the end.

use oslira_e2e::{Stack, User, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{bought, stripe, turn};

/// When the job runs that posts the end of grants.
const RENEWALS: &str = "0 3 * * *";
/// All that there are: the first two months of a plan and its end, and a pack that is paid late and refunded by a quarter.
const EVENTS: [&str; 10] = [
    "customer.subscription.created",
    "invoice.paid",
    "customer.subscription.updated.renewal",
    "invoice.paid.cycle",
    "invoice.payment_failed",
    "customer.subscription.deleted",
    "checkout.session.completed.payment_unpaid_async",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed.payment",
    "charge.refunded.partial",
];

/// What an account has come to: all that events decide, without what every account has an own of.
async fn outcome(stack: &Stack, user: &User) -> Value {
    let sql = "
        select jsonb_build_object(
          'grants', (select jsonb_agg(jsonb_build_array(source, amount) order by source, amount)
                       from credit_grants where account_id = a.id and source <> 'adjustment'),
          'taken_back', (select sum(taken_back) from payments where account_id = a.id),
          'payments', (select jsonb_agg(jsonb_build_array(amount_cents, refunded_cents, credits, taken_back)
                                        order by amount_cents, refunded_cents)
                         from payments where account_id = a.id),
          'purchases', (select jsonb_agg(jsonb_build_array(pack_id, status)) from credit_purchases where account_id = a.id),
          'subscriptions', (select jsonb_agg(jsonb_build_array(plan_id, status, cancel_at is not null))
                              from subscriptions where account_id = a.id),
          'plan', a.plan_id,
          'failures', (select count(*) > 0 from account_events where account_id = a.id and kind = 'payment_failed'))
        from accounts a where a.id = $1";
    stack.sql().await.query_one(sql, &[&user.account_id]).await.unwrap().get(0)
}

/// An account that has bought a month and a pack, of which no event of Stripe's has told us.
async fn customer(stack: &Stack) -> User {
    let user = User::new(stack, 0).await;
    stripe(stack, "delivery", &json!({ "drop": true })).await;
    bought(stack, &user, &json!({ "plan": "starter", "interval": "month" })).await;
    bought(stack, &user, &json!({ "pack": "pack_20" })).await;
    stripe(stack, "delivery", &json!({ "shuffle": true, "at_once": 20 })).await;
    user
}

/// Waits until each copy of these events has arrived, and each event is done with.
async fn all_are_done(stack: &Stack, events: &[String], times: usize) {
    for event in events {
        let path = format!("stripe/deliveries?event={event}");
        eventually("all copies to arrive", async || {
            let seen = stack.control(Method::GET, &path).send().await.unwrap();
            let seen: Value = seen.json().await.unwrap();
            let states = seen["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["state"].clone());
            (states.filter(|state| state == "delivered").count() == times).then_some(())
        })
        .await;
    }
    let sql = stack.sql().await;
    let done = "select count(*) from webhook_events where id = any ($1) and processed_at is not null";
    eventually("the events to be applied", async || {
        let count: i64 = sql.query_one(done, &[&events]).await.unwrap().get(0);
        (usize::try_from(count) == Ok(events.len())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_recorded_event_once_twice_and_twenty_at_once_come_to_the_same() {
    let (_turn, stack) = turn().await;
    let mut outcomes = Vec::new();
    for (times, turned) in [(1, 0), (2, 0), (20, 0), (1, 5), (2, 7), (20, 3)] {
        let user = customer(&stack).await;
        // They leave together, once the last one is there.
        stripe(&stack, "delivery", &json!({ "pause": true })).await;
        let mut sent = Vec::new();
        for place in 0..EVENTS.len() {
            let event = EVENTS[(place + turned) % EVENTS.len()];
            let what = json!({ "event": event, "account": user.account_id, "times": times });
            sent.push(stripe(&stack, "send", &what).await["id"].as_str().unwrap().to_owned());
        }
        stripe(&stack, "delivery", &json!({ "shuffle": true, "at_once": 20 })).await;
        all_are_done(&stack, &sent, times).await;
        // What is over already is shown as such at once, and taken by the daily job.
        stack.run_job(RENEWALS).await;
        let credits = user.balance().await;
        user.settles_at(credits).await;
        outcomes.push((times, turned, credits, outcome(&stack, &user).await));
    }
    let (_, _, balance, expected) = outcomes[0].clone();
    assert_eq!(balance, 25 + 15, "the newer month, and three quarters of the pack");
    for (times, turned, credits, outcome) in outcomes {
        assert_eq!((credits, &outcome), (balance, &expected), "{times} times, from the event {turned} on");
    }
}
