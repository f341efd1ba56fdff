//! Charges without the customer.

use bytes::Bytes;
use http::Response;
use oslira_app::{
    features::billing::{ChargeOutcome, Stripe as _, StripeError, TopUp},
    shared::clock::Clock as _,
};
use serde_json::{Value, json};

use super::api::{ACCOUNT, Frozen, ID, asked, keys, list, stripe};
use crate::{double::json as answer, send::SendError};

fn top_up() -> TopUp {
    TopUp {
        purchase_id: ID,
        account_id: ACCOUNT.to_string().parse().unwrap(),
        customer_id: "cus_1".to_owned(),
        price_cents: 4900,
        attempted_at: Frozen.now(),
    }
}

fn customer(method: Value) -> Result<Response<Bytes>, SendError> {
    answer(200, &json!({"id": "cus_1", "invoice_settings": {"default_payment_method": method}}))
}

fn intent(status: &str) -> Result<Response<Bytes>, SendError> {
    answer(200, &json!({"id": "pi_1", "status": status, "amount_received": 4900}))
}

#[tokio::test]
async fn a_top_up_charges_the_customers_default_card() {
    let (stripe, script) = stripe([customer(json!("pm_default")), intent("succeeded")]);
    let paid = ChargeOutcome::Paid { payment_intent_id: "pi_1".to_owned(), amount_cents: 4900 };
    assert_eq!(stripe.charge(&top_up()).await, Ok(paid));
    let form = [
        "amount=4900&currency=usd&customer=cus_1&payment_method=pm_default&off_session=true&confirm=true",
        "automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never",
        &format!("metadata[purchase_id]={ID}&metadata[account_id]={ACCOUNT}&metadata[origin]=auto_top_up"),
    ];
    let charge = format!("POST /v1/payment_intents {}", form.join("&"));
    assert_eq!(asked(&script), ["GET /v1/customers/cus_1".to_owned(), charge]);
    assert_eq!(keys(&script), [None, Some(format!("top-up:{ID}"))]);
}

#[tokio::test]
async fn without_a_default_the_newest_card_is_charged_and_without_a_card_none() {
    let (newest, script) = stripe([customer(Value::Null), list(json!([{"id": "pm_new"}]), true), intent("processing")]);
    assert_eq!(newest.charge(&top_up()).await, Ok(ChargeOutcome::Pending));
    assert_eq!(asked(&script)[1], "GET /v1/customers/cus_1/payment_methods?limit=1");
    assert!(asked(&script)[2].contains("payment_method=pm_new"));

    let declined = Err(StripeError::Declined("no_payment_method".to_owned()));
    let (none, _) = stripe([customer(Value::Null), list(json!([]), false)]);
    assert_eq!(none.charge(&top_up()).await, declined);
    let (deleted, _) = stripe([answer(200, &json!({"id": "cus_1", "deleted": true}))]);
    assert_eq!(deleted.charge(&top_up()).await, declined);
}

#[tokio::test]
async fn a_charge_that_needs_the_customer_is_declined() {
    for word in ["requires_action", "requires_payment_method", "canceled"] {
        let (stripe, _) = stripe([customer(json!("pm_1")), intent(word)]);
        assert_eq!(stripe.charge(&top_up()).await, Err(StripeError::Declined(word.to_owned())));
    }
    let (stripe, _) = stripe([customer(json!("pm_1")), intent("requires_capture")]);
    let why = "its answer cannot be read: status is missing or not what it must be";
    assert_eq!(stripe.charge(&top_up()).await, Err(StripeError::Refused(why.to_owned())));
}

#[tokio::test]
async fn a_charge_that_was_tried_with_another_card_is_left_to_its_event() {
    let refusal = json!({"error": {"type": "idempotency_error", "message": "Keys for idempotent requests …"}});
    let (stripe, _) = stripe([customer(json!("pm_other")), answer(400, &refusal)]);
    assert_eq!(stripe.charge(&top_up()).await, Ok(ChargeOutcome::Pending));
}

#[tokio::test]
async fn the_fingerprints_of_a_customers_cards_are_read_and_nothing_else_of_them() {
    let cards = json!([
        {"id": "pm_1", "card": {"fingerprint": "AOB934RVNwzk6xtn", "last4": "4242"}},
        {"id": "pm_2", "card": {"fingerprint": null, "last4": "0005"}},
    ]);
    let (two, script) = stripe([list(cards, false)]);
    assert_eq!(two.card_fingerprints("cus_1").await, Ok(vec!["AOB934RVNwzk6xtn".to_owned()]));
    assert_eq!(asked(&script), ["GET /v1/customers/cus_1/payment_methods?type=card&limit=100"]);
    let (odd, _) = stripe([list(json!([{"id": "pm_1", "card": {"fingerprint": 7}}]), false)]);
    let why = "its answer cannot be read: data.0.card.fingerprint is missing or not what it must be";
    assert_eq!(odd.card_fingerprints("cus_1").await, Err(StripeError::Refused(why.to_owned())));
    let (gone, _) = stripe([answer(404, &json!({"error": {"code": "resource_missing"}}))]);
    assert_eq!(gone.card_fingerprints("cus_1").await, Err(StripeError::NotFound));
}
