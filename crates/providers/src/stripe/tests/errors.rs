//! What becomes of a call that fails.

use bytes::Bytes;
use http::Response;
use oslira_app::features::billing::{Stripe as _, StripeError};
use serde_json::{Value, json};

use super::api::stripe;
use crate::{
    double::{json as answer, text},
    send::SendError,
};

async fn fault(sent: Result<Response<Bytes>, SendError>) -> StripeError {
    stripe([sent]).0.price("price_1").await.unwrap_err()
}

fn error(kind: &str, rest: Value) -> Value {
    let mut error = json!({"type": kind, "message": "sk_test_secret of ann@example.com"});
    error.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({"error": error})
}

#[tokio::test]
async fn what_may_pass_is_unavailable() {
    for (sent, why) in [
        (Err(SendError::Timeout), "timed out"),
        (Err(SendError::Unreachable("connection refused".to_owned())), "unreachable: connection refused"),
        (Err(SendError::Broken("it ended early".to_owned())), "broken: it ended early"),
        (answer(409, &error("idempotency_error", json!({"code": "idempotency_key_in_use"}))), "409 idempotency_error"),
        (answer(429, &error("invalid_request_error", json!({"code": "rate_limit"}))), "429 invalid_request_error"),
        (answer(408, &json!({})), "408 unknown"),
        (answer(500, &error("api_error", json!({}))), "500 api_error"),
        (text(503, "<html>secret</html>"), "503 unknown"),
        (text(520, ""), "520 unknown"),
    ] {
        assert_eq!(fault(sent).await, StripeError::Unavailable(why.to_owned()));
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let missing = error("invalid_request_error", json!({"code": "resource_missing", "param": "customer"}));
    for sent in [answer(404, &missing), answer(400, &missing), text(404, "<html>")] {
        assert_eq!(fault(sent).await, StripeError::NotFound);
    }
}

#[tokio::test]
async fn a_card_that_is_refused_is_declined_with_the_banks_word() {
    for (rest, word) in [
        (json!({"code": "card_declined", "decline_code": "insufficient_funds"}), "insufficient_funds"),
        (
            json!({"code": "authentication_required", "decline_code": "authentication_required"}),
            "authentication_required",
        ),
        (json!({"code": "expired_card"}), "expired_card"),
        (json!({"code": "card_declined", "decline_code": "a sentence with a name"}), "unknown"),
        (json!({}), "unknown"),
    ] {
        assert_eq!(fault(answer(402, &error("card_error", rest))).await, StripeError::Declined(word.to_owned()));
    }
}

#[tokio::test]
async fn what_lasts_is_refused_in_a_word() {
    for (sent, why) in [
        (
            answer(400, &error("invalid_request_error", json!({"code": "parameter_unknown"}))),
            "400 invalid_request_error",
        ),
        (answer(401, &error("invalid_request_error", json!({}))), "401 invalid_request_error"),
        (answer(402, &error("invalid_request_error", json!({}))), "402 invalid_request_error"),
        (answer(403, &error("ann@example.com", json!({}))), "403 unknown"),
        (text(302, ""), "302 unknown"),
        (text(400, "[]"), "400 unknown"),
        (Err(SendError::TooLarge), "answer too large"),
        (text(200, "<html>secret"), "its answer cannot be read: it is not JSON"),
        (text(200, "[]"), "its answer cannot be read: unit_amount is missing or not what it must be"),
    ] {
        assert_eq!(fault(sent).await, StripeError::Refused(why.to_owned()));
    }
    let reused = answer(400, &error("idempotency_error", json!({})));
    assert_eq!(fault(reused).await, StripeError::KeyReused);
}

#[tokio::test]
async fn what_is_no_id_is_never_sent() {
    let long = "a".repeat(256);
    for id in ["", "../customers", "pi_1/refunds", "pi_1?expand=x", "pi 1", "pi_é", "pi-1", &long] {
        let (stripe, script) = stripe([]);
        let refused = StripeError::Refused("not an id".to_owned());
        assert_eq!(stripe.subscription(id).await, Err(refused.clone()));
        assert_eq!(stripe.price(id).await, Err(refused.clone()));
        assert_eq!(stripe.paid_for(id).await, Err(refused.clone()));
        assert_eq!(stripe.invoice_lines(id).await, Err(refused.clone()));
        assert_eq!(stripe.subscriptions(Some(id)).await, Err(refused.clone()));
        assert_eq!(stripe.events(jiff::Timestamp::UNIX_EPOCH, Some(id)).await, Err(refused));
        assert!(script.sent.lock().unwrap().is_empty());
    }
}
