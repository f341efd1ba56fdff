//! Renewals, failed payments, changes and ends of subscriptions, as time passes.

use serde_json::{Value, json};

use crate::shop::{ACCOUNT, Shop};

fn period(subscription: &Value) -> (i64, i64) {
    let item = &subscription["items"]["data"][0];
    (item["current_period_start"].as_i64().unwrap(), item["current_period_end"].as_i64().unwrap())
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

#[tokio::test]
async fn each_month_is_billed_for_itself() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_growth_month").await;
    shop.receiver.wait_for("invoice.paid", 1).await;
    shop.advance("+1month").await;
    shop.advance("+1month").await;
    let invoices = shop.receiver.wait_for("invoice.paid", 3).await;
    let (mut start, mut end) = period(&subscription);
    for event in &invoices[1..] {
        let invoice = &event["data"]["object"];
        assert_eq!(
            (&invoice["billing_reason"], &invoice["amount_paid"]),
            (&json!("subscription_cycle"), &json!(7_900))
        );
        let line = &invoice["lines"]["data"][0];
        assert_eq!(line["period"]["start"], end, "a period begins where the one before ends");
        assert_eq!((&invoice["period_start"], &invoice["period_end"]), (&json!(start), &json!(end)));
        assert_eq!(event["created"], end, "it is billed at its own time, however far the clock is moved");
        assert_eq!(event["request"]["id"], Value::Null);
        (start, end) = (end, line["period"]["end"].as_i64().unwrap());
        assert!((28..=31).contains(&((end - start) / 86_400)));
    }
    let updated = shop.receiver.wait_for("customer.subscription.updated", 2).await.remove(0);
    assert_eq!(period(&updated["data"]["object"]).0, period(&subscription).1);
    let previous = &updated["data"]["previous_attributes"];
    assert_eq!(period(previous), period(&subscription));
    assert_eq!(previous["latest_invoice"], subscription["latest_invoice"]);
    assert_eq!(period(&shop.get(&format!("/subscriptions/{}", id(&subscription))).await), (start, end));
}

#[tokio::test]
async fn who_subscribes_on_the_31st_pays_on_the_last_day_of_shorter_months() {
    let shop = Shop::open().await;
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
    let begin = at("2031-01-31T10:00:00Z");
    shop.post("/test_helpers/test_clocks", &[("frozen_time", &begin.to_string())]).await;
    let subscription = shop.subscribe("price_sandbox_starter_month").await;
    // The clock goes on while the customer is at the checkout.
    let late = period(&subscription).0 - begin;
    assert!((0..60).contains(&late), "{late}");
    shop.advance("+3months").await;
    let paid = shop.receiver.wait_for("invoice.paid", 4).await;
    let ends: Vec<i64> = paid
        .iter()
        .map(|event| event["data"]["object"]["lines"]["data"][0]["period"]["end"].as_i64().unwrap())
        .collect();
    let expected = ["2031-02-28T10:00:00Z", "2031-03-31T10:00:00Z", "2031-04-30T10:00:00Z", "2031-05-31T10:00:00Z"];
    assert_eq!(ends, expected.map(|end| at(end) + late));
}

#[tokio::test]
async fn a_year_of_the_clock_bills_twelve_months_in_their_order() {
    let shop = Shop::open().await;
    shop.subscribe("price_sandbox_starter_month").await;
    let yearly = shop.subscribe("price_sandbox_agency_year").await;
    shop.advance("+1year").await;
    let paid = shop.receiver.wait_for("invoice.paid", 2 + 12 + 1).await;
    let renewals: Vec<i64> = paid[2..].iter().map(|event| event["created"].as_i64().unwrap()).collect();
    assert!(renewals.is_sorted() && renewals.len() == 13, "{renewals:?}");
    assert_eq!(period(&yearly).1, *renewals.last().unwrap());
}

