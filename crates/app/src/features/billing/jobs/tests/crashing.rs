//! Wherever a process dies, the next one finishes its work, and nothing is done twice.

use std::future::Future;

use super::*;

/// Runs `work` in a new world again and again: it dies after no call, after one, after two …, and then runs once more, whole.
async fn dying<F: Future<Output = ()>>(
    made: impl Fn() -> World,
    work: impl Fn(Arc<World>) -> F,
    check: impl Fn(&World, &str),
) {
    for calls in 0.. {
        let world = Arc::new(made());
        world.dies_after(calls);
        work(world.clone()).await;
        let asked = world.asked();
        if asked.len() <= calls {
            assert!(calls > 5, "a work without calls would pass as well");
            return;
        }
        world.repair();
        work(world.clone()).await;
        check(&world, &format!("died before `{}`", asked[calls]));
    }
}

/// The events whose effects are in the database, sorted: one that was applied twice is there twice.
fn applied(world: &World) -> Vec<String> {
    let mut applied = world.applied();
    applied.sort();
    applied
}

#[tokio::test]
async fn a_replay_that_dies_anywhere_is_finished_by_the_next() {
    let made = || {
        let world = with_top_ups();
        for id in ["evt_1", "evt_2"] {
            world.bucket.lock().unwrap().insert(id.to_owned(), (event(id), id.to_owned()));
        }
        world.waits("evt_3");
        world
    };
    let work = async |world: Arc<World>| drop(replay(&world).await);
    dying(made, work, |world, when| {
        assert!(world.bucket.lock().unwrap().is_empty(), "{when}");
        assert_eq!(applied(world), ["evt_1", "evt_2", "evt_3"], "{when}");
        for top_up in &world.top_ups {
            let granted = Effect::PaidPurchase {
                purchase_id: Some(top_up.purchase_id),
                payment_intent_id: Some("pi_1".to_owned()),
                amount_cents: 9_500,
            };
            assert!(world.settled.lock().unwrap().contains(&granted), "{when}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_whose_consumer_dies_anywhere_is_applied_once() {
    let made = || {
        let told = EventReading::Subscription(Box::new(subscription("sub_1", "past_due")));
        let world = World { subscriptions: vec![subscription("sub_1", "active")], ..World::saying(told) };
        world.waits("evt_2");
        world.waits("evt_3");
        world
    };
    let work = async |world: Arc<World>| {
        let ports = job_ports(&world);
        drop(apply_event(&ports, &event("evt_1"), "payload").await);
        // What was put off, or was about to be tried, is the hourly job's.
        drop(replay(&world).await);
    };
    dying(made, work, |world, when| assert_eq!(applied(world), ["evt_1", "evt_2", "evt_3"], "{when}")).await;
}

#[tokio::test]
async fn a_comparison_that_dies_anywhere_is_finished_by_the_next() {
    let made = || {
        let listed = ["evt_4", "evt_3", "evt_2", "evt_1"].map(str::to_owned).to_vec();
        let subscriptions = vec![subscription("sub_1", "active"), subscription("sub_2", "active")];
        let world = World { listed, subscriptions, page: 1, ..World::default() };
        world.waits("evt_2");
        for id in ["sub_1", "sub_2"] {
            world.ours.lock().unwrap().insert(id.to_owned(), subscription(id, "past_due"));
        }
        world
    };
    let work = async |world: Arc<World>| {
        drop(reconcile(&job_ports(&world), now()).await);
        drop(replay(&world).await);
    };
    dying(made, work, |world, when| {
        assert_eq!(applied(world), ["evt_1", "evt_2", "evt_3", "evt_4"], "{when}");
        for state in &world.subscriptions {
            assert_eq!(world.ours.lock().unwrap()[&state.id], *state, "{when}");
        }
    })
    .await;
}
