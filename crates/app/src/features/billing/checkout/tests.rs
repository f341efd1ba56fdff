mod desk;

use std::sync::Arc;

use desk::{Desk, NEW_ID, known};
use uuid::Variant;

use super::*;
use crate::{
    features::billing::{
        BillingInterval,
        testing::{Fault, World, member},
    },
    shared::ids::{AccountId, UserId},
};

fn ports(desk: Desk) -> BillingPorts {
    let (stripe, desk) = (desk.world.clone(), Arc::new(desk));
    BillingPorts { billing: desk.clone(), stripe, readiness: desk.clone(), ids: desk }
}

fn pack() -> CheckoutItem {
    CheckoutItem::Pack("pack_100".to_owned())
}

fn plan(plan: &str, interval: BillingInterval) -> CheckoutItem {
    CheckoutItem::Plan { plan: plan.to_owned(), interval }
}

async fn buy_as(
    member: Member,
    desk: Desk,
    item: CheckoutItem,
    key: Option<&str>,
) -> (Result<HostedPage, CheckoutError>, Arc<World>) {
    let world = desk.world.clone();
    let urls = ReturnUrls { success: "https://a.example/yes".to_owned(), cancel: "https://a.example/no".to_owned() };
    let key = key.map(|key| IdempotencyKey::parse(key).unwrap());
    (check_out(&ports(desk), member, item, urls, key.as_ref()).await, world)
}

async fn buy(desk: Desk, item: CheckoutItem) -> (Result<HostedPage, CheckoutError>, Arc<World>) {
    buy_as(member(), desk, item, None).await
}

/// The order that Stripe got.
async fn order(desk: Desk, item: CheckoutItem, key: Option<&str>) -> CheckoutOrder {
    let (page, world) = buy_as(member(), desk, item, key).await;
    page.unwrap();
    let [order] = world.orders.lock().unwrap().clone().try_into().unwrap();
    order
}

fn other_account() -> Member {
    Member::new(member().user(), AccountId::new(Uuid::max()))
}

fn other_user() -> Member {
    Member::new(UserId::new(Uuid::max()), member().account())
}

