//! How events reach the endpoint, and how tests disturb that.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use crate::shop::{ACCOUNT, Shop};

async fn send(shop: &Shop, name: &str) -> String {
    shop.control("/send", json!({"event": name})).await["id"].as_str().unwrap().to_owned()
}

/// Long enough for a delivery that must not come to come.
async fn linger() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn a_fixture_is_sent_about_an_account_as_often_as_asked() {
    let shop = Shop::open().await;
    shop.control("/send", json!({"event": "invoice.paid.cycle", "account": ACCOUNT, "times": 3})).await;
    let events = shop.receiver.wait_for("invoice.paid", 3).await;
    let ids: HashSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1, "the same event comes three times");
    let details = &events[0]["data"]["object"]["parent"]["subscription_details"];
    assert_eq!(details["metadata"]["account_id"], ACCOUNT);
    let raw = json!({"type": "charge.updated", "object": {"id": "ch_1", "object": "charge"}, "previous_attributes": {"a": 1}});
    shop.control("/send", raw).await;
    let raw = shop.receiver.wait_for("charge.updated", 1).await.remove(0);
    assert_eq!((&raw["data"]["object"]["id"], &raw["data"]["previous_attributes"]["a"]), (&json!("ch_1"), &json!(1)));
    let again = raw["id"].as_str().unwrap();
    shop.control("/send", json!({"event": again})).await;
    assert_eq!(shop.receiver.wait_for("charge.updated", 2).await[1]["id"], again);
    assert!(shop.refused("/send", json!({"event": "nothing"})).await.contains("invoice.paid.cycle"));
}

#[tokio::test]
async fn an_event_comes_again_until_it_is_accepted() {
    let shop = Shop::open().await;
    shop.receiver.answers(500);
    let id = send(&shop, "invoice.paid").await;
    shop.receiver.wait_for("invoice.paid", 3).await;
    assert_eq!(shop.get(&format!("/events/{id}")).await["pending_webhooks"], 1);
    // A redirect is a failure too.
    shop.receiver.answers(302);
    let so_far = shop.receiver.letters().await.len();
    shop.receiver.wait_for("invoice.paid", so_far + 2).await;
    shop.receiver.answers(204);
    let so_far = shop.receiver.letters().await.len();
    shop.receiver.wait_for("invoice.paid", so_far + 1).await;
    linger().await;
    assert_eq!(shop.get(&format!("/events/{id}")).await["pending_webhooks"], 0);
    let listed = shop.stand.control(reqwest::Method::GET, &format!("/stripe/deliveries?event={id}"), Value::Null).await;
    let statuses: Vec<u64> = listed["deliveries"][0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["status"].as_u64().unwrap())
        .collect();
    assert_eq!(listed["deliveries"][0]["state"], "delivered");
    assert!(
        statuses.starts_with(&[500, 500, 500]) && statuses.contains(&302) && statuses.ends_with(&[204]),
        "{statuses:?}"
    );
    assert_eq!(statuses.len(), shop.receiver.letters().await.len());
}

#[tokio::test]
async fn both_secrets_sign_while_one_takes_the_others_place() {
    let shop = Shop::open().await;
    let signatures = |letter: &str| letter.matches(",v1=").count();
    send(&shop, "invoice.paid").await;
    shop.receiver.wait_for("invoice.paid", 1).await;
    shop.control("/endpoint", json!({"secrets": ["whsec_new", "whsec_old"], "api_version": "2031-01-01.later"})).await;
    send(&shop, "invoice.paid").await;
    let versions: Vec<Value> =
        shop.receiver.wait_for("invoice.paid", 2).await.iter().map(|event| event["api_version"].clone()).collect();
    assert_eq!(versions, ["2026-10-28.endive", "2031-01-01.later"]);
    let letters = shop.receiver.letters().await;
    assert_eq!((signatures(&letters[0].signature), signatures(&letters[1].signature)), (1, 2));
}

