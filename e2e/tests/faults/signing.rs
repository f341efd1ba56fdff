//! Secrets that sign, and the address of error reports: each is rotated with both accepted for a while, and then the new one alone.

use oslira_e2e::{Stack, User, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::alone;

/// What Stripe is answered when it delivers an event for the first time.
async fn answer_to_an_event(stack: &Stack) -> Value {
    let event = json!({ "type": "product.updated", "object": { "id": "prod_rotation", "object": "product" } });
    let sent = stack.control(Method::POST, "stripe/send").json(&event).send().await.unwrap();
    let sent: Value = sent.json().await.unwrap();
    let id = sent["id"].as_str().unwrap_or_else(|| panic!("{sent}")).to_owned();
    eventually("the delivery of an event", async || {
        let listed = stack.control(Method::GET, "stripe/deliveries").query(&[("event", &id)]).send().await.unwrap();
        let listed: Value = listed.json().await.unwrap();
        let answered = listed.pointer("/deliveries/0/attempts/0/status").cloned();
        answered.filter(|status| !status.is_null())
    })
    .await
}

#[tokio::test]
async fn the_secret_of_stripes_events_is_rotated_and_none_is_refused() {
    let (_turn, stack) = alone().await;
    let first = stack.secret_in("stripe-webhook-secret");
    let next = format!("{first}-next");
    let (first, next) = (first.as_str(), next.as_str());
    stack.rotate_secrets(json!({ "STRIPE_WEBHOOK_SECRET": format!("{next},{first}") })).await;
    stack.until_secrets_are_read().await;
    // As Stripe does it: with the old one, for a day with both, then with the new one.
    for signing in [vec![first], vec![first, next], vec![next]] {
        stack.sign_events_with(&signing).await;
        assert_eq!(answer_to_an_event(&stack).await, 200, "{} secrets sign", signing.len());
    }
    stack.rotate_secrets(json!({ "STRIPE_WEBHOOK_SECRET": next })).await;
    stack.until_secrets_are_read().await;
    assert_eq!(answer_to_an_event(&stack).await, 200, "the new one");
    stack.sign_events_with(&[first]).await;
    assert_eq!(answer_to_an_event(&stack).await, 400, "the old one");

    stack.restore_secrets().await;
    stack.until_secrets_are_read().await;
}

#[tokio::test]
async fn the_legacy_secret_of_tokens_is_rotated_and_nobody_is_signed_out_before_the_end() {
    let (_turn, stack) = alone().await;
    let mut user = User::new(&stack, 0).await;
    let first = stack.secret_in("jwt-secret");
    let next = format!("{first}-next");
    let wanted = json!({ "sub": user.user_id, "variant": "hs256" });
    let old = stack.token(&wanted).await;
    stack.rotate_secrets(json!({ "SUPABASE_JWT_SECRET": format!("{next},{first}") })).await;
    stack.until_secrets_are_read().await;
    stack.sign_tokens_with(&next).await;
    let new = stack.token(&wanted).await;
    assert_ne!(old, new);
    for token in [&old, &new] {
        user.token.clone_from(token);
        user.get("/auth/verify").await.data(200);
    }
    stack.rotate_secrets(json!({ "SUPABASE_JWT_SECRET": next })).await;
    stack.until_secrets_are_read().await;
    user.token.clone_from(&new);
    user.get("/auth/verify").await.data(200);
    user.token = old;
    user.get("/auth/verify").await.refused(401, "token_invalid");

    stack.restore_secrets().await;
    stack.until_secrets_are_read().await;
    user.get("/auth/verify").await.data(200);
}

#[tokio::test]
async fn errors_are_reported_with_the_new_key_when_the_address_has_changed() {
    let (_turn, stack) = alone().await;
    let first = "5a9db0c0ffee45a9db0c0ffee45a9db0";
    let next = format!("{first}1");
    let address = format!("{}/sentry/1", stack.sandbox_url.replacen("://", &format!("://{next}@"), 1));
    stack.accept_keys(first, &[first, &next]).await;
    stack.rotate_secrets(json!({ "SENTRY_DSN": address })).await;
    stack.until_secrets_are_read().await;
    stack.accept_keys(first, &[&next]).await;
    let user = User::new(&stack, 0).await;
    user.fails_with_a_report().await;

    stack.restore_secrets().await;
    stack.until_secrets_are_read().await;
}
