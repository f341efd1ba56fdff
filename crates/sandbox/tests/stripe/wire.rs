//! Keys, errors, lists and idempotency.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, encode};

#[tokio::test]
async fn a_secret_key_is_a_bearer_token_or_a_user_name() {
    let shop = Shop::open().await;
    let url = format!("{}/stripe/v1/prices", shop.stand.base);
    let status = |request: reqwest::RequestBuilder| async move { request.send().await.unwrap().status().as_u16() };
    assert_eq!(status(shop.stand.client.get(&url)).await, 401);
    assert_eq!(status(shop.stand.client.get(&url).bearer_auth("other")).await, 401);
    assert_eq!(status(shop.stand.client.get(&url).basic_auth("sandbox-stripe-key", Some(""))).await, 200);
    let answer = shop.request(Method::GET, "/prices").send().await.unwrap();
    assert_eq!(answer.headers()["stripe-version"], "2026-10-28.endive");
    assert!(answer.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    let old = shop.request(Method::GET, "/prices").header("stripe-version", "2020-08-27");
    assert_eq!(status(old).await, 400);
}

#[tokio::test]
async fn refusals_have_stripes_form() {
    let shop = Shop::open().await;
    let missing = shop.get("/customers/cus_nobody").await;
    assert_eq!(missing["error"]["code"], "resource_missing");
    assert_eq!(missing["error"]["message"], "No such customer: 'cus_nobody'");
    let unknown = shop.post("/customers", &[("colour", "red")]).await;
    assert_eq!(
        (&unknown["error"]["code"], &unknown["error"]["param"]),
        (&json!("parameter_unknown"), &json!("colour"))
    );
    // An object of another kind is not found either.
    let price = shop.get("/customers/price_sandbox_pack_20").await;
    assert_eq!(price["error"]["code"], "resource_missing");
    let wrong_mode = shop.checkout("payment", "price_sandbox_starter_month", &[]).await;
    assert!(wrong_mode["error"]["message"].as_str().unwrap().contains("recurring price"), "{wrong_mode}");
    let nowhere = shop.request(Method::GET, "/nowhere").send().await.unwrap();
    assert_eq!(nowhere.status(), 404);
    assert_eq!(nowhere.json::<Value>().await.unwrap()["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn the_catalogue_is_found_by_its_lookup_keys() {
    let shop = Shop::open().await;
    let found = shop.get("/prices?lookup_keys[]=growth_year&lookup_keys[]=pack_20&active=true").await;
    let found: Vec<(&str, i64)> = found["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|price| (price["lookup_key"].as_str().unwrap(), price["unit_amount"].as_i64().unwrap()))
        .collect();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&("growth_year", 79_000)) && found.contains(&("pack_20", 2_000)), "{found:?}");
    let price = shop.get("/prices/price_sandbox_starter_month").await;
    assert_eq!((&price["recurring"]["interval"], &price["unit_amount"]), (&json!("month"), &json!(2_000)));
    assert_eq!(price.as_object().unwrap().keys().find(|name| name.starts_with('_')), None);
}

#[tokio::test]
async fn lists_are_read_in_pages_from_both_sides() {
    let shop = Shop::open().await;
    for name in ["a", "b", "c", "d", "e"] {
        shop.post("/customers", &[("name", name)]).await;
    }
    let names = |page: &Value| {
        let names = page["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
        (names.collect::<String>(), page["has_more"].as_bool().unwrap())
    };
    let first = shop.get("/customers?limit=2").await;
    assert_eq!(names(&first), ("ed".to_owned(), true));
    let last_id = first["data"][1]["id"].as_str().unwrap();
    let second = shop.get(&format!("/customers?limit=3&starting_after={last_id}")).await;
    assert_eq!(names(&second), ("cba".to_owned(), false));
    let end_id = second["data"][2]["id"].as_str().unwrap();
    let before = shop.get(&format!("/customers?limit=2&ending_before={end_id}")).await;
    assert_eq!(names(&before), ("cb".to_owned(), true));
    assert_eq!(shop.get("/customers?limit=101").await["error"]["param"], "limit");
    let future = shop.get("/customers?created[gte]=4000000000").await;
    assert_eq!(names(&future), (String::new(), false));
}

#[tokio::test]
async fn a_key_gives_the_same_answer_again_and_only_for_the_same_request() {
    let shop = Shop::open().await;
    let send = |key: &'static str, name: &'static str| {
        let request = shop.request(Method::POST, "/customers").header("idempotency-key", key);
        let request = request.body(encode(&[("name", name)]));
        async move {
            let answer = request.send().await.unwrap();
            let replayed = answer.headers().contains_key("idempotent-replayed");
            (answer.status().as_u16(), replayed, answer.json::<Value>().await.unwrap())
        }
    };
    let (_, replayed, first) = send("one", "Ann").await;
    assert!(!replayed);
    let (status, replayed, again) = send("one", "Ann").await;
    assert_eq!((status, replayed, &again), (200, true, &first));
    let (status, _, other) = send("one", "Bob").await;
    assert_eq!((status, &other["error"]["type"]), (400, &json!("idempotency_error")));
    assert_ne!(send("two", "Ann").await.2["id"], first["id"]);
}

#[tokio::test]
async fn a_key_is_in_use_while_its_request_goes_on() {
    // A write takes 0.3 s at this scale.
    let stand = crate::common::Stand::start(1.0).await;
    let send = || {
        let url = format!("{}/stripe/v1/customers", stand.base);
        stand
            .client
            .post(url)
            .bearer_auth("sandbox-stripe-key")
            .header("idempotency-key", "one")
            .body("name=Ann")
            .send()
    };
    let (first, second) = tokio::join!(send(), send());
    let (first, second) = (first.unwrap(), second.unwrap());
    let mut statuses = [first.status().as_u16(), second.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let refused = if first.status() == 409 { first } else { second };
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "idempotency_key_in_use");
}

#[tokio::test]
async fn an_object_comes_in_place_of_its_id_where_it_is_asked_for() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_starter_month").await;
    let id = subscription["id"].as_str().unwrap();
    let expanded = shop.get(&format!("/subscriptions/{id}?expand[]=latest_invoice&expand[]=customer")).await;
    assert_eq!(expanded["latest_invoice"]["id"], subscription["latest_invoice"]);
    assert_eq!(expanded["customer"]["object"], "customer");
    let invoice =
        shop.get(&format!("/subscriptions/{id}?expand[]=latest_invoice.payments")).await["latest_invoice"].take();
    let payment = &invoice["payments"]["data"][0];
    assert_eq!((&payment["object"], &payment["status"]), (&json!("invoice_payment"), &json!("paid")));
}

#[tokio::test]
async fn faults_strike_stripe_too() {
    let shop = Shop::open().await;
    shop.stand
        .fault(json!({"target": "stripe.checkout", "kind": "status", "status": 500, "times": 1, "match": "pack_20"}))
        .await;
    let spared = shop.checkout("payment", "price_sandbox_pack_100", &[]).await;
    assert_eq!(spared["object"], "checkout.session");
    let struck = shop.checkout("payment", "price_sandbox_pack_20", &[]).await;
    assert_eq!(struck["error"]["type"], "api_error");
    // The answer is lost, but the session is there: the key finds it again.
    shop.stand.fault(json!({"target": "stripe.checkout", "kind": "truncate", "times": 1, "match": "lost"})).await;
    let form = encode(&[
        ("mode", "payment"),
        ("line_items[0][price]", "price_sandbox_pack_20"),
        ("success_url", "https://example.com/"),
        ("client_reference_id", "lost"),
    ]);
    let send =
        || shop.request(Method::POST, "/checkout/sessions").header("idempotency-key", "k").body(form.clone()).send();
    let lost = match send().await {
        Ok(answer) => answer.json::<Value>().await,
        Err(error) => Err(error),
    };
    assert!(lost.is_err());
    let again = send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(shop.stand.received("?target=stripe.checkout&match=lost").await["count"], 2);
}
