//! What is sent to Stripe, and what is read of its answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, header::HeaderMap};
use jiff::Timestamp;
use oslira_app::{
    features::billing::{
        BillingInterval, CheckoutItem, CheckoutOrder, HostedPage, PaidFor, Stripe as _, StripeError, StripePrice,
        SubscriptionPage,
    },
    shared::clock::Clock,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{super::StripeApi, REMOVED, change, fixture};
use crate::{
    double::{Script, json as answer, text},
    send::{Endpoint, Secret, SendError},
};

pub(super) const ID: Uuid = Uuid::from_u128(0xaa);
pub(super) const ACCOUNT: Uuid = Uuid::from_u128(0x01);

/// 2026-11-26T12:00:00Z.
const NOW: i64 = 1_795_694_400;

pub(super) struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }
}

/// Stripe that gives these answers, and what it was asked.
pub(super) fn stripe(
    answers: impl IntoIterator<Item = Result<Response<Bytes>, SendError>>,
) -> (StripeApi, Arc<Script>) {
    let script = Arc::new(Script::of(answers));
    let endpoint = Endpoint::new("https://api.stripe.com/", Secret::new("sk_test_secret"));
    (StripeApi::new(script.clone(), endpoint, Arc::new(Frozen)), script)
}

/// Each request as its method, its address without the host, and its form; the names and values decoded.
pub(super) fn asked(script: &Script) -> Vec<String> {
    let sent = script.sent.lock().unwrap();
    let plain = |text: &str| {
        let pairs: Vec<_> =
            form_urlencoded::parse(text.as_bytes()).map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    };
    let line = |request: &http::Request<Bytes>| {
        let query = request.uri().query().map(|query| format!("?{}", plain(query))).unwrap_or_default();
        let form = plain(std::str::from_utf8(request.body()).unwrap());
        format!("{} {}{query} {form}", request.method(), request.uri().path()).trim_end().to_owned()
    };
    sent.iter().map(|sent| line(&sent.request)).collect()
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

pub(super) fn keys(script: &Script) -> Vec<Option<String>> {
    script.sent.lock().unwrap().iter().map(|sent| header(sent.request.headers(), "idempotency-key")).collect()
}

pub(super) fn list(data: Value, has_more: bool) -> Result<Response<Bytes>, SendError> {
    answer(200, &json!({"object": "list", "has_more": has_more, "data": data}))
}

/// The object of an event.
fn object(name: &str) -> Value {
    fixture(name).pointer("/data/object").unwrap().clone()
}

#[tokio::test]
async fn every_request_carries_key_and_version_and_has_limits() {
    let price = json!({"id": "price_1", "lookup_key": "pro_month", "unit_amount": 4900, "currency": "usd"});
    let (stripe, script) = stripe([answer(200, &price), list(json!([]), false), answer(200, &json!({"id": "cus_1"}))]);
    let expected =
        StripePrice { id: "price_1".to_owned(), lookup_key: Some("pro_month".to_owned()), unit_amount: Some(4900) };
    assert_eq!(stripe.price("price_1").await, Ok(expected));
    stripe.subscriptions(None).await.unwrap();
    stripe.create_customer(ACCOUNT.to_string().parse().unwrap(), None).await.unwrap();

    let sent = script.sent.lock().unwrap();
    for sent in sent.iter() {
        let headers = sent.request.headers();
        assert_eq!(header(headers, "authorization").unwrap(), "Bearer sk_test_secret");
        assert_eq!(header(headers, "stripe-version").unwrap(), "2026-10-28.endive");
        assert_eq!(sent.timeout.as_secs(), 10);
        assert_eq!(sent.request.uri().host(), Some("api.stripe.com"));
    }
    let kinds: Vec<_> = sent.iter().map(|sent| header(sent.request.headers(), "content-type")).collect();
    assert_eq!(kinds, [None, None, Some("application/x-www-form-urlencoded".to_owned())]);
    let limits: Vec<_> = sent.iter().map(|sent| sent.body_bytes_max).collect();
    assert_eq!(limits, [1 << 20, 8 << 20, 1 << 20]);
}

#[tokio::test]
async fn a_subscription_is_told_as_of_right_before_the_question() {
    let (stripe, script) = stripe([answer(200, &object("customer.subscription.created"))]);
    let state = stripe.subscription("sub_Constructed01").await.unwrap();
    assert_eq!((state.id.as_str(), state.observed_at), ("sub_Constructed01", Frozen.now()));
    assert_eq!(asked(&script), ["GET /v1/subscriptions/sub_Constructed01"]);
}

#[tokio::test]
async fn a_subscription_without_its_one_item_is_refused() {
    let mut without = object("customer.subscription.created");
    change(&mut without, "/items/data", json!([]));
    let mut old = object("customer.subscription.created");
    change(&mut old, "/items", json!(REMOVED));
    for (body, why) in [
        (without, "the subscription has no item or several"),
        (old, "its answer cannot be read: items is missing or not what it must be"),
    ] {
        let (stripe, _) = stripe([answer(200, &body)]);
        assert_eq!(stripe.subscription("sub_1").await, Err(StripeError::Refused(why.to_owned())));
    }
}

#[tokio::test]
async fn a_price_is_found_by_its_lookup_key() {
    let (stripe, script) = stripe([list(json!([{"id": "price_1"}]), false), list(json!([]), false)]);
    assert_eq!(stripe.price_by_lookup_key("pro_month").await, Ok("price_1".to_owned()));
    assert_eq!(stripe.price_by_lookup_key("a&b=c").await, Err(StripeError::NotFound));
    let expected = [
        "GET /v1/prices?lookup_keys[]=pro_month&active=true&limit=1",
        "GET /v1/prices?lookup_keys[]=a&b=c&active=true&limit=1",
    ];
    assert_eq!(asked(&script), expected);
    let raw = script.sent.lock().unwrap()[1].request.uri().query().unwrap().to_owned();
    assert_eq!(raw, "lookup_keys%5B%5D=a%26b%3Dc&active=true&limit=1");
}

#[tokio::test]
async fn a_payment_paid_an_invoice_or_else_a_purchase() {
    let intent = |metadata: Value| answer(200, &json!({"id": "pi_1", "metadata": metadata}));
    let (stripe, script) = stripe([
        list(json!([{"id": "inpay_1", "invoice": "in_1"}]), false),
        list(json!([]), false),
        intent(json!({"purchase_id": ID})),
        list(json!([]), false),
        intent(json!({})),
    ]);
    let invoice = PaidFor { invoice_id: Some("in_1".to_owned()), purchase_id: None };
    assert_eq!(stripe.paid_for("pi_1").await, Ok(invoice));
    assert_eq!(stripe.paid_for("pi_1").await, Ok(PaidFor { invoice_id: None, purchase_id: Some(ID) }));
    assert_eq!(stripe.paid_for("pi_1").await, Ok(PaidFor::default()));
    let invoices = "GET /v1/invoice_payments?payment[type]=payment_intent&payment[payment_intent]=pi_1&limit=1";
    let intents = "GET /v1/payment_intents/pi_1";
    assert_eq!(asked(&script), [invoices, invoices, intents, invoices, intents]);
}

#[tokio::test]
async fn all_pages_of_an_invoices_lines_are_read() {
    let line = object("invoice.paid").pointer("/lines/data/0").unwrap().clone();
    let mut other = line.clone();
    change(&mut other, "/id", json!("il_2"));
    change(&mut other, "/amount", json!(-5));
    let (stripe, script) = stripe([list(json!([line]), true), list(json!([other]), false)]);
    let lines = stripe.invoice_lines("in_1").await.unwrap();
    assert_eq!(lines.iter().map(|line| line.amount_cents).collect::<Vec<_>>(), [2000, -5]);
    let expected = [
        "GET /v1/invoices/in_1/lines?limit=100",
        "GET /v1/invoices/in_1/lines?limit=100&starting_after=il_Constructed01",
    ];
    assert_eq!(asked(&script), expected);
}

#[tokio::test]
async fn lines_that_have_no_end_or_are_of_two_subscriptions_are_refused() {
    let line = object("invoice.paid").pointer("/lines/data/0").unwrap().clone();
    let (endless, script) = stripe((0..10).map(|_| list(json!([line]), true)));
    let why = StripeError::Refused("the invoice has more than 10 pages of lines".to_owned());
    assert_eq!(endless.invoice_lines("in_1").await, Err(why));
    assert_eq!(asked(&script).len(), 10);

    let mut other = line.clone();
    change(&mut other, "/parent/subscription_item_details/subscription", json!("sub_Other"));
    for (page, why) in [
        (list(json!([line, other]), false), "the lines are of several subscriptions"),
        (list(json!([]), true), "data is missing or not what it must be"),
    ] {
        let refused = StripeError::Refused(format!("its answer cannot be read: {why}"));
        assert_eq!(stripe([page]).0.invoice_lines("in_1").await, Err(refused));
    }
}

#[tokio::test]
async fn an_account_has_one_customer_however_often_it_is_created() {
    let created = || answer(200, &json!({"id": "cus_1", "object": "customer"}));
    let (stripe, script) = stripe([created(), created()]);
    let account = ACCOUNT.to_string().parse().unwrap();
    assert_eq!(stripe.create_customer(account, Some("a+b@example.com")).await, Ok("cus_1".to_owned()));
    assert_eq!(stripe.create_customer(account, None).await, Ok("cus_1".to_owned()));
    let form = format!("POST /v1/customers metadata[account_id]={ACCOUNT}");
    assert_eq!(asked(&script), [format!("{form}&email=a+b@example.com"), form]);
    let keys = keys(&script);
    assert!(keys.iter().flatten().all(|key| key.starts_with(&format!("customer:{ACCOUNT}:"))), "{keys:?}");
    assert_ne!(keys[0], keys[1], "another owner's address makes another request, which one key would refuse");
}

fn order(item: CheckoutItem) -> CheckoutOrder {
    CheckoutOrder {
        id: ID,
        account_id: ACCOUNT.to_string().parse().unwrap(),
        customer_id: "cus_1".to_owned(),
        price_id: "price_1".to_owned(),
        item,
        success_url: "https://app.example.com/paid?a=1&b=2".to_owned(),
        cancel_url: "https://app.example.com/".to_owned(),
    }
}

#[tokio::test]
async fn a_pack_is_paid_once_and_its_card_is_kept_for_the_next() {
    let session = json!({"id": "cs_1", "url": "https://checkout.stripe.com/c/pay/cs_1#fid", "expires_at": NOW});
    let (stripe, script) = stripe([answer(200, &session)]);
    let page = stripe.create_checkout(&order(CheckoutItem::Pack("pack_100".to_owned()))).await;
    let url = "https://checkout.stripe.com/c/pay/cs_1#fid".to_owned();
    assert_eq!(page, Ok(HostedPage { url, expires_at: Some(Frozen.now()) }));
    let form = [
        "line_items[0][price]=price_1".to_owned(),
        "line_items[0][quantity]=1".to_owned(),
        "customer=cus_1".to_owned(),
        format!("client_reference_id={ACCOUNT}"),
        format!("metadata[account_id]={ACCOUNT}"),
        "success_url=https://app.example.com/paid?a=1&b=2".to_owned(),
        "cancel_url=https://app.example.com/".to_owned(),
        "mode=payment".to_owned(),
        format!("metadata[purchase_id]={ID}"),
        format!("payment_intent_data[metadata][purchase_id]={ID}"),
        format!("payment_intent_data[metadata][account_id]={ACCOUNT}"),
        "payment_intent_data[setup_future_usage]=off_session".to_owned(),
    ];
    assert_eq!(asked(&script), [format!("POST /v1/checkout/sessions {}", form.join("&"))]);
    assert_eq!(keys(&script), [Some(format!("checkout:{ID}"))]);
}

#[tokio::test]
async fn a_plan_is_subscribed_to_in_the_accounts_name() {
    let session = json!({"id": "cs_1", "url": "https://checkout.stripe.com/c", "expires_at": NOW});
    let (stripe, script) = stripe([answer(200, &session)]);
    let plan = CheckoutItem::Plan { plan: "pro".to_owned(), interval: BillingInterval::Month };
    stripe.create_checkout(&order(plan)).await.unwrap();
    let form = asked(&script).remove(0);
    let end = format!("&mode=subscription&metadata[order_id]={ID}&subscription_data[metadata][account_id]={ACCOUNT}");
    assert!(form.ends_with(&end), "{form}");
    assert!(!form.contains("payment_intent_data") && !form.contains("purchase_id"), "{form}");
}

#[tokio::test]
async fn the_portal_is_a_new_link_each_time() {
    let (stripe, script) = stripe([answer(200, &json!({"url": "https://billing.stripe.com/p/session/x"}))]);
    let page = stripe.create_portal("cus_1", "https://app.example.com/", None).await;
    let url = "https://billing.stripe.com/p/session/x".to_owned();
    assert_eq!(page, Ok(HostedPage { url, expires_at: None }));
    let expected = "POST /v1/billing_portal/sessions customer=cus_1&return_url=https://app.example.com/";
    assert_eq!((asked(&script), keys(&script)), (vec![expected.to_owned()], vec![None]));
}

#[tokio::test]
async fn a_portal_that_is_for_cancelling_leads_nowhere_else() {
    let (stripe, script) = stripe([answer(200, &json!({"url": "https://billing.stripe.com/p/session/x"}))]);
    stripe.create_portal("cus_1", "https://app.example.com/", Some("sub_1")).await.unwrap();
    let flow = [
        "flow_data[type]=subscription_cancel",
        "flow_data[subscription_cancel][subscription]=sub_1",
        "flow_data[after_completion][type]=redirect",
        "flow_data[after_completion][redirect][return_url]=https://app.example.com/",
    ];
    let form = asked(&script).remove(0);
    assert!(form.ends_with(&format!("&{}", flow.join("&"))), "{form}");
}

#[tokio::test]
async fn events_come_as_stripe_wrote_them() {
    let first = r#"{"id":"evt_2","object":"event","type":"invoice.paid","api_version":"2026-10-28.endive",
        "created":1795592000, "data":{"object":{"amount":1.50,"big":12345678901234567890123}}}"#;
    let second = r#"{"id":"evt_1","object":"event","type":"ping","api_version":null,"created":1}"#;
    let page = format!(r#"{{"object":"list","data":[{first},{second}],"has_more":true,"url":"/v1/events"}}"#);
    let (stripe, script) = stripe([text(200, &page)]);
    let page = stripe.events(Timestamp::from_second(1_795_000_000).unwrap(), Some("evt_3")).await.unwrap();
    assert!(page.has_more);
    let texts: Vec<_> = page.events.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, [first, second]);
    assert_eq!((page.events[0].0.id.as_str(), page.events[0].0.kind.as_str()), ("evt_2", "invoice.paid"));
    let asked = asked(&script);
    assert!(asked[0].starts_with("GET /v1/events?limit=50&starting_after=evt_3&created[gte]=1795000000&types[]="));
    assert_eq!(asked[0].matches("&types[]=").count(), 20, "Stripe takes no more types");
}