#[tokio::test]
async fn a_declined_card_is_tried_again_and_ends_the_subscription_at_last() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_starter_month").await;
    let customer = subscription["customer"].clone();
    let path = format!("/subscriptions/{}", id(&subscription));
    shop.control("/card", json!({"customer": customer, "card": "declines"})).await;
    shop.advance("+1month").await;
    let failed = shop.receiver.wait_for("invoice.payment_failed", 1).await.remove(0)["data"]["object"].take();
    assert_eq!(
        (&failed["status"], &failed["attempt_count"], &failed["amount_paid"]),
        (&json!("open"), &json!(1), &json!(0))
    );
    assert!(failed["next_payment_attempt"].as_i64().unwrap() > failed["created"].as_i64().unwrap());
    assert_eq!(shop.get(&path).await["status"], "past_due");
    // A card that is accepted pays the next attempt.
    shop.control("/card", json!({"customer": customer, "card": "ok"})).await;
    shop.advance("+4days").await;
    let paid = shop.receiver.wait_for("invoice.paid", 2).await.remove(1);
    assert_eq!((&paid["data"]["object"]["id"], &paid["data"]["object"]["attempt_count"]), (&failed["id"], &json!(2)));
    assert_eq!(shop.get(&path).await["status"], "active");
    // One that is never accepted ends it.
    shop.control("/card", json!({"customer": customer, "card": "declines"})).await;
    shop.advance("+27days").await;
    shop.advance("+20days").await;
    let ended = shop.receiver.wait_for("customer.subscription.deleted", 1).await.remove(0);
    assert_eq!(ended["data"]["object"]["cancellation_details"]["reason"], "payment_failed");
    assert_eq!(shop.receiver.wait_for("invoice.payment_failed", 5).await.len(), 5);
}

#[tokio::test]
async fn a_cancelled_subscription_lasts_to_the_end_of_its_period() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_starter_month").await;
    let path = format!("/subscriptions/{}", id(&subscription));
    let cancelled = shop.post(&path, &[("cancel_at_period_end", "true")]).await;
    assert_eq!((&cancelled["status"], &cancelled["cancel_at"]), (&json!("active"), &json!(period(&subscription).1)));
    let event = shop.receiver.wait_for("customer.subscription.updated", 1).await.remove(0);
    assert_eq!(event["data"]["previous_attributes"]["cancel_at_period_end"], false);
    assert!(event["request"]["id"].as_str().unwrap().starts_with("req_"));
    shop.advance("+1month").await;
    let ended = shop.receiver.wait_for("customer.subscription.deleted", 1).await.remove(0);
    assert_eq!(
        (&ended["data"]["object"]["status"], &ended["created"]),
        (&json!("canceled"), &json!(period(&subscription).1))
    );
    assert_eq!(shop.receiver.wait_for("invoice.paid", 1).await.len(), 1);
    let customer = subscription["customer"].as_str().unwrap();
    assert_eq!(shop.get(&format!("/subscriptions?customer={customer}")).await["data"], json!([]));
    let all = shop.get(&format!("/subscriptions?customer={customer}&status=all")).await;
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dearer_plan_is_paid_for_the_rest_of_the_period() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_starter_month").await;
    let item = id(&subscription["items"]["data"][0]).to_owned();
    shop.advance("+10days").await;
    let changed = shop
        .post(
            &format!("/subscriptions/{}", id(&subscription)),
            &[
                ("items[0][id]", &item),
                ("items[0][price]", "price_sandbox_growth_month"),
                ("proration_behavior", "always_invoice"),
                ("metadata[account_id]", ACCOUNT),
            ],
        )
        .await;
    assert_eq!(period(&changed), period(&subscription), "the period goes on");
    assert_eq!(changed["items"]["data"][0]["id"], item.as_str());
    let paid = shop.receiver.wait_for("invoice.paid", 2).await.remove(1)["data"]["object"].take();
    assert_eq!(paid["billing_reason"], "subscription_update");
    let [unused, remaining] = paid["lines"]["data"].as_array().unwrap().as_slice() else { unreachable!("{paid}") };
    for line in [unused, remaining] {
        assert_eq!(line["parent"]["subscription_item_details"]["proration"], true);
        assert_eq!(line["period"]["end"], period(&subscription).1);
    }
    let (given_back, asked) = (unused["amount"].as_i64().unwrap(), remaining["amount"].as_i64().unwrap());
    assert!((-1_400..-1_280).contains(&given_back), "{given_back}");
    assert!((5_000..5_500).contains(&asked), "{asked}");
    assert_eq!(paid["amount_paid"], given_back + asked);
    let updated = shop.receiver.wait_for("customer.subscription.updated", 1).await.remove(0);
    let before = &updated["data"]["previous_attributes"]["items"]["data"][0]["price"]["lookup_key"];
    assert_eq!((before, &updated["data"]["object"]["latest_invoice"]), (&json!("starter_month"), &paid["id"]));
}