#[tokio::test]
async fn a_pack_is_written_down_before_its_page_is_made() {
    let (page, world) = buy(Desk::knowing(known(Some("cus_1"), false)), pack()).await;
    assert_eq!(page.unwrap().url, format!("https://checkout.stripe.com/{NEW_ID}"));
    let calls =
        ["customer", "catalogue", &format!("begin pack_100 {NEW_ID} -"), "stripe key pack_100", "stripe checkout"];
    assert_eq!(world.asked(), calls);
    let expected = CheckoutOrder {
        id: NEW_ID,
        account_id: member().account(),
        customer_id: "cus_1".to_owned(),
        price_id: "price of pack_100".to_owned(),
        item: pack(),
        success_url: "https://a.example/yes".to_owned(),
        cancel_url: "https://a.example/no".to_owned(),
    };
    assert_eq!(*world.orders.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_plan_has_a_price_for_each_interval_and_is_no_purchase_of_ours() {
    for (interval, key) in [(BillingInterval::Month, "growth_month"), (BillingInterval::Year, "growth_year")] {
        let (page, world) = buy(Desk::knowing(known(Some("cus_1"), false)), plan("growth", interval)).await;
        page.unwrap();
        assert_eq!(world.asked(), ["customer", "catalogue", &format!("stripe key {key}"), "stripe checkout"]);
        assert_eq!(world.orders.lock().unwrap()[0].item, plan("growth", interval));
    }
}

#[tokio::test]
async fn a_key_names_one_order_of_one_account() {
    let plan = || plan("growth", BillingInterval::Month);
    let first = order(Desk::new(), plan(), Some("key")).await.id;
    assert_eq!((first.get_version_num(), first.get_variant()), (8, Variant::RFC4122));
    assert_eq!(order(Desk::new(), plan(), Some("key")).await.id, first);
    assert_ne!(order(Desk::new(), plan(), Some("another")).await.id, first);
    assert_eq!(order(Desk::new(), plan(), None).await.id, NEW_ID, "without a key every order is new");

    let id_of = async |member| {
        let (_, world) = buy_as(member, Desk::new(), plan(), Some("key")).await;
        world.orders.lock().unwrap()[0].id
    };
    assert_ne!(id_of(other_account()).await, first);
    assert_eq!(id_of(other_user()).await, first, "the account buys, whoever clicks");
    // A pinned value: another id would make a repeat across a deployment a second order.
    assert_eq!(first.to_string(), "024d487e-d020-8b88-9088-9dbcb1d9cd1d");
}

#[tokio::test]
async fn a_pack_is_ordered_under_the_id_that_the_database_has_for_the_key() {
    let earlier = Uuid::from_u128(7);
    let desk = Desk { purchase: Some(PurchaseOutcome::Begun { purchase_id: earlier }), ..Desk::new() };
    let world = desk.world.clone();
    assert_eq!(order(desk, pack(), Some("key")).await.id, earlier);
    assert_eq!(world.heard("begin"), [format!("begin pack_100 {NEW_ID} key")]);
    assert_eq!(order(Desk::new(), pack(), None).await.id, NEW_ID);
}

#[tokio::test]
async fn a_customer_is_created_once_and_linked() {
    let (page, world) = buy(Desk::new(), pack()).await;
    page.unwrap();
    let created = format!("stripe customer of {}, ann@example.com", member().account());
    assert_eq!(world.asked()[2..4], [created, "link cus_new".to_owned()]);
    assert_eq!(world.orders.lock().unwrap()[0].customer_id, "cus_new");

    let (_, world) = buy(Desk::knowing(known(Some("cus_1"), false)), pack()).await;
    assert_eq!((world.heard("stripe customer").len(), world.heard("link").len()), (0, 0));
}

#[tokio::test]
async fn of_two_customers_that_are_linked_at_once_the_first_one_pays() {
    let link = LinkOutcome::Linked { customer_id: "cus_first".to_owned() };
    assert_eq!(order(Desk { link, ..Desk::new() }, pack(), None).await.customer_id, "cus_first");
    let (page, world) = buy(Desk { link: LinkOutcome::Forbidden, ..Desk::new() }, pack()).await;
    assert!(matches!(page, Err(CheckoutError::Forbidden)));
    assert_eq!(world.heard("begin"), [""; 0]);
}

#[tokio::test]
async fn what_is_not_sold_makes_no_customer() {
    let no_pack = CheckoutItem::Pack("growth".to_owned());
    let no_plan = plan("pack_100", BillingInterval::Month);
    for item in [no_pack, no_plan, plan("starter", BillingInterval::Year)] {
        let (page, world) = buy(Desk::new(), item.clone()).await;
        assert!(matches!(page, Err(CheckoutError::UnknownItem)), "{item:?}");
        assert_eq!(world.asked(), ["customer", "catalogue"], "{item:?}");
    }
    let (page, _) = buy(Desk::new(), plan("starter", BillingInterval::Month)).await;
    assert!(page.is_ok(), "by the month it is sold");
}

#[tokio::test]
async fn who_subscribes_buys_packs_and_no_second_plan() {
    let subscribed = || Desk::knowing(known(Some("cus_1"), true));
    let (page, world) = buy(subscribed(), plan("growth", BillingInterval::Month)).await;
    assert!(matches!(page, Err(CheckoutError::AlreadySubscribed)));
    assert_eq!(world.heard("stripe"), [""; 0]);
    assert!(buy(subscribed(), pack()).await.0.is_ok());
}

#[tokio::test]
async fn a_purchase_that_is_refused_reaches_stripe_with_no_order() {
    for (purchase, why) in [
        (PurchaseOutcome::UnknownPack, "unknown item"),
        (PurchaseOutcome::IdempotencyKeyReused, "idempotency key reused"),
        (PurchaseOutcome::Limit { daily_max: 100 }, "too many purchases"),
        (PurchaseOutcome::Forbidden, "not a member"),
    ] {
        let desk = Desk { purchase: Some(purchase), ..Desk::knowing(known(Some("cus_1"), false)) };
        let (page, world) = buy(desk, pack()).await;
        assert_eq!(page.unwrap_err().to_string(), why);
        assert_eq!(world.heard("stripe"), [""; 0], "{why}");
    }
}

#[tokio::test]
async fn who_may_not_buy_is_asked_for_nothing_else() {
    let (page, world) = buy(Desk::knowing(BillingCustomer::Forbidden), pack()).await;
    assert_eq!((page.unwrap_err().to_string().as_str(), world.asked().len()), ("not a member", 1));
    let portal = open_portal(&ports(Desk::knowing(BillingCustomer::Forbidden)), member(), "https://a.example").await;
    assert_eq!(portal.unwrap_err().to_string(), "not a member");
}

#[tokio::test]
async fn a_deployment_with_faults_takes_no_money() {
    let desk = || Desk { faults: vec!["STRIPE_API_KEY is missing".to_owned()], ..Desk::new() };
    let (page, world) = buy(desk(), pack()).await;
    assert!(matches!(page, Err(CheckoutError::NotReady(faults)) if faults == ["STRIPE_API_KEY is missing"]));
    assert_eq!(world.asked(), [""; 0]);
    let portal = open_portal(&ports(desk()), member(), "https://a.example").await;
    assert!(matches!(portal, Err(CheckoutError::NotReady(_))));
}

#[tokio::test]
async fn whatever_fails_on_the_way_can_be_repeated_with_the_same_key() {
    for call in ["customer", "catalogue", "stripe customer", "link", "begin", "stripe key", "stripe checkout"] {
        let desk = Desk::new();
        let world = desk.world.clone();
        world.breaks(call, Fault::Away);
        let ports = ports(desk);
        let urls = ReturnUrls { success: String::new(), cancel: String::new() };
        let key = IdempotencyKey::parse("key");
        let first = check_out(&ports, member(), pack(), urls.clone(), key.as_ref()).await;
        let is_stripes = matches!(first, Err(CheckoutError::Stripe(_)));
        assert_eq!((first.is_err(), is_stripes), (true, call.starts_with("stripe")), "{call}");
        assert_eq!(world.orders.lock().unwrap().len(), 0, "{call}");
        world.repair();
        check_out(&ports, member(), pack(), urls, key.as_ref()).await.unwrap();
        let mut begun = world.heard("begin");
        begun.dedup();
        assert_eq!(begun.len(), 1, "{call}: one purchase");
    }
}

#[tokio::test]
async fn the_portal_is_the_known_customers() {
    let page = open_portal(&ports(Desk::knowing(known(Some("cus_1"), true))), member(), "https://a.example").await;
    assert_eq!(page.unwrap().url, "https://billing.stripe.com/cus_1?back=https://a.example");
    let nobody = Desk::new();
    let world = nobody.world.clone();
    let page = open_portal(&ports(nobody), member(), "https://a.example").await;
    assert!(matches!(page, Err(CheckoutError::NoCustomer)));
    assert_eq!(world.asked(), ["customer"], "no customer is created for it");
}

fn blocked(customer_id: Option<&str>, subscription_id: Option<&str>) -> BillingCustomer {
    BillingCustomer::Known {
        customer_id: customer_id.map(str::to_owned),
        email: None,
        is_subscribed: subscription_id.is_some(),
        is_blocked: true,
        subscription_id: subscription_id.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_blocked_account_can_only_cancel_its_subscription_in_the_portal() {
    let desk = Desk::knowing(blocked(Some("cus_1"), Some("sub_1")));
    let world = desk.world.clone();
    open_portal(&ports(desk), member(), "https://a.example").await.unwrap();
    assert_eq!(world.heard("stripe"), ["stripe portal of cus_1, to cancel sub_1"]);
    let desk = Desk::knowing(blocked(Some("cus_1"), None));
    let world = desk.world.clone();
    let page = open_portal(&ports(desk), member(), "https://a.example").await;
    assert!(matches!(page, Err(CheckoutError::Store(StoreError::AccountBlocked))), "{page:?}");
    assert!(world.heard("stripe").is_empty(), "no page is made");
}

#[tokio::test]
async fn a_blocked_account_is_sold_neither_a_pack_nor_a_plan() {
    for item in [pack(), plan("growth", BillingInterval::Month)] {
        let customer = blocked(None, None);
        let (page, world) = buy(Desk::knowing(customer), item).await;
        assert!(matches!(page, Err(CheckoutError::Store(StoreError::AccountBlocked))), "{page:?}");
        assert!(world.orders.lock().unwrap().is_empty());
    }
}
