use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const LEASE_S: i64 = 660;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(number: u128) -> ConnectionId {
    ConnectionId::new(Uuid::from_u128(number))
}

fn opened(number: u128) -> ConnectionsChange {
    ConnectionsChange { ended: vec![], opened: Some(id(number)) }
}

fn ended(numbers: &[u128]) -> ConnectionsChange {
    ConnectionsChange { ended: numbers.iter().copied().map(id).collect(), opened: None }
}

/// The object with what lies outside of it: its store and its alarm.
struct Outside {
    connections_max: usize,
    stored: Option<ConnectionsRecord>,
    alarm_at: Option<i64>,
    now: i64,
}

impl Outside {
    fn new(connections_max: usize) -> Self {
        Self { connections_max, stored: None, alarm_at: None, now: 0 }
    }

    /// As it is read for each event.
    fn object(&self) -> OpenConnections {
        OpenConnections::new(self.connections_max, self.stored.clone())
    }

    fn tell(&mut self, change: &ConnectionsChange) -> bool {
        let (has_room, effects) = self.object().apply(change, at(self.now));
        self.carry_out(effects);
        has_room
    }

    fn open(&mut self, number: u128) -> bool {
        self.tell(&opened(number))
    }

    fn carry_out(&mut self, effects: Vec<ConnectionsEffect>) {
        for effect in effects {
            match effect {
                ConnectionsEffect::Store(record) => {
                    assert!(self.alarm_at.is_some(), "stored without an alarm");
                    self.stored = Some(record);
                }
                ConnectionsEffect::SetAlarm(after) => {
                    self.alarm_at = Some(self.now + i64::try_from(after.as_secs()).unwrap());
                }
                ConnectionsEffect::Delete => self.stored = None,
            }
        }
    }

    /// Lets time pass, with the alarms that are due in it.
    fn wait(&mut self, seconds: i64) {
        let end = self.now + seconds;
        while let Some(due) = self.alarm_at.filter(|due| *due <= end) {
            self.now = due;
            self.alarm_at = None;
            let effects = self.object().alarm(at(self.now));
            self.carry_out(effects);
        }
        self.now = end;
    }

    fn held(&self) -> Vec<ConnectionId> {
        self.stored.iter().flat_map(|record| &record.0).map(|lease| lease.id).collect()
    }
}

#[test]
fn an_account_has_so_many_connections_and_no_more_until_one_ends() {
    let mut outside = Outside::new(2);
    assert!(outside.open(1) && outside.open(2));
    assert!(!outside.open(3));
    assert_eq!(outside.held(), [id(1), id(2)], "who is refused is not kept");
    outside.tell(&ended(&[1]));
    assert!(outside.open(3) && !outside.open(4));
}

#[test]
fn an_end_that_is_told_with_an_opening_makes_room_for_it() {
    let mut outside = Outside::new(2);
    assert!(outside.open(1) && outside.open(2));
    assert!(outside.tell(&ConnectionsChange { opened: Some(id(3)), ..ended(&[1, 2]) }));
    assert_eq!(outside.held(), [id(3)]);
}

#[test]
fn what_is_told_twice_or_of_nobody_known_changes_nothing() {
    let mut outside = Outside::new(2);
    assert_eq!(outside.object().apply(&ended(&[7]), at(0)), (true, vec![]), "nor does it begin a record");
    assert!(outside.open(1));
    let before = outside.stored.clone();
    outside.now = 30;
    assert_eq!(outside.object().apply(&opened(1), at(30)), (true, vec![]), "the lease is the one of the first time");
    assert_eq!(outside.object().apply(&ended(&[7]), at(30)), (true, vec![]));
    assert_eq!(outside.object().apply(&ConnectionsChange::default(), at(30)), (true, vec![]));
    assert_eq!(outside.stored, before);
    outside.tell(&ended(&[1]));
    assert_eq!(outside.object().apply(&ended(&[1]), at(30)), (true, vec![]));
    assert_eq!(outside.held(), []);
}