#[tokio::test]
async fn an_endpoint_gets_the_types_that_it_wants() {
    let shop = Shop::open().await;
    shop.control("/endpoint", json!({"enabled_events": ["invoice.paid"]})).await;
    shop.subscribe("price_sandbox_starter_month").await;
    shop.advance("+1month").await;
    shop.receiver.wait_for("invoice.paid", 2).await;
    linger().await;
    assert_eq!(shop.receiver.types().await, ["invoice.paid"; 2]);
    assert_eq!(shop.get("/events?delivery_success=false").await["data"], json!([]));
}

#[tokio::test]
async fn held_events_come_when_they_are_released() {
    let shop = Shop::open().await;
    shop.control("/delivery", json!({"hold": true, "types": ["invoice.paid"]})).await;
    send(&shop, "invoice.paid").await;
    send(&shop, "invoice.payment_failed").await;
    shop.receiver.wait_for("invoice.payment_failed", 1).await;
    linger().await;
    assert_eq!(shop.receiver.types().await, ["invoice.payment_failed"]);
    shop.control("/delivery", json!({"pause": true})).await;
    send(&shop, "invoice.payment_failed").await;
    linger().await;
    assert_eq!(shop.receiver.letters().await.len(), 1);
    shop.control("/delivery", json!({})).await;
    shop.receiver.wait_for("invoice.paid", 1).await;
    shop.receiver.wait_for("invoice.payment_failed", 2).await;
}

#[tokio::test]
async fn events_are_dropped_delayed_doubled_and_shuffled() {
    let shop = Shop::open().await;
    shop.control("/delivery", json!({"drop": true})).await;
    let dropped = send(&shop, "invoice.paid").await;
    shop.control("/delivery", json!({"duplicate": 2, "delay_ms": 200})).await;
    let begun = std::time::Instant::now();
    send(&shop, "invoice.payment_failed").await;
    shop.receiver.wait_for("invoice.payment_failed", 3).await;
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(shop.receiver.types().await, ["invoice.payment_failed"; 3]);
    let listed = shop.get("/events?types[]=invoice.paid&delivery_success=false").await;
    assert_eq!((&listed["data"][0]["id"], listed["data"].as_array().unwrap().len()), (&json!(dropped), 1));
    // It can still be sent by hand, once nothing is dropped any more.
    shop.control("/delivery", json!({"pause": true})).await;
    shop.control("/send", json!({"event": dropped})).await;
    let mut sent = vec![dropped];
    for _ in 0..30 {
        sent.push(send(&shop, "customer.subscription.created").await);
    }
    shop.control("/delivery", json!({"shuffle": true})).await;
    shop.receiver.wait_for("customer.subscription.created", 30).await;
    shop.receiver.wait_for("invoice.paid", 1).await;
    let came: Vec<String> = shop.receiver.letters().await[3..]
        .iter()
        .map(|letter| letter.event()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_ne!(came, sent, "thirty-one events come in their order once in 10^33 times");
    assert_eq!(came.iter().collect::<HashSet<_>>(), sent.iter().collect());
}

#[tokio::test]
async fn a_slow_endpoint_holds_up_no_request() {
    let shop = Shop::open().await;
    // Nobody accepts at this address; the connection stays in the queue of the listener.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", deaf.local_addr().unwrap());
    shop.control("/endpoint", json!({"url": url})).await;
    send(&shop, "invoice.paid").await;
    let answer = tokio::time::timeout(Duration::from_secs(5), shop.buy("price_sandbox_pack_20")).await.unwrap();
    assert_eq!(answer["status"], "complete");
}

#[tokio::test]
async fn events_are_listed_by_type_and_time() {
    let shop = Shop::open().await;
    let session = shop.buy("price_sandbox_pack_20").await;
    let now = shop.advance("+2days").await;
    shop.buy("price_sandbox_pack_20").await;
    let recent = shop.get(&format!("/events?type=checkout.session.completed&created[gte]={now}")).await;
    assert_eq!(recent["data"].as_array().unwrap().len(), 1);
    assert_ne!(recent["data"][0]["data"]["object"]["id"], session["id"]);
    let of_charges = shop.get("/events?type=charge.*&limit=100").await;
    assert_eq!(of_charges["data"].as_array().unwrap().len(), 2);
    shop.advance("+31days").await;
    assert_eq!(shop.get("/events").await["data"], json!([]), "events are listed for thirty days");
}
