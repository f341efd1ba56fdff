use uuid::Uuid;

use super::*;
use crate::{
    features::analysis::{Phase, ProgressUpdate, RunStatus},
    shared::ids::AccountId,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn create() -> ProgressCommand {
    ProgressCommand::Create { run_id: RunId::new(Uuid::from_u128(1)), account_id: AccountId::new(Uuid::from_u128(2)) }
}

fn reached(phase: Phase) -> ProgressCommand {
    ProgressCommand::Tell(ProgressUpdate::Reached(phase))
}

fn ended() -> ProgressCommand {
    ProgressCommand::Tell(ProgressUpdate::Ended { status: RunStatus::Complete, message: String::new() })
}

fn created() -> ProgressObject {
    let mut object = ProgressObject::new(None);
    assert_eq!(object.apply(create(), at(0)).len(), 2);
    object
}

fn row(status: RunStatus, phase: Option<Phase>) -> RunState {
    RunState { account_id: AccountId::new(Uuid::from_u128(2)), status, phase, error_message: None }
}

fn question(user: u128, proof: Option<RunState>) -> ProgressQuestion {
    ProgressQuestion { user: UserId::new(Uuid::from_u128(user)), proof }
}

fn stored(object: &ProgressObject) -> ProgressEffect {
    ProgressEffect::Store(object.record.clone().unwrap())
}

#[test]
fn a_run_that_was_never_created_stores_nothing() {
    let mut object = ProgressObject::new(None);
    let mut proofs = ProgressProofs::default();
    let proof = Some(row(RunStatus::Processing, None));
    assert_eq!(object.apply(reached(Phase::Scraping), at(0)), []);
    assert_eq!(object.look(&question(1, proof), &mut proofs, at(0)), (ProgressLookup::Unknown, vec![]));
    assert_eq!(object.alarm(at(0)), ProgressAlarm::Do(vec![]));
    assert_eq!(object, ProgressObject::new(None));
}

#[test]
fn a_run_is_created_once_and_then_reconciled_every_30_seconds() {
    let mut object = ProgressObject::new(None);
    let effects = object.apply(create(), at(0));
    assert_eq!(effects, [ProgressEffect::SetAlarm(Duration::from_secs(30)), stored(&object)]);
    let _ = object.apply(reached(Phase::Analyzing), at(1));
    let before = object.clone();
    assert_eq!(object.apply(create(), at(2)), [], "a repeated creation starts over");
    assert_eq!(object, before);
    assert_eq!(object.alarm(at(30)), ProgressAlarm::ReadRow(RunId::new(Uuid::from_u128(1))));
}

#[test]
fn news_is_stored_and_old_news_is_not() {
    let mut object = created();
    assert_eq!(object.apply(reached(Phase::Analyzing), at(1)), [stored(&object)]);
    assert_eq!(object.apply(reached(Phase::Scraping), at(2)), []);
}

#[test]
fn a_proof_shows_the_progress_to_its_user_for_60_seconds() {
    let (mut object, mut proofs) = (created(), ProgressProofs::default());
    let mut look = |question, second| object.look(&question, &mut proofs, at(second)).0;
    let proof = Some(row(RunStatus::Pending, None));
    assert_eq!(look(question(1, None), 0), ProgressLookup::ProofNeeded);
    assert!(matches!(look(question(1, proof), 0), ProgressLookup::Seen(_)));
    assert!(matches!(look(question(1, None), 59), ProgressLookup::Seen(_)));
    assert_eq!(look(question(2, None), 59), ProgressLookup::ProofNeeded, "one user's proof serves another");
    assert_eq!(look(question(1, None), 60), ProgressLookup::ProofNeeded);
}

#[test]
fn a_row_of_another_account_is_no_proof_and_changes_nothing() {
    let (mut object, mut proofs) = (created(), ProgressProofs::default());
    let before = object.clone();
    let foreign = RunState { account_id: AccountId::new(Uuid::from_u128(3)), ..row(RunStatus::Failed, None) };
    let answer = object.look(&question(1, Some(foreign)), &mut proofs, at(0));
    assert_eq!(answer, (ProgressLookup::Unknown, vec![]));
    assert_eq!(object, before);
    assert_eq!(object.look(&question(1, None), &mut proofs, at(0)).0, ProgressLookup::ProofNeeded);
}

#[test]
fn a_proof_heals_what_was_not_told() {
    let (mut object, mut proofs) = (created(), ProgressProofs::default());
    let (seen, effects) = object.look(&question(1, Some(row(RunStatus::Complete, None))), &mut proofs, at(5));
    assert!(matches!(seen, ProgressLookup::Seen(view) if view.status == RunStatus::Complete));
    assert_eq!(effects, [ProgressEffect::SetAlarm(HOUR), stored(&object)]);
}

#[test]
fn an_alarm_compares_with_the_row_and_sets_the_next() {
    let mut object = created();
    let unchanged = object.reconcile(Some(&row(RunStatus::Pending, None)), at(30));
    assert_eq!(unchanged, [ProgressEffect::SetAlarm(RECONCILE_EVERY)]);
    let moved = object.reconcile(Some(&row(RunStatus::Processing, Some(Phase::Scraping))), at(60));
    assert_eq!(moved, [ProgressEffect::SetAlarm(RECONCILE_EVERY), stored(&object)]);
    let over = object.reconcile(Some(&row(RunStatus::Failed, None)), at(90));
    assert_eq!(over.last_chunk(), Some(&[ProgressEffect::SetAlarm(HOUR), stored(&object)]), "the last alarm counts");
    assert_eq!(object.record.unwrap().ended_at, Some(at(90)));
}

#[test]
fn a_run_without_a_row_is_deleted() {
    assert_eq!(created().reconcile(None, at(30)), [ProgressEffect::Delete]);
}

#[test]
fn an_end_that_came_while_the_row_was_read_is_left_alone() {
    let mut object = created();
    let _ = object.apply(ended(), at(29));
    let before = object.clone();
    assert_eq!(object.reconcile(Some(&row(RunStatus::Processing, Some(Phase::Saving))), at(30)), []);
    assert_eq!(object, before);
}

#[test]
fn everything_is_deleted_an_hour_after_the_end_and_not_before() {
    let mut object = created();
    assert_eq!(object.apply(ended(), at(100)), [ProgressEffect::SetAlarm(HOUR), stored(&object)]);
    assert_eq!(object.apply(ended(), at(200)), [], "a repeated end keeps it longer");
    let alarm = |second| object.alarm(at(second));
    assert_eq!(alarm(110), ProgressAlarm::Do(vec![ProgressEffect::SetAlarm(Duration::from_secs(3_590))]));
    assert_eq!(alarm(3_699), ProgressAlarm::Do(vec![ProgressEffect::SetAlarm(Duration::from_secs(1))]));
    assert_eq!(alarm(3_700), ProgressAlarm::Do(vec![ProgressEffect::Delete]));
    // A clock that was set back: the end can still be seen for an hour.
    assert_eq!(alarm(50), ProgressAlarm::Do(vec![ProgressEffect::SetAlarm(HOUR)]));
}

#[test]
fn the_stored_form_stays_readable() {
    let record = created().record.unwrap();
    let stored = serde_json::to_value(&record).unwrap();
    assert_eq!(stored.get("ended_at"), Some(&serde_json::Value::Null));
    assert_eq!(stored["progress"]["view"]["seq"], 1);
    assert_eq!(serde_json::from_value::<ProgressRecord>(stored).unwrap(), record);
}
