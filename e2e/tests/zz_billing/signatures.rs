//! Who may send to the webhook: the official library signs, and only what it signs is taken.

use oslira_e2e::{Answer, Stack, User, passes, stack_dir};
use reqwest::Method;
use serde_json::json;

use crate::turn;

#[tokio::test]
async fn the_official_library_signs_what_is_taken_and_what_is_refused() {
    let (_turn, stack) = turn().await;
    let secret = std::fs::read_to_string(stack_dir().join("stripe-webhook-secret")).unwrap();
    let variables = [
        ("OSLIRA_API_URL", stack.api_url.as_str()),
        ("STRIPE_WEBHOOK_SECRET", secret.trim()),
        ("NO_PROXY", "127.0.0.1"),
    ];
    passes("e2e/tests/zz_billing/signatures.mjs", &variables).await;
}

async fn post(stack: &Stack, body: Vec<u8>) -> Answer {
    post_signed(stack, body, None).await
}

async fn post_signed(stack: &Stack, body: Vec<u8>, signature: Option<&str>) -> Answer {
    let mut request = stack.http().request(Method::POST, format!("{}/webhooks/stripe", stack.api_url)).body(body);
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn without_a_signature_nothing_is_taken_whoever_sends_it() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    let event = json!({ "id": "evt_1", "object": "event", "type": "invoice.paid", "data": {} });
    post(&stack, event.to_string().into_bytes()).await.refused(400, "invalid_signature");
    post(&stack, Vec::new()).await.refused(400, "invalid_signature");
    // Of a body without a signature, no more is read than of anybody's.
    post(&stack, vec![0xff; 1_048_577]).await.refused(400, "invalid_signature");
    let made_up = Some("t=1,v1=00");
    post_signed(&stack, vec![0xff; 1_048_576], made_up).await.refused(400, "invalid_signature");
    post_signed(&stack, vec![0xff; 1_048_577], made_up).await.refused(413, "body_too_large");
    let signed_in = user.request(Method::POST, "/webhooks/stripe").json(&event);
    Answer::read(signed_in.send().await.unwrap()).await.refused(400, "invalid_signature");
    let stored = "select count(*) from webhook_events where id = 'evt_1'";
    assert_eq!(stack.sql().await.query_one(stored, &[]).await.unwrap().get::<_, i64>(0), 0);
}
