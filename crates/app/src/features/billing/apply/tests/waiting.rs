//! What becomes of the event in the table, and of those that wait there.

use super::*;
use crate::features::billing::testing::Row;

fn ended(world: &World, id: &str, end: Applied) {
    world.ends.lock().unwrap().insert(id.to_owned(), end);
}

fn waiting() -> Applied {
    Applied::Waiting { note: "its purchase is not known".to_owned() }
}

#[tokio::test]
async fn an_event_that_was_applied_is_not_even_read_again() {
    let world = Arc::new(subscribed(told(subscription("sub_1", "active"))));
    apply(&world).await.unwrap();
    let before = world.asked().len();
    assert_eq!(apply(&world).await.unwrap(), Applied::Already);
    assert_eq!(world.asked()[before..], ["receive evt_1"]);
    assert_eq!(world.applied(), ["evt_1"]);
}

#[tokio::test]
async fn an_event_that_was_received_and_not_applied_is_applied() {
    let world = Arc::new(World::saying(EventReading::PurchaseFailed(PURCHASE)));
    world.breaks("apply", Fault::Away);
    assert!(matches!(apply(&world).await, Err(ApplyError::Store(StoreError::Unavailable(_)))));
    assert_eq!(world.heard("put off"), NOBODY, "a database that is away can put nothing off");
    world.repair();
    assert_eq!(apply(&world).await.unwrap(), Applied::Applied { note: None });
}

#[tokio::test]
async fn whatever_the_database_does_not_answer_is_an_error_and_nothing_is_put_off() {
    for call in ["receive", "unknown prices", "apply", "claim"] {
        let world = Arc::new(subscribed(EventReading::InvoicePaid(invoice())));
        world.breaks(call, Fault::Away);
        let error = apply(&world).await.unwrap_err();
        assert!(matches!(error, ApplyError::Store(StoreError::Unavailable(_))), "{call}: {error}");
        assert_eq!(world.heard("put off"), NOBODY, "{call}");
    }
}

#[tokio::test]
async fn only_what_was_applied_wakes_what_waits() {
    for (end, is_claimed) in [
        (Applied::Applied { note: None }, true),
        (Applied::Ignored { note: None }, false),
        (waiting(), false),
        (Applied::Already, false),
    ] {
        let world = Arc::new(World::default());
        world.waits("evt_2");
        ended(&world, "evt_1", end.clone());
        assert_eq!(apply(&world).await.unwrap(), end);
        let is_done = world.row("evt_2").unwrap().is_processed;
        assert_eq!((world.heard("claim").len(), is_done), (usize::from(is_claimed), is_claimed), "{end:?}");
    }
}

#[tokio::test]
async fn a_few_that_wait_are_tried_and_the_rest_later() {
    let world = Arc::new(World::default());
    for number in 10..40 {
        world.waits(&format!("evt_{number}"));
    }
    apply(&world).await.unwrap();
    assert_eq!(world.heard("claim"), ["claim 20"]);
    assert_eq!(world.applied().len(), 21);
}

/// Five events that wait, of which the first three cannot be applied, each for another reason.
fn troubled() -> Arc<World> {
    let mut world = World::default();
    for number in 2..7 {
        world.waits(&format!("evt_{number}"));
    }
    world.says.insert("evt_2".to_owned(), told(subscription("sub_2", "active")));
    world.says.insert("evt_3".to_owned(), EventReading::Unreadable("version 2020-03-02".to_owned()));
    world.breaks("stripe subscription sub_2", Fault::Away);
    world.breaks("apply evt_4", Fault::Defect);
    ended(&world, "evt_5", waiting());
    Arc::new(world)
}

#[tokio::test]
async fn one_that_fails_does_not_keep_the_others_waiting() {
    let world = troubled();
    assert_eq!(apply(&world).await.unwrap(), Applied::Applied { note: None });
    assert_eq!(world.applied(), ["evt_1", "evt_6"]);
    for number in 2..6 {
        let row = Row { payload: format!("evt_{number}"), is_processed: false, is_due: false };
        assert_eq!(world.row(&format!("evt_{number}")), Some(row), "it is kept, and its turn comes later");
    }
    let put_off: Vec<_> = world.heard("put off").iter().map(|line| line[..24].trim_end().to_owned()).collect();
    assert_eq!(put_off, ["put off evt_2, failed: s", "put off evt_3, unreadabl", "put off evt_4, failed: s"]);
}

#[tokio::test]
async fn it_is_counted_how_many_were_tried_and_how_many_are_done_with() {
    let world = troubled();
    assert_eq!(apply_claimed(&job_ports(&world), 100).await.unwrap(), (5, 1));
    ended(&world, "evt_7", Applied::Ignored { note: None });
    world.waits("evt_7");
    assert_eq!(apply_claimed(&job_ports(&world), 100).await.unwrap(), (1, 1));
    assert_eq!(apply_claimed(&job_ports(&world), 100).await.unwrap(), (0, 0));
}

#[tokio::test]
async fn a_database_that_falls_silent_is_not_asked_once_for_every_event() {
    let world = Arc::new(World::default());
    for number in 2..7 {
        world.waits(&format!("evt_{number}"));
    }
    world.breaks("apply evt_3", Fault::Away);
    assert!(matches!(apply_claimed(&job_ports(&world), 100).await, Err(StoreError::Unavailable(_))));
    assert_eq!(world.heard("apply"), ["apply evt_2", "apply evt_3"]);
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_put_off_and_comes_again() {
    let world = Arc::new(World::default());
    world.breaks("apply", Fault::Defect);
    assert!(matches!(apply(&world).await, Err(ApplyError::Store(StoreError::Defect(_)))));
    assert_eq!(world.heard("put off"), ["put off evt_1, failed: store defect: Defect"]);
    world.repair();
    assert_eq!(apply(&world).await.unwrap(), Applied::Applied { note: None });
}
