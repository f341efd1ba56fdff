//! A subscription's life: begun, renewed, upgraded, not paid, cancelled.

use std::time::Duration;

use oslira_e2e::{Answer, Stack, User, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{all_is_applied, bought, checkout, count, customer_of, has, payment_intents, stripe, turn};

async fn subscription(user: &User) -> Value {
    user.get("/billing/subscription").await.data(200).clone()
}

async fn status_is(user: &User, status: &str) {
    eventually(&format!("the subscription to be {status}"), async || {
        (subscription(user).await["current"]["status"] == status).then_some(())
    })
    .await;
}

/// Stripe's id of the account's subscription.
async fn stripe_id(stack: &Stack, user: &User) -> String {
    let sql = "select stripe_subscription_id from subscriptions where account_id = $1";
    stack.sql().await.query_one(sql, &[&user.account_id]).await.unwrap().get(0)
}

/// A request to the sandbox's Stripe, as its dashboard or portal would make.
async fn at_stripe(stack: &Stack, method: reqwest::Method, path: &str, form: &[(&str, &str)]) {
    let url = format!("{}/stripe{path}", stack.sandbox_url);
    let request = stack.http().request(method, url).bearer_auth("sandbox-stripe-key").form(form);
    let response = request.send().await.unwrap();
    let status = response.status();
    assert!(status.is_success(), "{path}: {status} {:?}", response.text().await);
}

async fn change_plan(stack: &Stack, user: &User, price: &str) {
    let id = stripe_id(stack, user).await;
    let url = format!("{}/stripe/v1/subscriptions/{id}", stack.sandbox_url);
    let found = stack.http().get(url).bearer_auth("sandbox-stripe-key").send().await.unwrap();
    let found: Value = found.json().await.unwrap();
    let item = found["items"]["data"][0]["id"].as_str().unwrap();
    let form = [("items[0][id]", item), ("items[0][price]", price), ("proration_behavior", "always_invoice")];
    at_stripe(stack, reqwest::Method::POST, &format!("/v1/subscriptions/{id}"), &form).await;
}

#[tokio::test]
async fn a_plan_is_bought_renewed_upgraded_and_cancelled_and_the_credits_are_right_throughout() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    stripe(&stack, "delivery", &json!({ "duplicate": 2, "shuffle": true })).await;
    bought(&stack, &user, &json!({ "plan": "starter", "interval": "month" })).await;
    has(&user, 25).await;
    let begun = subscription(&user).await["current"].clone();
    assert_eq!(
        (&begun["plan"], &begun["status"], &begun["interval"]),
        (&json!("starter"), &json!("active"), &json!("month"))
    );
    checkout(&user, &json!({ "plan": "growth", "interval": "month" }), None).await.refused(409, "already_subscribed");

    // An upgrade tops the month up; what Stripe gives back for a downgrade takes its credits along.
    for (price, credits) in [
        ("growth_month", 100),
        ("starter_month", 25),
        ("growth_month", 100),
        ("starter_month", 25),
        ("growth_month", 100),
    ] {
        // Stripe's times are whole seconds: what changes twice in one has not changed.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        change_plan(&stack, &user, &format!("price_sandbox_{price}")).await;
        has(&user, credits).await;
    }
    let hourly = "select p.hourly_analyses_max from accounts a join plans p on p.id = a.plan_id where a.id = $1";
    eventually("the plan's limits", async || {
        let max: i32 = stack.sql().await.query_one(hourly, &[&user.account_id]).await.unwrap().get(0);
        (max == 200).then_some(())
    })
    .await;

    // The next month. What was left rolls over up to the plan's cap.
    stripe(&stack, "clock", &json!({ "advance": "+1month" })).await;
    has(&user, 200).await;

    // It ends with the period, and what was paid stays.
    at_stripe(
        &stack,
        reqwest::Method::POST,
        &format!("/v1/subscriptions/{}", stripe_id(&stack, &user).await),
        &[("cancel_at_period_end", "true")],
    )
    .await;
    eventually("the end to be known", async || {
        subscription(&user).await["current"]["cancel_at"].is_string().then_some(())
    })
    .await;
    stripe(&stack, "clock", &json!({ "advance": "+1month" })).await;
    eventually("the subscription to be over", async || {
        let now = subscription(&user).await;
        (now["current"].is_null() && now["past"][0]["status"] == "canceled").then_some(())
    })
    .await;
    stripe(&stack, "delivery", &json!({})).await;
    all_is_applied(&stack).await;
    user.settles_at(200).await;
}

