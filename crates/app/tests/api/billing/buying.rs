//! Checkouts, the portal and subscriptions.

use std::sync::Arc;

use axum::http::StatusCode;
use oslira_app::features::billing::StripeError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::till::{Till, ask_till};

const HOME: &str = "https://app.example.com/credits";

/// A checkout of these fields, and addresses to come back to.
async fn check_out(till: Till, item: Value) -> (StatusCode, Option<String>, Value, Vec<Value>) {
    let mut body = json!({ "success_url": HOME, "cancel_url": HOME });
    body.as_object_mut().unwrap().extend(item.as_object().unwrap().clone());
    let till = Arc::new(till);
    let (status, retry_after, body) = ask_till(&till, "POST", "/billing/checkout", body).await;
    (status, retry_after, body, till.asked())
}

async fn buy(till: Till) -> (StatusCode, Option<String>, Value, Vec<Value>) {
    check_out(till, json!({ "pack": "pack_100" })).await
}

async fn open_portal(till: Till) -> (StatusCode, Option<String>, Value) {
    ask_till(&Arc::new(till), "POST", "/billing/portal", json!({ "return_url": HOME })).await
}

#[tokio::test]
async fn a_customer_is_sent_to_stripe_to_pay() {
    let (status, _, body, asked) = buy(Till::new()).await;
    let page = json!({ "url": "https://stripe.example/page", "expires_at": "2026-11-27T12:00:00Z" });
    assert_eq!((status.as_u16(), &body["data"]), (201, &page), "{body}");
    assert_eq!(asked, [json!({ "begun": "pack_100" }), json!([Uuid::nil(), "price of pack_100", HOME, HOME])]);

    let (status, _, _, asked) = check_out(Till::new(), json!({ "plan": "growth", "interval": "month" })).await;
    assert_eq!(status.as_u16(), 201);
    assert_eq!(asked, [json!([Uuid::nil(), "price of growth_month", HOME, HOME])]);

    let (status, _, body) = open_portal(Till::new()).await;
    assert_eq!((status.as_u16(), &body["data"]), (201, &page), "{body}");
}

#[tokio::test]
async fn an_order_names_one_thing_of_the_catalogue() {
    for item in [
        json!({}),
        json!({ "pack": null }),
        json!({ "pack": "pack_100", "plan": "growth" }),
        json!({ "pack": "pack_100", "interval": "month" }),
        json!({ "pack": "pack_100", "plan": "growth", "interval": "month" }),
        json!({ "plan": "growth" }),
        json!({ "interval": "month" }),
        json!({ "pack": "pack_1" }),
        json!({ "pack": "growth" }),
        json!({ "plan": "pack_100", "interval": "month" }),
        json!({ "plan": "growth", "interval": "year" }),
    ] {
        let (status, _, body, asked) = check_out(Till::new(), item.clone()).await;
        assert_eq!((status.as_u16(), &body["code"]), (422, &json!("unknown_item")), "{item}");
        assert_eq!(asked, [Value::Null; 0], "{item}");
    }
    let (status, _, body, _) = check_out(Till::new(), json!({ "plan": "growth", "interval": "week" })).await;
    assert_eq!((status.as_u16(), &body["code"]), (422, &json!("invalid_request")));
}

#[tokio::test]
async fn a_purchase_that_the_database_refuses_says_why() {
    for (outcome, status, code, retry_after) in [
        (json!({ "outcome": "unknown_pack" }), 422, "unknown_item", None),
        (json!({ "outcome": "idempotency_key_reused" }), 422, "idempotency_key_reused", None),
        (json!({ "outcome": "limit", "daily_max": 100 }), 429, "too_many_purchases", Some("3600")),
        (json!({ "outcome": "forbidden" }), 403, "account_forbidden", None),
    ] {
        let (answered, after, body, asked) = buy(Till { purchase: outcome, ..Till::new() }).await;
        assert_eq!((answered.as_u16(), &body["code"], after.as_deref()), (status, &json!(code), retry_after));
        assert_eq!(asked.len(), 1, "{code}: no page is made");
    }
}

#[tokio::test]
async fn who_cannot_pay_for_the_account_is_told_why() {
    let till = || Till { customer: json!({ "outcome": "forbidden" }), ..Till::new() };
    let (status, _, body, _) = buy(till()).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_forbidden")));
    let (status, _, body) = open_portal(till()).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_forbidden")));
    let customer =
        json!({ "outcome": "ok", "customer_id": null, "email": null, "is_subscribed": false, "is_blocked": false });
    let (status, _, body) = open_portal(Till { customer, ..Till::new() }).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("no_customer")));
}

#[tokio::test]
async fn a_blocked_account_cancels_its_subscription_at_stripe_and_gets_no_other_page() {
    let blocked = |subscription_id: Value| {
        json!({
            "outcome": "ok", "customer_id": "cus_1", "email": null, "is_subscribed": true, "is_blocked": true,
            "subscription_id": subscription_id,
        })
    };
    let till = Arc::new(Till { customer: blocked(json!("sub_1")), ..Till::new() });
    let (status, _, _) = ask_till(&till, "POST", "/billing/portal", json!({ "return_url": HOME })).await;
    assert_eq!((status.as_u16(), till.asked()), (201, vec![json!(["cus_1", HOME, "sub_1"])]));
    let (status, _, body) = open_portal(Till { customer: blocked(Value::Null), ..Till::new() }).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_blocked")));
}

