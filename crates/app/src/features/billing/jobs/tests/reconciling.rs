//! The comparison with Stripe.

use super::*;

/// Stripe lists five events, the newest first, of which the table has two.
fn listing() -> World {
    let world =
        World { listed: ["5", "4", "3", "2", "1"].map(|id| format!("evt_{id}")).to_vec(), page: 2, ..World::default() };
    world.waits("evt_2");
    world.waits("evt_4");
    world
}

async fn compare(world: &Arc<World>) -> Result<Reconciled, ReconcileError> {
    reconcile(&job_ports(world), now()).await
}

#[tokio::test]
async fn only_events_that_never_came_are_applied_the_oldest_first() {
    let world = listing();
    world.table.lock().unwrap().values_mut().for_each(|row| row.is_processed = true);
    let world = Arc::new(world);
    let report = compare(&world).await.unwrap();
    let missed = ["evt_1", "evt_3", "evt_5"].map(str::to_owned).to_vec();
    assert_eq!(report, Reconciled { events: 5, events_missed: 3, missed: missed.clone(), ..Reconciled::default() });
    assert_eq!(world.applied(), missed);
    let since = "stripe events since 2026-11-22T12:00:00Z after";
    assert_eq!(
        world.heard("stripe events"),
        [format!("{since} none"), format!("{since} evt_4"), format!("{since} evt_2")]
    );

    assert_eq!(compare(&world).await.unwrap(), Reconciled { events: 5, ..Reconciled::default() }, "a second time");
    assert_eq!(world.applied().len(), 3);
}

#[tokio::test]
async fn an_event_that_came_meanwhile_was_not_missed() {
    let world = listing();
    world.ends.lock().unwrap().insert("evt_3".to_owned(), Applied::Already);
    let report = compare(&Arc::new(world)).await.unwrap();
    assert_eq!(report.missed, ["evt_1", "evt_5"]);
}

#[tokio::test]
async fn an_outage_of_stripe_in_the_middle_of_its_list_loses_nothing() {
    let world = Arc::new(listing());
    world.breaks("stripe events since 2026-11-22T12:00:00Z after evt_2", Fault::Away);
    assert!(matches!(compare(&world).await, Err(ReconcileError::Stripe(StripeError::Unavailable(_)))));
    assert_eq!(world.table.lock().unwrap().len(), 2, "no newer event before an older one");
    world.repair();
    assert_eq!(compare(&world).await.unwrap().missed, ["evt_1", "evt_3", "evt_5"]);
}

#[tokio::test]
async fn missed_events_that_cannot_be_applied_are_kept_and_keep_no_other_from_being_applied() {
    let mut world = listing();
    world.says.insert("evt_1".to_owned(), EventReading::Subscription(Box::new(subscription("sub_1", "active"))));
    world.says.insert("evt_3".to_owned(), EventReading::Unreadable("version 2020-03-02".to_owned()));
    let world = Arc::new(world);
    world.breaks("stripe subscription sub_1", Fault::Away);
    let report = compare(&world).await.unwrap();
    assert_eq!(report.missed, ["evt_1", "evt_3", "evt_5"]);
    assert!(world.row("evt_1").is_some_and(|row| !row.is_processed), "the hourly job tries it again");
    assert!(world.row("evt_3").is_some_and(|row| !row.is_processed));
    assert!(world.applied().contains(&"evt_5".to_owned()));
}

#[tokio::test]
async fn an_event_that_the_database_refuses_keeps_no_other_from_being_applied() {
    for call in ["receive evt_1", "apply evt_1"] {
        let world = Arc::new(listing());
        world.breaks(call, Fault::Defect);
        assert_eq!(compare(&world).await.unwrap().missed, ["evt_1", "evt_3", "evt_5"], "{call}");
        assert!(world.applied().contains(&"evt_3".to_owned()), "{call}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_ends_the_comparison() {
    for call in ["missed", "receive evt_3", "apply evt_3", "differing"] {
        let world = Arc::new(listing());
        world.breaks(call, Fault::Away);
        assert!(matches!(compare(&world).await, Err(ReconcileError::Store(StoreError::Unavailable(_)))), "{call}");
        world.repair();
        compare(&world).await.unwrap();
        for id in &world.listed {
            assert!(world.row(id).is_some(), "{call}: {id}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_too_long_for_one_job_is_said_to_be() {
    for (count, is_cut_short) in [(50, false), (51, true)] {
        let listed: Vec<_> = (0..count).map(|number| format!("evt_{number:03}")).collect();
        let world = Arc::new(World { listed, page: 1, ..World::default() });
        let report = compare(&world).await.unwrap();
        assert_eq!((report.events, report.missed.len(), report.is_cut_short), (50, 50, is_cut_short));

        let subscriptions = (0..count).map(|number| subscription(&format!("sub_{number:03}"), "active")).collect();
        let world = Arc::new(World { subscriptions, page: 1, ..World::default() });
        let report = compare(&world).await.unwrap();
        assert_eq!((report.subscriptions, report.is_cut_short), (50, is_cut_short));
    }
}

/// Three subscriptions at Stripe, so many to a page: one is the same here, one is different, and one is none of ours.
fn subscribed(page: usize) -> Arc<World> {
    let subscriptions = ["sub_1", "sub_2", "sub_3"].map(|id| subscription(id, "active")).to_vec();
    let world = World { subscriptions, page, ..World::default() };
    for (id, status) in [("sub_1", "active"), ("sub_2", "past_due")] {
        world.ours.lock().unwrap().insert(id.to_owned(), subscription(id, status));
    }
    Arc::new(world)
}

#[tokio::test]
async fn only_subscriptions_that_differ_are_corrected_by_what_stripe_says() {
    for (page, questions) in [(1, &["none", "sub_1", "sub_2"][..]), (2, &["none", "sub_2"]), (3, &["none"])] {
        let world = subscribed(page);
        let report = compare(&world).await.unwrap();
        let corrected = vec!["sub_2".to_owned()];
        assert_eq!(
            report,
            Reconciled { subscriptions: 3, subscriptions_corrected: 1, corrected, ..Reconciled::default() }
        );
        assert_eq!(world.heard("correct"), ["correct sub_2"]);
        assert_eq!(world.ours.lock().unwrap()["sub_2"], subscription("sub_2", "active"));
        let asked: Vec<_> = questions.iter().map(|after| format!("stripe subscriptions after {after}")).collect();
        assert_eq!(world.heard("stripe subscriptions"), asked);
    }
}

#[tokio::test]
async fn an_outage_of_stripe_between_subscriptions_is_repaired_the_next_night() {
    let world = subscribed(2);
    world.ours.lock().unwrap().insert("sub_3".to_owned(), subscription("sub_3", "past_due"));
    world.breaks("stripe subscriptions after sub_2", Fault::Away);
    assert!(matches!(compare(&world).await, Err(ReconcileError::Stripe(_))));
    assert_eq!(world.heard("correct"), ["correct sub_2"]);
    world.repair();
    assert_eq!(compare(&world).await.unwrap().corrected, ["sub_3"]);
}

#[test]
fn to_a_job_an_outage_of_stripe_is_like_one_of_a_store() {
    let stripe = StoreError::from(ReconcileError::Stripe(StripeError::Unavailable("no answer".to_owned())));
    assert_eq!(stripe.to_string(), "store unavailable: stripe is not available: no answer");
    let defect = StoreError::from(ReconcileError::Store(StoreError::Defect("x".to_owned())));
    assert!(matches!(defect, StoreError::Defect(_)));
}
