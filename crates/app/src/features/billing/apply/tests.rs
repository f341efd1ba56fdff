//! What an event becomes, and what is asked of Stripe for it.

mod waiting;

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::features::billing::{
    Dispute, PurchasePaid,
    testing::{Fault, World, event, job_ports, line, now, price, subscription},
};

const PURCHASE: Uuid = Uuid::from_u128(7);

async fn apply(world: &Arc<World>) -> Result<Applied, ApplyError> {
    apply_event(&job_ports(world), &event("evt_1"), "payload").await
}

/// Applies the event of this world: its effect, and what was asked of Stripe.
async fn effect_in(world: World) -> (Effect, Vec<String>) {
    let world = Arc::new(world);
    assert_eq!(apply(&world).await.unwrap(), Applied::Applied { note: None });
    let [effect] = world.effects().try_into().unwrap();
    (effect, world.heard("stripe"))
}

async fn effect_of(reading: EventReading) -> (Effect, Vec<String>) {
    effect_in(World::saying(reading)).await
}

const NOBODY: [&str; 0] = [];

fn invoice() -> Invoice {
    Invoice {
        id: "in_1".to_owned(),
        subscription_id: "sub_1".to_owned(),
        amount_cents: 7_900,
        payment_intent_id: None,
        lines: vec![line("price_1")],
        has_more_lines: false,
    }
}

/// What says `reading`, while the subscription `sub_1` is active at Stripe.
fn subscribed(reading: EventReading) -> World {
    World { subscriptions: vec![subscription("sub_1", "active")], ..World::saying(reading) }
}

fn paid_for(invoice_id: Option<&str>, purchase_id: Option<Uuid>) -> PaidFor {
    PaidFor { invoice_id: invoice_id.map(str::to_owned), purchase_id }
}

fn told(state: SubscriptionState) -> EventReading {
    EventReading::Subscription(Box::new(state))
}

#[tokio::test]
async fn a_subscription_is_as_stripe_says_now_and_not_as_a_late_event_says() {
    let (effect, asked) = effect_in(subscribed(told(subscription("sub_1", "past_due")))).await;
    assert_eq!(effect, Effect::Subscription { subscription: subscription("sub_1", "active") });
    assert_eq!(asked, ["stripe subscription sub_1"]);
}

#[tokio::test]
async fn the_end_of_a_subscription_is_final() {
    let ended = SubscriptionState { ended_at: Some(now()), ..subscription("sub_1", "canceled") };
    let (effect, asked) = effect_in(subscribed(told(ended.clone()))).await;
    assert_eq!((effect, asked.as_slice()), (Effect::Subscription { subscription: ended }, [].as_slice()));
}

#[tokio::test]
async fn a_subscription_that_stripe_has_forgotten_is_as_the_event_says() {
    let (effect, asked) = effect_of(told(subscription("sub_1", "past_due"))).await;
    assert_eq!(effect, Effect::Subscription { subscription: subscription("sub_1", "past_due") });
    assert_eq!(asked, ["stripe subscription sub_1"]);
}

fn paid_invoice(lines: Vec<PaidLine>, prices: Vec<StripePrice>) -> Effect {
    Effect::PaidInvoice {
        subscription: subscription("sub_1", "active"),
        invoice_id: "in_1".to_owned(),
        payment_intent_id: None,
        amount_cents: 7_900,
        lines,
        prices,
    }
}

#[tokio::test]
async fn a_paid_invoice_brings_its_subscription_and_the_prices_that_are_new() {
    let known = World { known_prices: vec!["price_1".to_owned()], ..subscribed(EventReading::InvoicePaid(invoice())) };
    let (effect, asked) = effect_in(known).await;
    assert_eq!(effect, paid_invoice(vec![line("price_1")], vec![]));
    assert_eq!(asked, ["stripe subscription sub_1"]);

    let lines = vec![line("price_1"), line("price_2"), line("price_3")];
    let several = Invoice { lines: lines.clone(), ..invoice() };
    let one_known = subscribed(EventReading::InvoicePaid(several));
    let one_known = World { known_prices: vec!["price_2".to_owned()], ..one_known };
    let (effect, asked) = effect_in(one_known).await;
    assert_eq!(effect, paid_invoice(lines, vec![price("price_1"), price("price_3")]));
    assert_eq!(asked, ["stripe subscription sub_1", "stripe price price_1", "stripe price price_3"]);
}

