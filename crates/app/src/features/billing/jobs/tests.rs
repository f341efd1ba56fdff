mod crashing;
mod reconciling;

use std::sync::Arc;

use super::*;
use crate::features::billing::{
    ChargeOutcome, Effect, EventReading, TopUp,
    testing::{Fault, World, event, job_ports, member, now, subscription},
};

fn uuids(count: u128) -> Vec<Uuid> {
    (1..=count).map(Uuid::from_u128).collect()
}

async fn renew(world: World) -> (Renewed, Arc<World>) {
    let world = Arc::new(world);
    (renew_subscriptions(&job_ports(&world), now()).await.unwrap(), world)
}

#[tokio::test]
async fn every_subscription_is_renewed_once_page_by_page() {
    for (count, pages) in [(0, 1), (99, 1), (100, 2), (250, 3)] {
        let (report, world) = renew(World { renewable: uuids(count), ..World::default() }).await;
        let subscriptions = u32::try_from(count).unwrap();
        let credits = i64::from(subscriptions) * 100;
        assert_eq!(report, Renewed { subscriptions, credits, failed: 0, is_cut_short: false });
        let expected: Vec<_> = uuids(count).iter().map(|id| format!("renew {id}")).collect();
        assert_eq!(world.heard("renew "), expected);
        assert_eq!(world.heard("renewable").len(), pages, "{count}");
    }
}

#[tokio::test]
async fn a_subscription_that_fails_keeps_no_other_from_its_credits() {
    for fault in [Fault::Away, Fault::Defect] {
        let world = World { renewable: uuids(3), ..World::default() };
        world.breaks(&format!("renew {}", Uuid::from_u128(2)), fault);
        let (report, _) = renew(world).await;
        assert_eq!(report, Renewed { subscriptions: 3, credits: 200, failed: 1, is_cut_short: false });
    }
    let world = Arc::new(World::default());
    world.breaks("renewable", Fault::Away);
    assert!(renew_subscriptions(&job_ports(&world), now()).await.is_err());
}

#[tokio::test]
async fn a_renewal_that_leaves_some_says_so() {
    for (count, is_cut_short) in [(4_999, false), (5_001, true)] {
        let (report, _) = renew(World { renewable: uuids(count), ..World::default() }).await;
        assert_eq!((report.subscriptions, report.is_cut_short), (count.min(5_000) as u32, is_cut_short));
    }
}

async fn replay(world: &Arc<World>) -> Result<Replayed, StoreError> {
    replay_events(&job_ports(world), now()).await
}

/// A bucket with so many events.
fn with_bucket(count: usize) -> Arc<World> {
    let world = World::default();
    let ids = (0..count).map(|number| format!("evt_{number:05}"));
    world.bucket.lock().unwrap().extend(ids.map(|id| (format!("stripe/{id}"), (event(&id), id))));
    Arc::new(world)
}

#[tokio::test]
async fn what_the_bucket_holds_is_moved_into_the_table_and_applied() {
    let world = with_bucket(250);
    let report = replay(&world).await.unwrap();
    assert_eq!(report, Replayed { from_bucket: 250, tried: 250, done: 250, ..Replayed::default() });
    assert!(world.bucket.lock().unwrap().is_empty());
    assert_eq!(world.applied().len(), 250);
    assert_eq!(replay(&world).await.unwrap(), Replayed::default());
}

#[tokio::test]
async fn an_event_leaves_the_bucket_only_when_the_table_has_it() {
    for fault in [Fault::Away, Fault::Defect] {
        let world = with_bucket(2);
        world.breaks("receive", fault);
        assert!(replay(&world).await.is_err());
        assert_eq!((world.bucket.lock().unwrap().len(), world.heard("forget").len()), (2, 0));
    }
}

#[tokio::test]
async fn an_event_that_is_in_both_places_is_applied_once() {
    let world = with_bucket(1);
    world.breaks("forget", Fault::Away);
    assert!(replay(&world).await.is_err());
    assert_eq!((world.bucket.lock().unwrap().len(), world.table.lock().unwrap().len()), (1, 1));
    world.repair();
    let report = replay(&world).await.unwrap();
    assert_eq!((report.from_bucket, world.bucket.lock().unwrap().len()), (1, 0));
    assert_eq!(world.applied(), ["evt_00000"]);
}

#[tokio::test]
async fn events_are_claimed_until_a_page_is_not_full() {
    for (count, claims) in [(0, 1), (99, 1), (100, 2), (250, 3)] {
        let world = Arc::new(World::default());
        (0..count).for_each(|number| world.waits(&format!("evt_{number:05}")));
        let report = replay(&world).await.unwrap();
        assert_eq!(report, Replayed { tried: count, done: count, ..Replayed::default() });
        assert_eq!(world.heard("claim").len(), claims, "{count}");
    }
}

#[tokio::test]
async fn grants_end_until_a_page_is_not_full() {
    let world = Arc::new(World::default());
    world.ending.lock().unwrap().extend([100, 100, 7, 100]);
    let report = replay(&world).await.unwrap();
    assert_eq!(report, Replayed { accounts_with_ended_grants: 207, ..Replayed::default() });
}

#[tokio::test]
async fn a_replay_that_leaves_some_says_so() {
    let ending = Arc::new(World::default());
    ending.ending.lock().unwrap().extend([100; 51]);
    let claimed = Arc::new(World::default());
    (0..5_001).for_each(|number| claimed.waits(&format!("evt_{number:05}")));
    for world in [ending, claimed, with_bucket(5_001)] {
        let first = replay(&world).await.unwrap();
        assert!(first.is_cut_short);
        assert!(world.asked().len() > 50, "{first:?}");
        assert!(!replay(&world).await.unwrap().is_cut_short);
    }
}

fn top_up(number: u128) -> TopUp {
    TopUp {
        purchase_id: Uuid::from_u128(number),
        account_id: member().account(),
        customer_id: "cus_1".to_owned(),
        price_cents: 9_500,
        attempted_at: now(),
    }
}

fn with_top_ups() -> World {
    let paid = ChargeOutcome::Paid { payment_intent_id: "pi_1".to_owned(), amount_cents: 9_500 };
    World { top_ups: vec![top_up(1), top_up(2)], charged: Some(paid), ..World::default() }
}

#[tokio::test]
async fn an_automatic_purchase_that_fails_keeps_no_other_open() {
    let world = Arc::new(with_top_ups());
    world.breaks(&format!("stripe charge {}", Uuid::from_u128(1)), Fault::Away);
    assert_eq!(replay(&world).await.unwrap(), Replayed { top_ups: 2, ..Replayed::default() });
    assert_eq!(world.settled.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_part_that_fails_fails_the_job_and_keeps_no_other_from_being_done() {
    for (broken, [applied, ended, charged]) in [
        ("stored", [true, true, true]),
        ("claim", [false, true, true]),
        ("end grants", [true, false, true]),
        ("open top-ups", [true, true, false]),
    ] {
        let world = Arc::new(with_top_ups());
        world.waits("evt_1");
        world.ending.lock().unwrap().push_back(3);
        world.breaks(broken, Fault::Away);
        assert!(replay(&world).await.is_err(), "{broken}");
        assert_eq!(world.applied().len(), usize::from(applied), "{broken}");
        assert_eq!(world.ending.lock().unwrap().is_empty(), ended, "{broken}");
        assert_eq!(world.settled.lock().unwrap().len(), if charged { 2 } else { 0 }, "{broken}");
    }
}
