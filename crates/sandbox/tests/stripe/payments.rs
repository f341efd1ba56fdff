//! Payments without the customer, refunds and disputes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, encode};

async fn customer_with_card(shop: &Shop) -> (String, String) {
    let session = shop.buy("price_sandbox_pack_20").await;
    let customer = session["customer"].as_str().unwrap().to_owned();
    let methods = shop.get(&format!("/customers/{customer}/payment_methods?type=card")).await;
    (customer, methods["data"][0]["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_customer_who_is_not_there_can_be_charged_if_the_card_is_accepted() {
    let shop = Shop::open().await;
    let (customer, method) = customer_with_card(&shop).await;
    let form = [
        ("amount", "2500"),
        ("currency", "usd"),
        ("customer", customer.as_str()),
        ("payment_method", method.as_str()),
        ("off_session", "true"),
        ("confirm", "true"),
        ("metadata[reason]", "top-up"),
    ];
    let paid = shop.post("/payment_intents", &form).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(2_500)));
    shop.control("/card", json!({"customer": customer, "card": "declines"})).await;
    let answer = shop.request(Method::POST, "/payment_intents").body(encode(&form)).send().await.unwrap();
    assert_eq!(answer.status(), 402);
    let error = answer.json::<Value>().await.unwrap()["error"].take();
    assert_eq!(
        (&error["type"], &error["code"], &error["decline_code"]),
        (&json!("card_error"), &json!("card_declined"), &json!("generic_decline"))
    );
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    let kept = shop.get(&format!("/payment_intents/{}", error["payment_intent"]["id"].as_str().unwrap())).await;
    assert_eq!(kept, error["payment_intent"], "the payment that failed can be read");
    let failed = shop.receiver.wait_for("payment_intent.payment_failed", 1).await.remove(0);
    assert_eq!(failed["data"]["object"]["metadata"]["reason"], "top-up");
    let small = shop.post("/payment_intents", &[("amount", "49"), ("currency", "usd")]).await;
    assert_eq!(small["error"]["code"], "amount_too_small");
    let (_, other_method) = customer_with_card(&shop).await;
    let foreign = [form[0], form[1], form[2], ("payment_method", other_method.as_str()), form[5]];
    assert_eq!(shop.post("/payment_intents", &foreign).await["error"]["param"], "payment_method");
}

/// The card that this customer buys a pack with.
async fn card_of(shop: &Shop, customer: &str) -> Value {
    let session = shop.checkout("payment", "price_sandbox_pack_20", &[("customer", customer)]).await;
    shop.control("/complete", json!({"session": session["id"]})).await;
    let methods = shop.get(&format!("/customers/{customer}/payment_methods?type=card&limit=1")).await;
    methods["data"][0]["card"].clone()
}

#[tokio::test]
async fn a_card_has_the_fingerprint_of_its_number_and_each_customer_one_of_their_own_until_the_control_chooses() {
    let shop = Shop::open().await;
    let mut customers = vec![];
    for email in ["ann@example.com", "bob@example.com"] {
        let customer = shop.post("/customers", &[("email", email)]).await;
        customers.push(customer["id"].as_str().unwrap().to_owned());
    }
    let (ann, bob) = (card_of(&shop, &customers[0]).await, card_of(&shop, &customers[1]).await);
    assert_eq!(ann["fingerprint"].as_str().map(str::len), Some(16));
    assert_ne!(ann["fingerprint"], bob["fingerprint"]);
    assert_eq!(card_of(&shop, &customers[0]).await["fingerprint"], ann["fingerprint"]);

    for customer in &customers {
        shop.control("/card", json!({"customer": customer, "number": "5555555555554444"})).await;
    }
    let (chosen, same) = (card_of(&shop, &customers[0]).await, card_of(&shop, &customers[1]).await);
    assert_eq!((&chosen["fingerprint"], &chosen["last4"]), (&same["fingerprint"], &json!("4444")));
    assert_ne!(chosen["fingerprint"], ann["fingerprint"]);
    for number in ["4242", "4242-4242-4242-4242", "42424242424242424242"] {
        let refused = shop.refused("/card", json!({"customer": customers[0], "number": number})).await;
        assert!(refused.contains("digits"), "{number}: {refused}");
    }
}

#[tokio::test]
async fn refunds_add_up_to_what_was_paid_and_no_more() {
    let shop = Shop::open().await;
    let session = shop.buy("price_sandbox_pack_20").await;
    let intent = session["payment_intent"].as_str().unwrap();
    let first = shop.post("/refunds", &[("payment_intent", intent), ("amount", "500")]).await;
    assert_eq!((&first["amount"], &first["status"]), (&json!(500), &json!("succeeded")));
    shop.control("/refunds", json!({"payment_intent": intent})).await;
    let events = shop.receiver.wait_for("charge.refunded", 2).await;
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let (charge, before) = (&event["data"]["object"], &event["data"]["previous_attributes"]);
            (charge["amount_refunded"].as_i64(), charge["refunded"].as_bool(), before["amount_refunded"].as_i64())
        })
        .collect();
    assert_eq!(seen, [(Some(500), Some(false), Some(0)), (Some(2_000), Some(true), Some(500))]);
    let refunds = shop.receiver.wait_for("refund.created", 2).await;
    assert_eq!(refunds[1]["data"]["object"]["amount"], 1_500);
    assert_eq!(shop.post("/refunds", &[("payment_intent", intent)]).await["error"]["code"], "charge_already_refunded");
    let other = shop.buy("price_sandbox_pack_20").await;
    let too_much = [("payment_intent", other["payment_intent"].as_str().unwrap()), ("amount", "2001")];
    assert_eq!(shop.post("/refunds", &too_much).await["error"]["param"], "amount");
}

#[tokio::test]
async fn a_dispute_takes_the_money_and_gives_it_back_to_who_wins() {
    let shop = Shop::open().await;
    for verdict in ["won", "lost"] {
        let session = shop.buy("price_sandbox_pack_100").await;
        let intent = session["payment_intent"].as_str().unwrap();
        let dispute = shop.control("/disputes", json!({"payment_intent": intent})).await;
        assert_eq!((&dispute["amount"], &dispute["status"]), (&json!(9_500), &json!("needs_response")));
        let found = shop.get(&format!("/disputes?payment_intent={intent}")).await;
        assert_eq!(found["data"][0]["id"], dispute["id"]);
        assert_eq!(shop.post("/refunds", &[("payment_intent", intent)]).await["error"]["code"], "charge_disputed");
        let path = format!("/disputes/{}/close", dispute["id"].as_str().unwrap());
        let closed = shop.control(&path, json!({"verdict": verdict})).await;
        assert_eq!(closed["status"], verdict);
        assert!(shop.refused(&path, json!({"verdict": verdict})).await.contains("already closed"));
    }
    shop.receiver.wait_for("charge.dispute.closed", 2).await;
    let of_disputes: Vec<String> =
        shop.receiver.types().await.into_iter().filter(|kind| kind.starts_with("charge.dispute")).collect();
    let begins = ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"];
    let expected = [&begins[..], &["charge.dispute.funds_reinstated"], &begins[..]].concat();
    assert_eq!(of_disputes, expected);
}