#[tokio::test]
async fn a_price_that_does_not_exist_buys_nothing_and_keeps_no_other_from_buying() {
    let lines = vec![line("price_gone"), line("price_2")];
    let world = subscribed(EventReading::InvoicePaid(Invoice { lines: lines.clone(), ..invoice() }));
    world.breaks("stripe price price_gone", Fault::NotFound);
    let (effect, _) = effect_in(world).await;
    assert_eq!(effect, paid_invoice(lines, vec![price("price_2")]));
}

#[tokio::test]
async fn an_invoice_with_more_lines_than_an_event_carries_is_read_whole() {
    let lines = vec![line("price_1"), line("price_2")];
    let long = Invoice { has_more_lines: true, ..invoice() };
    let world = World {
        lines: lines.clone(),
        known_prices: vec!["price_1".to_owned()],
        ..subscribed(EventReading::InvoicePaid(long))
    };
    let (effect, asked) = effect_in(world).await;
    assert_eq!(effect, paid_invoice(lines, vec![price("price_2")]));
    assert_eq!(asked, ["stripe subscription sub_1", "stripe lines in_1", "stripe price price_2"]);
}

#[tokio::test]
async fn a_failed_invoice_brings_its_subscription_and_no_credits() {
    let (effect, asked) = effect_in(subscribed(EventReading::InvoiceFailed(invoice()))).await;
    let subscription = subscription("sub_1", "active");
    assert_eq!(effect, Effect::FailedInvoice { subscription, invoice_id: "in_1".to_owned(), amount_cents: 7_900 });
    assert_eq!(asked, ["stripe subscription sub_1"]);
}

#[tokio::test]
async fn an_invoice_without_its_subscription_is_put_off() {
    for reading in [EventReading::InvoicePaid(invoice()), EventReading::InvoiceFailed(invoice())] {
        let world = Arc::new(World::saying(reading));
        assert!(matches!(apply(&world).await, Err(ApplyError::Stripe(StripeError::NotFound))));
        assert_eq!(world.heard("put off"), ["put off evt_1, failed: stripe has no such object"]);
    }
}

#[tokio::test]
async fn a_purchase_is_named_by_our_own_metadata() {
    for purchase_id in [Some(PURCHASE), None] {
        let payment_intent_id = Some("pi_1".to_owned());
        let paid = PurchasePaid { purchase_id, payment_intent_id: payment_intent_id.clone(), amount_cents: 9_500 };
        let (effect, asked) = effect_of(EventReading::PurchasePaid(paid)).await;
        assert_eq!(effect, Effect::PaidPurchase { purchase_id, payment_intent_id, amount_cents: 9_500 });
        assert_eq!(asked, NOBODY);
    }
    let (effect, asked) = effect_of(EventReading::PurchaseFailed(PURCHASE)).await;
    assert_eq!((effect, asked.as_slice()), (Effect::FailedPurchase { purchase_id: PURCHASE }, [].as_slice()));
}

fn refunded(payment_intent: Option<&str>, purchase_id: Option<Uuid>) -> EventReading {
    let payment_intent_id = payment_intent.map(str::to_owned);
    EventReading::Refunded(Refunded { payment_intent_id, purchase_id, refunded_cents: 500 })
}

fn refund(payment_intent: Option<&str>, paid: PaidFor) -> Effect {
    Effect::Refund {
        payment_intent_id: payment_intent.map(str::to_owned),
        invoice_id: paid.invoice_id,
        purchase_id: paid.purchase_id,
        refunded_cents: 500,
    }
}

#[tokio::test]
async fn a_refund_of_a_purchase_of_ours_asks_nobody() {
    for payment_intent in [Some("pi_1"), None] {
        let (effect, asked) = effect_of(refunded(payment_intent, Some(PURCHASE))).await;
        assert_eq!(effect, refund(payment_intent, paid_for(None, Some(PURCHASE))));
        assert_eq!(asked, NOBODY);
    }
}