#[tokio::test]
async fn a_month_that_is_not_paid_grants_nothing_until_it_is() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    bought(&stack, &user, &json!({ "plan": "starter", "interval": "month" })).await;
    has(&user, 25).await;
    let customer = customer_of(&stack, &user).await;
    stripe(&stack, "card", &json!({ "customer": customer, "card": "declines" })).await;
    stripe(&stack, "clock", &json!({ "advance": "+1month" })).await;
    status_is(&user, "past_due").await;
    eventually("the account to be told", async || {
        (count(&stack, "account_events where kind = 'payment_failed'", &user).await > 0).then_some(())
    })
    .await;
    assert_eq!(count(&stack, "credit_grants where source = 'plan'", &user).await, 1);

    stripe(&stack, "card", &json!({ "customer": customer, "card": "ok" })).await;
    stripe(&stack, "clock", &json!({ "advance": "+7days" })).await;
    status_is(&user, "active").await;
    eventually("the paid month", async || {
        (count(&stack, "credit_grants where source = 'plan'", &user).await == 2).then_some(())
    })
    .await;
    // The first month's rest has ended with it.
    user.settles_at(25).await;
}

#[tokio::test]
async fn a_refunded_month_takes_its_credits_back() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    bought(&stack, &user, &json!({ "plan": "growth", "interval": "month" })).await;
    has(&user, 100).await;
    // No event told which payment intent paid the invoice; Stripe is asked when it matters.
    assert_eq!(payment_intents(&stack, &user).await, [""; 0]);
    let intent = "select c.stripe_customer_id from billing_customers c where account_id = $1";
    let customer: String = stack.sql().await.query_one(intent, &[&user.account_id]).await.unwrap().get(0);
    let url = format!("{}/stripe/v1/invoices?customer={customer}", stack.sandbox_url);
    let invoices = stack.http().get(url).bearer_auth("sandbox-stripe-key").send().await.unwrap();
    let invoices: Value = invoices.json().await.unwrap();
    let invoice = invoices["data"][0]["id"].as_str().unwrap();
    let url = format!("{}/stripe/v1/invoice_payments?invoice={invoice}", stack.sandbox_url);
    let payments = stack.http().get(url).bearer_auth("sandbox-stripe-key").send().await.unwrap();
    let payments: Value = payments.json().await.unwrap();
    let intent = payments["data"][0]["payment"]["payment_intent"].as_str().unwrap();
    stripe(&stack, "refunds", &json!({ "payment_intent": intent, "amount": 3950 })).await;
    has(&user, 50).await;
    user.settles_at(50).await;
}

#[tokio::test]
async fn a_blocked_account_can_only_cancel_its_plan_at_stripe() {
    let (_turn, stack) = turn().await;
    let (operator, user) = (User::new(&stack, 0).await, User::new(&stack, 0).await);
    operator.appoint().await;
    bought(&stack, &user, &json!({ "plan": "starter", "interval": "month" })).await;
    has(&user, 25).await;
    let block = format!("/operator/accounts/{}/block", user.account_id);
    operator.operate(Method::POST, &block, None).await.data(200);
    let portal = async || {
        let request = user.request(Method::POST, "/billing/portal").json(&json!({ "return_url": "https://a.test" }));
        Answer::read(request.send().await.unwrap()).await
    };
    // The sandbox takes the session for nothing but a cancellation of what goes on.
    assert!(portal().await.data(201)["url"].is_string());
    let id = stripe_id(&stack, &user).await;
    assert_eq!(stack.received("stripe.portal", &id).await.len(), 1, "it names the subscription");
    at_stripe(&stack, Method::POST, &format!("/v1/subscriptions/{id}"), &[("cancel_at_period_end", "true")]).await;
    eventually("the subscription to be about to end", async || {
        subscription(&user).await["current"]["cancel_at"].is_string().then_some(())
    })
    .await;
    portal().await.refused(403, "account_blocked");
}
