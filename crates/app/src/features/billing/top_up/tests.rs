use std::sync::Arc;

use super::*;
use crate::features::billing::{
    TopUp,
    testing::{Fault, World, job_ports, member, now},
};

const PURCHASE: Uuid = Uuid::from_u128(7);

/// One purchase that is open, and was first tried so long ago.
fn open_since(ago: SignedDuration, charged: Option<ChargeOutcome>) -> Arc<World> {
    let top_up = TopUp {
        purchase_id: PURCHASE,
        account_id: member().account(),
        customer_id: "cus_1".to_owned(),
        price_cents: 9_500,
        attempted_at: now() - ago,
    };
    Arc::new(World { top_ups: vec![top_up], charged, ..World::default() })
}

fn open(charged: Option<ChargeOutcome>) -> Arc<World> {
    open_since(SignedDuration::ZERO, charged)
}

async fn buy(world: &Arc<World>) -> Result<(), ApplyError> {
    buy_top_up(&job_ports(world), PURCHASE, now()).await
}

fn settled(world: &World) -> Vec<Effect> {
    world.settled.lock().unwrap().clone()
}

fn paid() -> ChargeOutcome {
    ChargeOutcome::Paid { payment_intent_id: "pi_1".to_owned(), amount_cents: 9_500 }
}

#[tokio::test]
async fn what_the_bank_pays_is_granted_at_once() {
    let world = open(Some(paid()));
    buy(&world).await.unwrap();
    let bought = Effect::PaidPurchase {
        purchase_id: Some(PURCHASE),
        payment_intent_id: Some("pi_1".to_owned()),
        amount_cents: 9_500,
    };
    assert_eq!(settled(&world), [bought]);
}

#[tokio::test]
async fn a_charge_that_takes_its_time_is_settled_by_an_event() {
    let world = open(Some(ChargeOutcome::Pending));
    buy(&world).await.unwrap();
    assert_eq!(settled(&world), []);
}

#[tokio::test]
async fn a_declined_charge_is_settled_as_failed() {
    let world = open(Some(paid()));
    world.breaks("stripe charge", Fault::Declined);
    buy(&world).await.unwrap();
    assert_eq!(settled(&world), [Effect::FailedPurchase { purchase_id: PURCHASE }]);
}

#[tokio::test]
async fn a_charge_whose_end_nobody_knows_stays_open() {
    for fault in [Fault::Away, Fault::Defect, Fault::NotFound] {
        let world = open(Some(paid()));
        world.breaks("stripe charge", fault);
        assert!(matches!(buy(&world).await, Err(ApplyError::Stripe(_))), "{fault:?}");
        assert_eq!(settled(&world), [], "{fault:?}");
        world.repair();
        buy(&world).await.unwrap();
        assert_eq!(settled(&world).len(), 1, "{fault:?}");
    }
    let world = open(Some(paid()));
    world.breaks("settle", Fault::Away);
    assert!(matches!(buy(&world).await, Err(ApplyError::Store(_))), "charged, and tried again with the same key");
}

#[tokio::test]
async fn nothing_is_charged_when_stripe_may_have_forgotten_the_key() {
    let world = open_since(KEY_LIFE, Some(paid()));
    buy(&world).await.unwrap();
    assert_eq!(world.heard("stripe").len(), 1, "to the very end of the time it is the same charge");

    let world = open_since(KEY_LIFE + SignedDuration::from_nanos(1), Some(paid()));
    buy(&world).await.unwrap();
    assert_eq!(world.heard("stripe"), [""; 0]);
    assert_eq!(settled(&world), [Effect::FailedPurchase { purchase_id: PURCHASE }]);
}

#[tokio::test]
async fn a_purchase_that_is_not_open_is_not_charged() {
    let world = Arc::new(World { charged: Some(paid()), ..World::default() });
    buy(&world).await.unwrap();
    assert_eq!(world.asked(), [format!("attempt {PURCHASE}")]);

    let world = open(Some(paid()));
    world.breaks("attempt", Fault::Away);
    assert!(matches!(buy(&world).await, Err(ApplyError::Store(_))));
    assert_eq!(world.heard("stripe"), [""; 0], "nothing is charged that is not written down");
}

#[tokio::test]
async fn only_what_is_to_be_bought_is_asked_for_and_a_full_queue_hurts_nobody() {
    let world = World::default();
    ask_for_top_up(&world, None).await;
    assert_eq!(world.asked(), [""; 0]);
    world.breaks("top-up", Fault::Away);
    ask_for_top_up(&world, Some(PURCHASE)).await;
    assert_eq!(world.asked(), [format!("top-up {PURCHASE}")]);
}
