//! When cards are asked for, and that a failure costs nobody the credits that they bought.

use std::sync::Arc;

use super::*;
use crate::{
    features::billing::{
        Applied, EventReading, PurchasePaid, apply_event, reconcile,
        testing::{Fault, World, event, job_ports, member, now, payer},
    },
    shared::ids::AccountId,
};

fn paid() -> EventReading {
    EventReading::PurchasePaid(PurchasePaid {
        purchase_id: Some(Uuid::from_u128(7)),
        payment_intent_id: Some("pi_1".to_owned()),
        amount_cents: 2_000,
    })
}

/// The event of this world says `reading`; its account has paid and its cards are not noted.
fn unnoted(reading: EventReading) -> Arc<World> {
    let world = World::saying(reading);
    world.payers.lock().unwrap().push(payer(member().account()));
    Arc::new(world)
}

async fn apply(world: &Arc<World>) {
    let applied = apply_event(&job_ports(world), &event("evt_1"), "payload").await.unwrap();
    assert_eq!(applied, Applied::Applied { note: None });
}

#[tokio::test]
async fn the_cards_of_who_has_paid_are_noted_after_the_credits_and_once() {
    let world = unnoted(paid());
    apply(&world).await;
    let asked = world.asked();
    let at = |call: &str| asked.iter().position(|line| line.starts_with(call)).unwrap();
    assert!(at("apply evt_1") < at("stripe cards of cus_1"), "{asked:?}");
    assert_eq!(world.heard("note cards"), ["note cards of cus_1: fingerprint of cus_1"]);
    assert_eq!(reconcile(&job_ports(&world), now()).await.unwrap(), Reconciled::default());
}

#[tokio::test]
async fn what_pays_nothing_asks_for_no_cards() {
    let world = unnoted(EventReading::PurchaseFailed(Uuid::from_u128(7)));
    apply(&world).await;
    assert_eq!((world.heard("payers"), world.heard("stripe cards")), (vec![], vec![]));
}

#[tokio::test]
async fn whatever_fails_the_credits_are_there_and_the_comparison_notes_the_cards() {
    for (call, fault) in [
        ("payers of", Fault::Away),
        ("stripe cards", Fault::Away),
        ("stripe cards", Fault::Defect),
        ("note", Fault::Away),
    ] {
        let world = unnoted(paid());
        world.breaks(call, fault);
        apply(&world).await;
        assert_eq!((world.applied(), world.heard("put off").len()), (vec!["evt_1".to_owned()], 0), "{call}");
        world.repair();
        let report = reconcile(&job_ports(&world), now()).await.unwrap();
        assert_eq!(report, Reconciled { payers_noted: 1, free_credits_ended: 5, ..Reconciled::default() }, "{call}");
    }
}

#[tokio::test]
async fn a_customer_who_is_gone_has_no_cards_and_one_that_is_refused_stops_no_other() {
    let account = |number: u128| AccountId::new(Uuid::from_u128(number));
    let world = Arc::new(World::default());
    for number in 1..=3 {
        let payer = Payer { customer_id: format!("cus_{number}"), ..payer(account(number)) };
        world.payers.lock().unwrap().push(payer);
    }
    world.breaks("stripe cards of cus_1", Fault::NotFound);
    world.breaks("stripe cards of cus_2", Fault::Defect);
    let report = reconcile(&job_ports(&world), now()).await.unwrap();
    assert_eq!(report, Reconciled { payers_noted: 2, free_credits_ended: 10, ..Reconciled::default() });
    assert_eq!(world.heard("note cards"), ["note cards of cus_1: ", "note cards of cus_3: fingerprint of cus_3"]);
}

#[tokio::test]
async fn an_outage_of_stripe_is_made_up_for_the_next_night() {
    let world = unnoted(EventReading::Nothing("no credits".to_owned()));
    world.breaks("stripe cards", Fault::Away);
    assert!(reconcile(&job_ports(&world), now()).await.is_err());
    world.repair();
    assert_eq!(reconcile(&job_ports(&world), now()).await.unwrap().payers_noted, 1);
}

#[tokio::test]
async fn payers_are_read_until_a_page_is_not_full() {
    for (count, pages, is_cut_short) in [(99, 1, false), (100, 2, false), (301, 3, true)] {
        let world = Arc::new(World::default());
        let payers = (1..=count).map(|number| payer(AccountId::new(Uuid::from_u128(number))));
        world.payers.lock().unwrap().extend(payers);
        let report = reconcile(&job_ports(&world), now()).await.unwrap();
        assert_eq!((world.heard("unnoted payers").len(), report.is_cut_short), (pages, is_cut_short), "{count}");
    }
}
