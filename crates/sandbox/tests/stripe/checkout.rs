//! Checkout sessions, and what completing them causes.

use std::time::Duration;

use serde_json::json;

use crate::shop::{ACCOUNT, Shop};

#[tokio::test]
async fn a_pack_is_paid_at_once() {
    let shop = Shop::open().await;
    let open = shop
        .checkout(
            "payment",
            "price_sandbox_pack_100",
            &[
                ("payment_intent_data[metadata][account_id]", ACCOUNT),
                ("payment_intent_data[setup_future_usage]", "off_session"),
            ],
        )
        .await;
    assert_eq!(
        (&open["status"], &open["payment_status"], &open["amount_total"]),
        (&json!("open"), &json!("unpaid"), &json!(9_500))
    );
    assert!(open["url"].as_str().unwrap().ends_with(open["id"].as_str().unwrap()));
    let session = shop.control("/complete", json!({"session": open["id"]})).await;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
    let event = shop.receiver.wait_for("checkout.session.completed", 1).await.remove(0);
    assert_eq!(event["data"]["object"], session);
    assert_eq!(session["metadata"]["account_id"], ACCOUNT);
    let intent = shop.get(&format!("/payment_intents/{}", session["payment_intent"].as_str().unwrap())).await;
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(9_500)));
    assert_eq!(intent["metadata"]["account_id"], ACCOUNT);
    let charge = shop.get(&format!("/charges/{}", intent["latest_charge"].as_str().unwrap())).await;
    assert_eq!((&charge["paid"], &charge["payment_intent"]), (&json!(true), &intent["id"]));
    let expected = [
        "customer.created",
        "payment_method.attached",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ];
    assert_eq!(shop.receiver.types().await, expected);
    let items = shop.get(&format!("/checkout/sessions/{}/line_items", session["id"].as_str().unwrap())).await;
    assert_eq!(items["data"][0]["price"]["lookup_key"], "pack_100");
    assert!(shop.refused("/complete", json!({"session": session["id"]})).await.contains("complete"));
}

#[tokio::test]
async fn a_bank_may_tell_later_how_a_payment_ends() {
    let shop = Shop::open().await;
    for (outcome, kind, paid) in [
        ("async_succeeded", "checkout.session.async_payment_succeeded", "paid"),
        ("async_failed", "checkout.session.async_payment_failed", "unpaid"),
    ] {
        let open = shop.checkout("payment", "price_sandbox_pack_20", &[]).await;
        let session = shop.control("/complete", json!({"session": open["id"], "outcome": "unpaid"})).await;
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("unpaid")));
        let session = shop.control("/complete", json!({"session": open["id"], "outcome": outcome})).await;
        assert_eq!(session["payment_status"], paid);
        let event = shop.receiver.wait_for(kind, 1).await.remove(0);
        assert_eq!(event["data"]["object"]["id"], open["id"]);
        assert!(
            shop.refused("/complete", json!({"session": open["id"], "outcome": outcome})).await.contains("can't be")
        );
    }
}

#[tokio::test]
async fn a_subscription_is_paid_for_its_first_period() {
    let shop = Shop::open().await;
    let customer = shop.post("/customers", &[("email", "ann@example.com"), ("metadata[account_id]", ACCOUNT)]).await;
    let more = [("customer", customer["id"].as_str().unwrap()), ("subscription_data[metadata][account_id]", ACCOUNT)];
    let open = shop.checkout("subscription", "price_sandbox_starter_month", &more).await;
    let session = shop.control("/complete", json!({"session": open["id"], "outcome": "paid"})).await;
    let event = shop.receiver.wait_for("invoice.paid", 1).await.remove(0);
    let invoice = &event["data"]["object"];
    let subscription = shop.get(&format!("/subscriptions/{}", session["subscription"].as_str().unwrap())).await;
    let item = &subscription["items"]["data"][0];
    assert_eq!((&invoice["billing_reason"], &invoice["amount_paid"]), (&json!("subscription_create"), &json!(2_000)));
    assert_eq!(invoice["parent"]["subscription_details"]["subscription"], subscription["id"]);
    assert_eq!(invoice["parent"]["subscription_details"]["metadata"]["account_id"], ACCOUNT);
    let line = &invoice["lines"]["data"][0];
    assert_eq!(line["period"], json!({"start": item["current_period_start"], "end": item["current_period_end"]}));
    assert_eq!(line["pricing"]["price_details"]["price"], "price_sandbox_starter_month");
    assert_eq!(line["parent"]["subscription_item_details"]["subscription_item"], item["id"]);
    assert_eq!((&subscription["status"], &subscription["latest_invoice"]), (&json!("active"), &invoice["id"]));
    assert_eq!(session["invoice"], invoice["id"]);
    let payments = shop.get(&format!("/invoice_payments?invoice={}", invoice["id"].as_str().unwrap())).await;
    let intent = payments["data"][0]["payment"]["payment_intent"].as_str().unwrap();
    let by_intent = format!("/invoice_payments?payment[type]=payment_intent&payment[payment_intent]={intent}");
    assert_eq!(shop.get(&by_intent).await["data"][0]["invoice"], invoice["id"]);
    shop.receiver.wait_for("checkout.session.completed", 1).await;
    shop.receiver.wait_for("customer.subscription.created", 1).await;
}