#[tokio::test]
async fn what_another_refund_gives_back_is_asked_of_stripe() {
    for paid in [paid_for(Some("in_1"), None), paid_for(None, Some(PURCHASE)), PaidFor::default()] {
        let mut world = World::saying(refunded(Some("pi_1"), None));
        world.paid.insert("pi_1".to_owned(), paid.clone());
        let (effect, asked) = effect_in(world).await;
        assert_eq!(effect, refund(Some("pi_1"), paid));
        assert_eq!(asked, ["stripe payment pi_1"]);
    }
    let (effect, _) = effect_of(refunded(Some("pi_gone"), None)).await;
    assert_eq!(effect, refund(Some("pi_gone"), PaidFor::default()));
    let (effect, asked) = effect_of(refunded(None, None)).await;
    assert_eq!((effect, asked.as_slice()), (refund(None, PaidFor::default()), [].as_slice()));
}

fn disputed(status: Option<Dispute>) -> EventReading {
    EventReading::Disputed(Disputed {
        dispute_id: "dp_1".to_owned(),
        payment_intent_id: Some("pi_1".to_owned()),
        amount_cents: 9_500,
        status,
    })
}

#[tokio::test]
async fn a_dispute_names_what_was_paid_with_the_money() {
    for status in [Dispute::Open, Dispute::Won, Dispute::Lost] {
        let mut world = World::saying(disputed(Some(status)));
        world.paid.insert("pi_1".to_owned(), paid_for(Some("in_1"), None));
        let (effect, asked) = effect_in(world).await;
        let expected = Effect::Dispute {
            dispute_id: "dp_1".to_owned(),
            payment_intent_id: Some("pi_1".to_owned()),
            invoice_id: Some("in_1".to_owned()),
            purchase_id: None,
            amount_cents: 9_500,
            status,
        };
        assert_eq!(effect, expected);
        assert_eq!(asked, ["stripe payment pi_1"]);
    }
}

#[tokio::test]
async fn what_moves_no_money_has_no_effect_and_asks_nobody() {
    let (effect, asked) = effect_of(disputed(None)).await;
    assert_eq!(effect, Effect::Nothing { note: "an inquiry, which moves no money".to_owned() });
    assert_eq!(asked, NOBODY);
    let (effect, asked) = effect_of(EventReading::Nothing("ping".to_owned())).await;
    assert_eq!((effect, asked.as_slice()), (Effect::Nothing { note: "ping".to_owned() }, [].as_slice()));
}

#[tokio::test]
async fn an_event_that_nobody_reads_is_put_off_as_such() {
    let world = Arc::new(World::saying(EventReading::Unreadable("version 2020-03-02".to_owned())));
    assert!(matches!(apply(&world).await, Err(ApplyError::Unreadable(note)) if note == "version 2020-03-02"));
    let note = "put off evt_1, unreadable: the event cannot be read: version 2020-03-02";
    assert_eq!(world.asked(), ["receive evt_1", note]);
}

#[tokio::test]
async fn an_event_waits_for_every_question_that_stripe_does_not_answer() {
    let long = Invoice { has_more_lines: true, ..invoice() };
    for (reading, question) in [
        (told(subscription("sub_1", "active")), "stripe subscription"),
        (EventReading::InvoicePaid(invoice()), "stripe subscription"),
        (EventReading::InvoicePaid(long), "stripe lines"),
        (EventReading::InvoicePaid(invoice()), "stripe price"),
        (EventReading::InvoiceFailed(invoice()), "stripe subscription"),
        (refunded(Some("pi_1"), None), "stripe payment"),
        (disputed(Some(Dispute::Open)), "stripe payment"),
    ] {
        let mut world = subscribed(reading);
        world.lines = vec![line("price_1")];
        world.paid.insert("pi_1".to_owned(), PaidFor::default());
        let world = Arc::new(world);
        world.breaks(question, Fault::Away);
        assert!(matches!(apply(&world).await, Err(ApplyError::Stripe(StripeError::Unavailable(_)))), "{question}");
        let note = "put off evt_1, failed: stripe is not available: no answer";
        assert_eq!(world.heard("put off"), [note], "{question}");
        assert_eq!(world.applied(), NOBODY, "{question}");
        world.repair();
        assert!(matches!(apply(&world).await, Ok(Applied::Applied { .. })), "{question}");
    }
}
