use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::{
    features::analysis::{
        Phase, ProgressAlarm, ProgressCommand, ProgressUpdate, RunStatus,
        live::{Ticket, Told},
    },
    shared::ids::{AccountId, UserId},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn run() -> RunId {
    RunId::new(Uuid::from_u128(1))
}

fn row(status: RunStatus, phase: Option<Phase>) -> RunState {
    RunState { account_id: AccountId::new(Uuid::from_u128(2)), status, phase, error_message: None }
}

fn foreign() -> RunState {
    RunState { account_id: AccountId::new(Uuid::from_u128(3)), ..row(RunStatus::Failed, None) }
}

fn created() -> ProgressObject {
    let mut object = ProgressObject::new(None);
    let create = ProgressCommand::Create { run_id: run(), account_id: AccountId::new(Uuid::from_u128(2)) };
    assert_eq!(object.apply(create, at(0)).len(), 2);
    object
}

fn told(object: &mut ProgressObject, update: ProgressUpdate, second: i64) {
    let _ = object.apply(ProgressCommand::Tell(update), at(second));
}

fn ended() -> ProgressUpdate {
    ProgressUpdate::Ended { status: RunStatus::Complete, message: "Ready".to_owned() }
}

fn with_row(row: RunState) -> WatchQuestion {
    WatchQuestion { run: run(), seen: 0, pass: Pass::Row(row) }
}

fn ticket(number: u64) -> NewTicket {
    let hash = Ticket::new("object", format!("{number:064x}")).hash();
    NewTicket { user: UserId::new(Uuid::from_u128(9)), hash }
}

fn with_ticket(number: u64) -> WatchQuestion {
    WatchQuestion { run: run(), seen: 0, pass: Pass::Ticket(ticket(number).hash) }
}

fn open(second: i64) -> WatchAnswer {
    WatchAnswer::Open(Cursor::new(0, at(second)))
}

/// Sequence number, percent and second of all events.
fn events(object: &ProgressObject) -> Vec<(u64, u8, i64)> {
    let event = |event: &crate::features::analysis::ProgressEvent| (event.seq, event.percent, event.at.as_second());
    object.events().into_iter().flat_map(|log| log.after(0)).map(event).collect()
}

#[test]
fn every_change_is_an_event_with_its_time() {
    let mut object = created();
    told(&mut object, ProgressUpdate::Reached(Phase::Cache), 1);
    told(&mut object, ProgressUpdate::Reached(Phase::Analyzing), 2);
    told(&mut object, ProgressUpdate::Reached(Phase::Scraping), 3);
    told(&mut object, ended(), 4);
    told(&mut object, ended(), 5);
    assert_eq!(events(&object), [(1, 0, 0), (2, 5, 1), (3, 60, 2), (4, 100, 4)]);
    let phases: Vec<Option<Phase>> = object.events().unwrap().after(0).map(|event| event.phase).collect();
    assert_eq!(phases, [None, Some(Phase::Cache), Some(Phase::Analyzing), Some(Phase::Analyzing)]);
}

#[test]
fn the_row_lets_a_watcher_in_and_heals_what_was_not_told() {
    let mut object = created();
    let (answer, effects) = object.watch(&with_row(row(RunStatus::Failed, Some(Phase::Scraping))), Room::Free, at(7));
    assert_eq!((answer, effects.len()), (open(7), 2));
    assert_eq!(events(&object), [(1, 0, 0), (2, 100, 7)]);
    let (answer, effects) = object.watch(&with_row(row(RunStatus::Failed, None)), Room::Free, at(8));
    assert_eq!((answer, effects), (open(8), vec![]));
}

#[test]
fn a_row_of_another_account_lets_nobody_in_and_changes_nothing() {
    let mut object = created();
    let before = object.clone();
    let refused = (WatchAnswer::Refused(WatchRefusal::NotFound), vec![]);
    assert_eq!(object.watch(&with_row(foreign()), Room::Free, at(1)), refused);
    assert_eq!(object.keep_ticket(run(), &foreign(), ticket(1), at(1)), (false, vec![]));
    assert_eq!(object, before);
}

#[test]
fn a_run_whose_creation_was_lost_is_taken_up_from_its_row() {
    let mut object = ProgressObject::new(None);
    let seen = row(RunStatus::Processing, Some(Phase::Scraping));
    let (answer, effects) = object.watch(&with_row(seen), Room::Free, at(7));
    assert_eq!(answer, open(7));
    assert_eq!(effects.first(), Some(&ProgressEffect::SetAlarm(RECONCILE_EVERY)));
    told(&mut object, ProgressUpdate::Reached(Phase::Analyzing), 8);
    assert_eq!(events(&object), [(2, 15, 7), (3, 60, 8)]);
    assert_eq!(object.alarm(at(37)), ProgressAlarm::ReadRow(run()));
}

#[test]
fn a_run_that_ended_long_ago_tells_its_end_and_is_forgotten_in_a_minute() {
    let mut object = ProgressObject::new(None);
    let (answer, effects) = object.watch(&with_row(row(RunStatus::Complete, None)), Room::Free, at(7));
    let WatchAnswer::Open(mut cursor) = answer else { panic!("{answer:?}") };
    assert_eq!(effects.first(), Some(&ProgressEffect::SetAlarm(Duration::from_secs(60))));
    let log = object.events().unwrap();
    assert!(matches!(cursor.advance(log, at(7)), Told::Ended(events) if events.len() == 1));
    assert!(log.is_over_for(1_000_000) && !log.is_over_for(5), "who saw the last event but one missed the end");
    assert_eq!(object.alarm(at(66)), ProgressAlarm::Do(vec![ProgressEffect::SetAlarm(Duration::from_secs(1))]));
    assert_eq!(object.alarm(at(67)), ProgressAlarm::Do(vec![ProgressEffect::Delete]));
}

#[test]
fn a_ticket_lets_one_watcher_in() {
    let mut object = created();
    let (kept, effects) = object.keep_ticket(run(), &row(RunStatus::Pending, None), ticket(1), at(0));
    assert_eq!((kept, effects.len()), (true, 1));
    let refused = (WatchAnswer::Refused(WatchRefusal::Ticket), vec![]);
    assert_eq!(object.watch(&with_ticket(2), Room::Free, at(1)), refused);
    let (answer, effects) = object.watch(&with_ticket(1), Room::Free, at(1));
    let stored = ProgressEffect::Store(object.record.clone().unwrap());
    assert_eq!((answer, effects), (open(1), vec![stored]), "that it was used is stored");
    assert_eq!(object.watch(&with_ticket(1), Room::Free, at(1)), refused);
    assert_eq!(ProgressObject::new(None).watch(&with_ticket(1), Room::Free, at(1)), refused);
}

#[test]
fn a_full_house_turns_away_and_uses_no_ticket_up() {
    let mut object = created();
    let _ = object.keep_ticket(run(), &row(RunStatus::Pending, None), ticket(1), at(0));
    for question in [with_ticket(1), with_row(row(RunStatus::Pending, None))] {
        let full = WatchAnswer::Refused(WatchRefusal::Full);
        assert_eq!(object.watch(&question, Room::RunFull, at(1)).0, full);
        let full = WatchAnswer::Refused(WatchRefusal::AccountFull);
        assert_eq!(object.watch(&question, Room::AccountFull, at(1)).0, full);
        let overloaded = WatchAnswer::Refused(WatchRefusal::Overloaded);
        assert_eq!(object.watch(&question, Room::Overloaded, at(1)).0, overloaded);
    }
    assert_eq!(object.watch(&with_ticket(2), Room::RunFull, at(1)).0, WatchAnswer::Refused(WatchRefusal::Ticket));
    assert_eq!(object.watch(&with_ticket(1), Room::Free, at(2)).0, open(2));
}

#[test]
fn an_account_is_asked_for_room_only_for_who_would_be_let_in() {
    let mut object = created();
    let ours = Ok(AccountId::new(Uuid::from_u128(2)));
    let _ = object.keep_ticket(run(), &row(RunStatus::Pending, None), ticket(1), at(0));
    let before = object.clone();
    assert_eq!(object.account_for(&with_row(row(RunStatus::Pending, None)), at(1)), ours);
    assert_eq!(object.account_for(&with_row(foreign()), at(1)), Err(WatchRefusal::NotFound));
    assert_eq!(object.account_for(&with_ticket(1), at(59)), ours);
    for (question, second) in [(with_ticket(1), 60), (with_ticket(2), 1)] {
        assert_eq!(object.account_for(&question, at(second)), Err(WatchRefusal::Ticket));
    }
    assert_eq!(object, before, "a ticket is not used up by it");
    let nobody = ProgressObject::new(None);
    assert_eq!(nobody.account_for(&with_row(row(RunStatus::Pending, None)), at(1)), ours);
    assert_eq!(nobody.account_for(&with_ticket(1), at(1)), Err(WatchRefusal::Ticket));
}

#[test]
fn a_ticket_keeps_the_record_of_an_ended_run_until_it_expires() {
    let mut object = created();
    told(&mut object, ended(), 0);
    let _ = object.keep_ticket(run(), &row(RunStatus::Complete, None), ticket(1), at(3_590));
    let wait = |left| ProgressAlarm::Do(vec![ProgressEffect::SetAlarm(Duration::from_secs(left))]);
    assert_eq!(object.alarm(at(3_600)), wait(50));
    assert_eq!(object.alarm(at(3_650)), ProgressAlarm::Do(vec![ProgressEffect::Delete]));
}

#[test]
fn a_record_of_an_older_version_tells_what_it_knows() {
    let mut object = created();
    told(&mut object, ProgressUpdate::Reached(Phase::Scraping), 1);
    let mut stored = serde_json::to_value(object.record.unwrap()).unwrap();
    let fields = stored.as_object_mut().unwrap();
    assert!(fields.remove("events").is_some() && fields.remove("tickets").is_some());
    let mut older = ProgressObject::new(Some(serde_json::from_value(stored).unwrap()));
    let (_, effects) = older.watch(&with_row(row(RunStatus::Processing, Some(Phase::Scraping))), Room::Free, at(9));
    assert_eq!(events(&older), [(2, 15, 9)]);
    assert_eq!(effects, [ProgressEffect::Store(older.record.clone().unwrap())]);
    assert_eq!(older.watch(&with_row(row(RunStatus::Processing, None)), Room::Free, at(10)).1, []);
}
