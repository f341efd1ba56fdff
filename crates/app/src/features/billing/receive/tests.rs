use std::sync::Arc;

use super::*;
use crate::features::billing::testing::{Fault, World, event, now, webhook_ports};

const BODY: &[u8] = br#"{"id":"evt_1"}"#;

/// The event as it is kept: with the moment at which it was taken.
fn taken() -> EventEnvelope {
    EventEnvelope { taken_at: Some(now()), ..event("evt_1") }
}

async fn receive(world: &Arc<World>, body: &[u8]) -> Result<EventEnvelope, ReceiveError> {
    receive_delivery(&webhook_ports(world), Some("t=1,v1=ab"), body).await
}

#[tokio::test]
async fn an_event_goes_to_the_first_place_that_takes_it_and_to_no_other() {
    let places = [r#"queue evt_1 {"id":"evt_1"}"#, "receive evt_1", "bucket evt_1"];
    for refusing in 0..8 {
        let refuses = |place: usize| refusing & (1 << place) != 0;
        let world = Arc::new(World::default());
        for place in (0..3).filter(|place| refuses(*place)) {
            world.breaks(places[place], Fault::Away);
        }
        let first = (0..3).find(|place| !refuses(*place));
        let expected = first.map(|_| taken()).ok_or(ReceiveError::NowhereToPut);
        assert_eq!(receive(&world, BODY).await, expected, "{refusing:03b}");
        assert_eq!(world.asked(), places[..=first.unwrap_or(2)], "{refusing:03b}");
        let outcome = if first.is_some() { "accepted" } else { "event_not_stored" };
        assert_eq!(world.points.lock().unwrap()[0].blobs[4], outcome, "{refusing:03b}");
        let (row, text) = (world.row("evt_1"), std::str::from_utf8(BODY).unwrap());
        assert_eq!(row.map(|row| row.payload), (first == Some(1)).then(|| text.to_owned()), "byte for byte");
    }
}

#[tokio::test]
async fn a_table_that_refuses_only_this_event_is_no_reason_to_lose_it() {
    let world = Arc::new(World::default());
    world.breaks("queue", Fault::Away);
    world.breaks("receive", Fault::Defect);
    assert_eq!(receive(&world, BODY).await, Ok(taken()));
    let kept = (taken(), r#"{"id":"evt_1"}"#.to_owned());
    assert_eq!(world.bucket.lock().unwrap().values().collect::<Vec<_>>(), [&kept], "byte for byte");
}

#[tokio::test]
async fn what_is_not_stripes_is_put_nowhere() {
    for refusal in [WebhookRefusal::Signature, WebhookRefusal::SecretsUnavailable, WebhookRefusal::Malformed] {
        let world = Arc::new(World { refusal: Some(refusal), ..World::default() });
        assert_eq!(receive(&world, BODY).await, Err(ReceiveError::Refused(refusal)));
        assert_eq!(world.points.lock().unwrap()[0].blobs[1], "", "nothing that a stranger sent");
        assert_eq!(world.asked(), [""; 0]);
    }
    let world = Arc::new(World::default());
    assert_eq!(receive(&world, b"{\"id\":\"\xff\"}").await, Err(WebhookRefusal::Malformed.into()), "no text");
    assert_eq!(world.asked(), [""; 0]);
}