#[tokio::test]
async fn half_a_list_of_events_is_none() {
    for body in [r#"{"data":[{"id":"ch_1"}],"has_more":false}"#, r#"{"data":[]}"#, "[]", "<html>", ""] {
        let (stripe, _) = stripe([text(200, body)]);
        let why = StripeError::Refused("its answer cannot be read: it is not a list of events".to_owned());
        assert_eq!(stripe.events(Frozen.now(), None).await, Err(why), "{body}");
    }
}

#[tokio::test]
async fn a_page_of_subscriptions_leaves_out_those_that_are_not_ours() {
    let ours = object("customer.subscription.created");
    let mut other = object("customer.subscription.deleted");
    change(&mut other, "/id", json!("sub_Other"));
    change(&mut other, "/items/data", json!([]));
    let (stripe, script) = stripe([list(json!([ours, other]), true), list(json!([]), false)]);
    let page = stripe.subscriptions(None).await.unwrap();
    assert_eq!(page.subscriptions.iter().map(|state| state.id.as_str()).collect::<Vec<_>>(), ["sub_Constructed01"]);
    assert_eq!(page.subscriptions[0].observed_at, Frozen.now());
    assert_eq!(page.next.as_deref(), Some("sub_Other"));
    assert_eq!(stripe.subscriptions(page.next.as_deref()).await, Ok(SubscriptionPage::default()));
    let expected = [
        "GET /v1/subscriptions?limit=100&status=all",
        "GET /v1/subscriptions?limit=100&starting_after=sub_Other&status=all",
    ];
    assert_eq!(asked(&script), expected);
}