#[tokio::test]
async fn a_session_expires_after_a_day_or_when_it_is_told_to() {
    let shop = Shop::open().await;
    let forgotten = shop.checkout("payment", "price_sandbox_pack_20", &[]).await;
    let ended = shop.checkout("payment", "price_sandbox_pack_20", &[]).await;
    let path = format!("/checkout/sessions/{}/expire", ended["id"].as_str().unwrap());
    assert_eq!(shop.post(&path, &[]).await["status"], "expired");
    shop.advance("+25hours").await;
    let events = shop.receiver.wait_for("checkout.session.expired", 2).await;
    let expired: Vec<_> = events.iter().map(|event| event["data"]["object"]["id"].clone()).collect();
    assert_eq!(expired, [ended["id"].clone(), forgotten["id"].clone()]);
    assert!(shop.refused("/complete", json!({"session": ended["id"]})).await.contains("expired"));
}

#[tokio::test]
async fn what_stripe_knows_outlives_a_kill() {
    let shop = Shop::open().await;
    shop.receiver.answers(500);
    let session = shop.buy("price_sandbox_pack_20").await;
    let now = shop.advance("+10days").await;
    let state_dir = shop.stand.kill().await;
    let stand = crate::common::Stand::start_in(&state_dir, 0.0).await;
    shop.receiver.answers(200);
    let shop = Shop { stand, receiver: shop.receiver };
    let before = shop.receiver.letters().await.len();
    shop.control("/endpoint", json!({"url": shop.receiver.url})).await;
    let id = session["id"].as_str().unwrap();
    assert_eq!(shop.get(&format!("/checkout/sessions/{id}")).await, session);
    assert!(shop.advance("+0seconds").await >= now);
    // What was not delivered is delivered now.
    for _ in 0..500 {
        let pending = shop.get("/events?delivery_success=false").await;
        if pending["data"].as_array().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shop.get("/events?delivery_success=false").await["data"], json!([]));
    assert!(shop.receiver.letters().await.len() >= before + 6);
}

#[tokio::test]
async fn a_portal_for_cancelling_is_of_a_subscription_that_goes_on() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_growth_month").await;
    let (id, customer) = (subscription["id"].as_str().unwrap(), subscription["customer"].as_str().unwrap());
    let form = [
        ("customer", customer),
        ("return_url", "https://example.com/"),
        ("flow_data[type]", "subscription_cancel"),
        ("flow_data[subscription_cancel][subscription]", id),
        ("flow_data[after_completion][type]", "redirect"),
        ("flow_data[after_completion][redirect][return_url]", "https://example.com/"),
    ];
    let session = shop.post("/billing_portal/sessions", &form).await;
    assert_eq!(session["flow"]["subscription_cancel"]["subscription"], id, "{session}");
    shop.post(&format!("/subscriptions/{id}"), &[("cancel_at_period_end", "true")]).await;
    let refused = shop.post("/billing_portal/sessions", &form).await;
    assert_eq!(refused["error"]["param"], "flow_data[subscription_cancel][subscription]", "{refused}");
}