#[test]
fn a_connection_of_which_nobody_tells_counts_until_its_lease_is_over() {
    let mut outside = Outside::new(1);
    assert!(outside.open(1));
    outside.now = LEASE_S - 1;
    assert!(!outside.open(2));
    outside.now = LEASE_S;
    assert!(outside.open(2), "also before the alarm");
    assert!(Duration::from_secs(LEASE_S.unsigned_abs()) > CONNECTION_LASTS, "none that is open is forgotten");
}

#[test]
fn an_alarm_that_was_lost_is_set_again_by_the_next_connection() {
    let mut outside = Outside::new(1);
    assert!(outside.open(1));
    (outside.alarm_at, outside.now) = (None, LEASE_S);
    assert!(outside.open(2));
    assert_eq!(outside.alarm_at, Some(2 * LEASE_S));
}

#[test]
fn nothing_is_left_behind_when_the_last_lease_is_over() {
    let mut outside = Outside::new(3);
    assert!(outside.open(1));
    outside.wait(100);
    assert!(outside.open(2));
    outside.wait(LEASE_S - 100);
    assert_eq!(outside.alarm_at, Some(LEASE_S + 100), "the alarm of the first goes on to the last");
    outside.wait(99);
    assert!(outside.stored.is_some());
    outside.wait(1);
    assert_eq!((outside.stored.clone(), outside.alarm_at), (None, None));
    // And so it begins again.
    assert!(outside.open(3) && outside.alarm_at.is_some());
    outside.tell(&ended(&[3]));
    outside.wait(LEASE_S);
    assert_eq!((outside.stored, outside.alarm_at), (None, None));
}

#[derive(Debug, Clone)]
enum Event {
    Open {
        number: u128,
    },
    /// This end is told, alone or with an opening.
    End {
        number: u128,
        opened: Option<u128>,
    },
    Wait {
        seconds: i64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..30_u128).prop_map(|number| Event::Open { number }),
        3 => (1..30_u128, prop::option::of(1..30_u128)).prop_map(|(number, opened)| Event::End { number, opened }),
        2 => (1..400_i64).prop_map(|seconds| Event::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(crate::property::config())]

    /// Whatever is opened, told, told again or forgotten: exactly those count that were let in, whose end was not told, and whose lease is
    /// not over; and nobody is refused while there is room.
    #[test]
    fn never_too_many_and_nobody_is_refused_for_nothing(
        events in prop::collection::vec(event(), 1..150),
        connections_max in 1..6_usize,
    ) {
        let mut outside = Outside::new(connections_max);
        // Those that count, and since when.
        let mut open: BTreeMap<u128, i64> = BTreeMap::new();
        for event in events {
            let (ends, wanted) = match event {
                Event::Open { number } => (None, Some(number)),
                Event::End { number, opened } => (Some(number), opened),
                Event::Wait { seconds } => {
                    outside.wait(seconds);
                    (None, None)
                }
            };
            let now = outside.now;
            open.retain(|number, since| now - *since < LEASE_S && ends != Some(*number));
            let has_room = wanted.is_none_or(|number| open.contains_key(&number) || open.len() < connections_max);
            if let Some(number) = wanted.filter(|_| has_room) {
                open.entry(number).or_insert(now);
            }
            let change = ConnectionsChange { ended: ends.into_iter().map(id).collect(), opened: wanted.map(id) };
            prop_assert_eq!(outside.tell(&change), has_room);
            let mut held = outside.held();
            held.sort();
            prop_assert_eq!(held, open.keys().copied().map(id).collect::<Vec<_>>());
            prop_assert!(open.len() <= connections_max);
        }
        outside.wait(2 * LEASE_S);
        prop_assert_eq!((outside.stored, outside.alarm_at), (None, None));
    }
}