#[tokio::test]
async fn a_cheaper_plan_leaves_credit_for_the_next_invoice() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_growth_month").await;
    let item = id(&subscription["items"]["data"][0]).to_owned();
    let path = format!("/subscriptions/{}", id(&subscription));
    let form = [("items[0][id]", item.as_str()), ("items[0][price]", "price_sandbox_starter_month")];
    let at_once = [form[0], form[1], ("proration_behavior", "always_invoice")];
    shop.post(&path, &at_once).await;
    let paid = shop.receiver.wait_for("invoice.paid", 2).await.remove(1)["data"]["object"].take();
    assert_eq!(
        (&paid["total"], &paid["amount_due"], &paid["ending_balance"]),
        (&json!(-5_900), &json!(0), &json!(-5_900))
    );
    shop.advance("+1month").await;
    let next = shop.receiver.wait_for("invoice.paid", 3).await.remove(2)["data"]["object"].take();
    assert_eq!(
        (&next["starting_balance"], &next["amount_due"], &next["ending_balance"]),
        (&json!(-5_900), &json!(0), &json!(-3_900))
    );
    // Without an invoice of its own, the difference stands on the next one.
    shop.post(&path, &[form[0], ("items[0][price]", "price_sandbox_growth_month")]).await;
    shop.advance("+1month").await;
    let next = shop.receiver.wait_for("invoice.paid", 4).await.remove(3)["data"]["object"].take();
    let amounts: Vec<i64> =
        next["lines"]["data"].as_array().unwrap().iter().map(|line| line["amount"].as_i64().unwrap()).collect();
    assert_eq!((amounts.len(), amounts[2]), (3, 7_900));
    assert_eq!(next["amount_paid"], amounts.iter().sum::<i64>() - 3_900);
    // And without proration nothing is given back and nothing asked.
    let none = [form[0], form[1], ("proration_behavior", "none")];
    shop.post(&path, &none).await;
    shop.advance("+1month").await;
    let next = shop.receiver.wait_for("invoice.paid", 5).await.remove(4)["data"]["object"].take();
    assert_eq!((&next["amount_paid"], next["lines"]["data"].as_array().unwrap().len()), (&json!(2_000), 1));
}

#[tokio::test]
async fn another_interval_begins_a_new_period_now() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_starter_month").await;
    let now = shop.advance("+10days").await;
    let item = id(&subscription["items"]["data"][0]).to_owned();
    let changed = shop
        .post(
            &format!("/subscriptions/{}", id(&subscription)),
            &[
                ("items[0][id]", &item),
                ("items[0][price]", "price_sandbox_starter_year"),
                ("proration_behavior", "create_prorations"),
            ],
        )
        .await;
    let (start, end) = period(&changed);
    assert!((now..now + 5).contains(&start), "{start} is not {now}");
    assert_eq!(changed["billing_cycle_anchor"], start);
    assert!((365..=366).contains(&((end - start) / 86_400)));
    let paid = shop.receiver.wait_for("invoice.paid", 2).await.remove(1)["data"]["object"].take();
    let [unused, year] = paid["lines"]["data"].as_array().unwrap().as_slice() else { unreachable!("{paid}") };
    assert!(unused["amount"].as_i64().unwrap() < 0);
    assert_eq!((&year["amount"], &year["period"]), (&json!(20_000), &json!({"start": start, "end": end})));
    assert_eq!(year["parent"]["subscription_item_details"]["proration"], false);
}

#[tokio::test]
async fn a_change_that_cannot_be_paid_is_not_made_where_that_is_asked_for() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe("price_sandbox_starter_month").await;
    shop.control("/card", json!({"customer": subscription["customer"], "card": "declines"})).await;
    let item = id(&subscription["items"]["data"][0]).to_owned();
    let path = format!("/subscriptions/{}", id(&subscription));
    let form = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_sandbox_growth_month"),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", "error_if_incomplete"),
    ];
    assert_eq!(shop.post(&path, &form).await["error"]["code"], "card_declined");
    assert_eq!(shop.get(&path).await, subscription);
    let changed = shop.post(&path, &form[..3]).await;
    assert_eq!(
        (&changed["status"], &changed["items"]["data"][0]["price"]["lookup_key"]),
        (&json!("past_due"), &json!("growth_month"))
    );
    let deleted: Value = shop.request(reqwest::Method::DELETE, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(deleted["status"], "canceled");
    shop.receiver.wait_for("customer.subscription.deleted", 1).await;
}