#[tokio::test]
async fn a_second_plan_is_refused_and_a_pack_is_not() {
    let customer =
        json!({ "outcome": "ok", "customer_id": "cus_1", "email": null, "is_subscribed": true, "is_blocked": false });
    let till = || Till { customer: customer.clone(), ..Till::new() };
    let (status, _, body, asked) = check_out(till(), json!({ "plan": "growth", "interval": "month" })).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("already_subscribed")));
    assert_eq!(asked, [Value::Null; 0]);
    assert_eq!(buy(till()).await.0.as_u16(), 201);
}

#[tokio::test]
async fn whatever_stripe_says_no_customer_reads_it() {
    let secret = || "sk_live_1 of acct_1 is no key".to_owned();
    for fault in [
        StripeError::Unavailable(secret()),
        StripeError::Refused(secret()),
        StripeError::Declined(secret()),
        StripeError::NotFound,
    ] {
        let till = || Till { fault: Some(fault.clone()), ..Till::new() };
        let (status, retry_after, body, _) = buy(till()).await;
        let portal = open_portal(till()).await;
        for (status, retry_after, body) in [(status, retry_after, body), portal] {
            assert_eq!((status.as_u16(), retry_after.as_deref()), (503, Some("30")), "{fault:?}");
            assert_eq!(body["code"], "billing_unavailable", "{fault:?}");
            let text = body.to_string();
            assert!(!text.contains("sk_live") && !text.contains("acct") && !text.contains("object"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_deployment_that_is_not_configured_sends_nobody_to_stripe() {
    let till = || Till { faults: vec!["STRIPE_API_KEY is missing".to_owned()], ..Till::new() };
    let (status, _, body, asked) = buy(till()).await;
    let details = json!({ "faults": ["STRIPE_API_KEY is missing"] });
    assert_eq!((status.as_u16(), &body["code"], &body["details"]), (503, &json!("not_ready"), &details));
    assert_eq!(asked, [Value::Null; 0]);
    let (status, _, body) = open_portal(till()).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("not_ready")));
}

/// Which of the three fields that hold an address refuse this one.
async fn refusing(url: &str, environment: &'static str) -> Vec<String> {
    let mut refusing = vec![];
    for (path, field, other) in [
        ("/billing/checkout", "success_url", "cancel_url"),
        ("/billing/checkout", "cancel_url", "success_url"),
        ("/billing/portal", "return_url", "return_url"),
    ] {
        let mut body = json!({ "pack": "pack_100", other: HOME });
        body[field] = json!(url);
        let till = Arc::new(Till { environment, ..Till::new() });
        let (status, _, body) = ask_till(&till, "POST", path, body).await;
        if status.as_u16() != 201 {
            assert_eq!((status.as_u16(), &body["code"]), (422, &json!("invalid_url")), "{url}");
            assert_eq!(body["details"], json!({ "field": field }), "{url}");
            assert_eq!(till.asked(), [Value::Null; 0], "{url}");
            refusing.push(field.to_owned());
        }
    }
    refusing
}

const ALL: [&str; 3] = ["success_url", "cancel_url", "return_url"];
const NONE: [&str; 0] = [];

#[tokio::test]
async fn a_browser_is_only_sent_to_https() {
    let longest = format!("{HOME}/{}", "x".repeat(2_048 - HOME.len() - 1));
    for url in [
        "https://app.example.com",
        "HTTPS://APP.EXAMPLE.COM/",
        "https://app.example.com:8443/a/b?session={CHECKOUT_SESSION_ID}&x=%20#top",
        "https://[::1]/",
        &longest,
    ] {
        assert_eq!(refusing(url, "production").await, NONE, "{url}");
    }
    let too_long = format!("{longest}x");
    for url in [
        "",
        "/credits",
        "app.example.com",
        "//app.example.com",
        "https://",
        "https:///credits",
        "https:app.example.com",
        "https://:443/",
        "https://app.example.com/a b",
        "https://app.example.com/\n",
        "javascript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://app.example.com",
        "httpsx://app.example.com",
        &too_long,
    ] {
        assert_eq!(refusing(url, "production").await, ALL, "{url}");
        assert_eq!(refusing(url, "local").await, ALL, "{url}");
    }
}

#[tokio::test]
async fn http_is_for_a_local_stack() {
    let url = "http://localhost:3000/credits";
    assert_eq!(refusing(url, "local").await, NONE);
    for environment in ["production", "staging", "preview", "", "Local"] {
        assert_eq!(refusing(url, environment).await, ALL, "{environment}");
    }
}

fn subscription(plan: &str, ended_at: Value) -> Value {
    json!({
        "plan": plan, "plan_name": plan, "status": "active", "interval": "month", "monthly_credits": 100,
        "current_period_starts_at": "2026-11-25T09:30:00Z", "current_period_ends_at": "2026-12-25T09:30:00Z",
        "cancel_at": null, "ended_at": ended_at, "is_managed_by_stripe": true,
    })
}

#[tokio::test]
async fn the_newest_subscription_that_has_not_ended_is_the_current_one() {
    let (live, ended) =
        (|plan| subscription(plan, Value::Null), |plan| subscription(plan, json!("2026-11-25T09:30:00Z")));
    for (listed, current, past) in [
        (json!([]), Value::Null, json!([])),
        (json!([ended("a")]), Value::Null, json!([ended("a")])),
        (json!([ended("a"), live("b"), ended("c")]), live("b"), json!([ended("a"), ended("c")])),
        (json!([live("a"), live("b"), ended("c")]), live("a"), json!([live("b"), ended("c")])),
    ] {
        let till = Arc::new(Till { subscriptions: listed.clone(), ..Till::new() });
        let (status, _, body) = ask_till(&till, "GET", "/billing/subscription", Value::Null).await;
        let expected = json!({ "current": current, "past": past });
        assert_eq!((status.as_u16(), &body["data"]), (200, &expected), "{listed}");
    }
}
