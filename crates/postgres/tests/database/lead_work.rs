//! What people do with leads, through the product's own statements: status, owner, tags, notes, and who did what.

use std::collections::BTreeSet;

use futures_util::future::{join, try_join_all};
use oslira_app::{
    features::{
        leads::{
            Lead, LeadFilter, LeadOutcome, LeadQuery, LeadRepository, LeadSort, LeadStatus, Mark, MarkOutcome, Note,
            NoteDeletion, NoteOutcome, NoteText, OutcomeRepository, OwnerFilter, SearchText, Tag, Tags, Work,
            WorkChanges, WorkOutcome, WorkRepository,
        },
        retention::{Remains, RemainsStore},
    },
    shared::{
        ids::{LeadId, NoteId, UserId},
        pagination::PageQuery,
    },
};
use oslira_testkit::{Error, Member, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::members::colleague;
use crate::support::{CROWD, Stage, acting, complete, counts, outcomes, sqlstate};

use LeadStatus::{Contacted, Lost, New, Qualified, Replied, Won};

async fn analysed(stage: &Stage, username: &str) -> Result<LeadId, Error> {
    let run = stage.begun_and(username, "saving").await?;
    Ok(complete(&stage.backend, run).await?["lead_id"].as_str().unwrap().parse().unwrap())
}

fn status(status: LeadStatus) -> WorkChanges {
    WorkChanges { status: Some(status), ..WorkChanges::default() }
}

fn owner(owner: Option<Uuid>) -> WorkChanges {
    WorkChanges { owner_id: Some(owner.map(UserId::new)), ..WorkChanges::default() }
}

fn tags(tags: &[&str]) -> WorkChanges {
    WorkChanges { tags: Tags::parse(tags.iter().copied()), ..WorkChanges::default() }
}

fn text(text: &str) -> NoteText {
    NoteText::parse(text).unwrap()
}

async fn set(stage: &Stage, lead: LeadId, changes: &WorkChanges) -> Work {
    match stage.tenant().set_work(acting(&stage.member), lead, changes).await.unwrap() {
        WorkOutcome::Done { work } => work,
        refused => panic!("{refused:?}"),
    }
}

async fn mark(stage: &Stage, lead: LeadId, outcome: Option<LeadOutcome>) {
    let marked = stage.tenant().mark(acting(&stage.member), lead, outcome).await.unwrap();
    assert!(matches!(marked, MarkOutcome::Marked { .. }), "{marked:?}");
}

async fn note(stage: &Stage, lead: LeadId, words: &str) -> Note {
    match stage.tenant().add_note(acting(&stage.member), lead, &text(words)).await.unwrap() {
        NoteOutcome::Done { note } => note,
        refused => panic!("{refused:?}"),
    }
}

async fn read(stage: &Stage, lead: LeadId) -> Lead<Mark> {
    stage.tenant().get(acting(&stage.member), lead, 0).await.unwrap().unwrap().0
}

/// What was done to a lead, oldest first, as `action from to`.
async fn told(stage: &Stage, lead: LeadId) -> Vec<(String, Value)> {
    let page = PageQuery { limit: 100, after: None };
    let actions = stage.tenant().actions(acting(&stage.member), lead, page).await.unwrap().unwrap().items;
    actions.into_iter().rev().map(|action| (action.action, action.details)).collect()
}

fn from_to(action: &str, from: impl serde::Serialize, to: impl serde::Serialize) -> (String, Value) {
    (action.to_owned(), json!({ "from": from, "to": to }))
}

#[tokio::test]
async fn work_is_set_as_far_as_it_is_named_and_a_repeat_writes_nothing() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let id = analysed(&stage, "nasa").await?;
    let fresh = read(&stage, id).await;
    assert_eq!((fresh.status, fresh.owner_id, fresh.tags.len()), (New, None, 0));
    let (bob, _) = colleague(&stage, "bob", "viewer").await?;

    assert_eq!(set(&stage, id, &status(Contacted)).await.status, Contacted);
    assert_eq!(set(&stage, id, &owner(Some(bob))).await.owner_id, Some(UserId::new(bob)));
    let work = set(&stage, id, &tags(&["VIP", "Berlin", "vip"])).await;
    let shown = (work.status, work.owner_id, work.tags.iter().map(Tag::as_str).collect::<Vec<_>>());
    assert_eq!(shown, (Contacted, Some(UserId::new(bob)), vec!["berlin", "vip"]));
    let lead = read(&stage, id).await;
    assert_eq!((lead.status, lead.owner_id, &lead.tags), (work.status, work.owner_id, &work.tags));
    assert_eq!(lead.updated_at, fresh.updated_at, "an analysis changes a lead, people do not");

    let written = told(&stage, id).await;
    for repeat in [status(Contacted), owner(Some(bob)), tags(&["vip", "berlin"]), WorkChanges::default()] {
        assert_eq!(set(&stage, id, &repeat).await, work);
    }
    assert_eq!(told(&stage, id).await, written);
    set(&stage, id, &tags(&["vip", "paris"])).await;
    set(&stage, id, &owner(None)).await;
    let expected = [
        from_to("status_changed", "new", "contacted"),
        from_to("owner_changed", Value::Null, bob),
        ("tags_changed".to_owned(), json!({ "added": ["berlin", "vip"], "removed": [] })),
        ("tags_changed".to_owned(), json!({ "added": ["paris"], "removed": ["berlin"] })),
        from_to("owner_changed", bob, Value::Null),
    ];
    assert_eq!(told(&stage, id).await, expected);
    let actors = "lead_actions where actor_id is distinct from (select user_id from account_members order by created_at limit 1)";
    assert_eq!(stage.count(actors).await?, 0);
    assert_eq!(sqlstate(stage.execute("update lead_actions set at = now()", &[]).await), "23001", "append-only");
    Ok(())
}

#[tokio::test]
async fn status_and_outcome_never_say_different_things() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let id = analysed(&stage, "nasa").await?;
    let seen = async || {
        let lead = read(&stage, id).await;
        (lead.status, lead.outcome.map(|mark| mark.outcome))
    };
    set(&stage, id, &status(Qualified)).await;
    // By the status.
    for (closed, outcome) in [(Won, LeadOutcome::Won), (Lost, LeadOutcome::Lost)] {
        set(&stage, id, &status(closed)).await;
        assert_eq!(seen().await, (closed, Some(outcome)));
    }
    set(&stage, id, &status(Replied)).await;
    assert_eq!(seen().await, (Replied, None));
    // By the outcome; what is taken back leaves the stage that there was.
    for (outcome, closed) in [(LeadOutcome::Won, Won), (LeadOutcome::Wrong, Lost)] {
        mark(&stage, id, Some(outcome)).await;
        assert_eq!(seen().await, (closed, Some(outcome)));
    }
    set(&stage, id, &status(Lost)).await;
    assert_eq!(seen().await, (Lost, Some(LeadOutcome::Wrong)), "it is lost already");
    mark(&stage, id, None).await;
    assert_eq!(seen().await, (Replied, None));
    assert_eq!(stage.count("lead_outcomes").await?, 6);
    let changes: Vec<_> = told(&stage, id).await.into_iter().filter(|(action, _)| action == "status_changed").collect();
    let expected = [
        ("new", "qualified"),
        ("qualified", "won"),
        ("won", "lost"),
        ("lost", "replied"),
        ("replied", "won"),
        ("won", "lost"),
        ("lost", "replied"),
    ];
    assert_eq!(changes, expected.map(|(from, to)| from_to("status_changed", from, to)));
    let contradicting = "leads l where l.outcome is distinct from
        (select o.outcome from lead_outcomes o where o.lead_id = l.id order by o.id desc limit 1)";
    assert_eq!(stage.count(contradicting).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_changes_nothing() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let id = analysed(&stage, "nasa").await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let eve = stage.database.member("eve", 0).await?;
    let key = "insert into account_members (user_id, account_id, role, scopes) values ($1, $2, 'key', '{read}')";
    let program = Uuid::new_v4();
    stage.execute(key, &[&program, &stage.member.account_id]).await?;
    for nobody in [eve.user_id, program, Uuid::new_v4()] {
        let changes = WorkChanges { status: Some(Won), ..owner(Some(nobody)) };
        assert_eq!(tenant.set_work(who, id, &changes).await.unwrap(), WorkOutcome::OwnerNotMember);
    }
    for stranger in [eve, Member { user_id: eve.user_id, ..stage.member }] {
        let stranger = acting(&stranger);
        assert_eq!(tenant.set_work(stranger, id, &status(Won)).await.unwrap(), WorkOutcome::NotFound);
        assert_eq!(tenant.add_note(stranger, id, &text("x")).await.unwrap(), NoteOutcome::NotFound);
        let page = || PageQuery { limit: 9, after: None };
        assert_eq!(tenant.notes(stranger, id, page()).await.unwrap().map(|page| page.items), None);
        assert_eq!(tenant.actions(stranger, id, page()).await.unwrap().map(|page| page.items), None);
    }
    let (vic, _) = colleague(&stage, "vic", "viewer").await?;
    let vic = acting(&Member { user_id: vic, ..stage.member });
    assert!(
        tenant.set_work(vic, id, &status(Won)).await.is_err() && tenant.add_note(vic, id, &text("x")).await.is_err()
    );
    let unknown = LeadId::new(Uuid::new_v4());
    assert_eq!(tenant.set_work(who, unknown, &status(Won)).await.unwrap(), WorkOutcome::NotFound);
    // The table itself takes no other tags.
    for wrong in ["{b,a}", "{a,a}", "{\"a,b\"}", "{\"\"}", "{null}", "{\" a\"}", "{1,2,3,4,5,6,7,8,9,91,92}"] {
        let tagged = format!("update leads set tags = '{wrong}'");
        assert_eq!(sqlstate(stage.execute(&tagged, &[]).await), "23514", "{wrong}");
    }
    assert_eq!(told(&stage, id).await, []);
    assert_eq!((read(&stage, id).await.status, stage.count("lead_outcomes").await?), (New, 0));
    Ok(())
}

#[tokio::test]
async fn a_day_has_ten_thousand_changes_and_a_thousand_outcomes() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let id = analysed(&stage, "nasa").await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    set(&stage, id, &status(Contacted)).await;
    mark(&stage, id, Some(LeadOutcome::Won)).await;
    // Dated a day ahead, so that midnight does not end the limit in mid test.
    let marks = "insert into lead_outcomes (account_id, lead_id, analysis_id, score, outcome, marked_by, marked_at)
        select l.account_id, l.id, l.latest_analysis_id, 1, 'won', $1, now() + interval '1 day' from leads l, generate_series(1, 1000)";
    stage.execute(marks, &[&stage.member.user_id]).await?;
    let reopened = tenant.set_work(who, id, &status(Replied)).await.unwrap();
    assert!(matches!(reopened, WorkOutcome::OutcomeLimit { daily_max: 1000, .. }), "{reopened:?}");
    let stage_of = "leads where status = 'won' and stage = 'contacted'";
    assert_eq!(stage.count(stage_of).await?, 1, "a refusal changes nothing");
    set(&stage, id, &tags(&["vip"])).await;

    let written = note(&stage, id, "before").await;
    let actions = "insert into lead_actions (account_id, lead_id, action, details, at)
        select l.account_id, l.id, 'note_changed', '{}', now() + interval '1 day' from leads l, generate_series(1, 10000)";
    stage.execute(actions, &[]).await?;
    let refused = tenant.set_work(who, id, &tags(&[])).await.unwrap();
    assert!(matches!(refused, WorkOutcome::Limit { daily_max: 10_000, .. }), "{refused:?}");
    let refused = tenant.add_note(who, id, &text("one more")).await.unwrap();
    assert!(matches!(refused, NoteOutcome::Limit { .. }), "{refused:?}");
    let refused = tenant.change_note(who, id, written.id, &text("after"), None).await.unwrap();
    assert!(matches!(refused, NoteOutcome::Limit { .. }), "{refused:?}");
    // What takes nothing more to write down, and what takes something away, goes on.
    set(&stage, id, &tags(&["vip"])).await;
    assert!(matches!(tenant.delete_note(who, id, written.id).await.unwrap(), NoteDeletion::Deleted { .. }));
    Ok(())
}

#[tokio::test]
async fn a_note_is_its_authors_and_nobody_overwrites_what_they_have_not_read() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let id = analysed(&stage, "nasa").await?;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    let (cem, _) = colleague(&stage, "cem", "member").await?;
    let (bob, cem) = (Member { user_id: bob, ..stage.member }, Member { user_id: cem, ..stage.member });
    let (tenant, owner) = (stage.tenant(), acting(&stage.member));
    let (bob_id, bob, cem) = (bob.user_id, acting(&bob), acting(&cem));
    let NoteOutcome::Done { note } = tenant.add_note(bob, id, &text("Likes cake.\n\n料理")).await.unwrap() else {
        panic!("no note")
    };
    assert_eq!((note.version, note.author_id, note.text.as_str()), (1, UserId::new(bob_id), "Likes cake.\n\n料理"));

    assert_eq!(tenant.change_note(cem, id, note.id, &text("x"), None).await.unwrap(), NoteOutcome::NotAuthor);
    assert_eq!(tenant.delete_note(cem, id, note.id).await.unwrap(), NoteDeletion::NotAuthor);
    // Of two who have read the same version, one is told.
    let (one, two) = (text("Likes tea."), text("Likes coffee."));
    let (mine, theirs) = join(
        tenant.change_note(bob, id, note.id, &one, Some(1)),
        tenant.change_note(owner, id, note.id, &two, Some(1)),
    )
    .await;
    let answers = [mine.unwrap(), theirs.unwrap()];
    let refused = NoteOutcome::OtherVersion { version: 2 };
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 1, "{answers:?}");
    let Some(NoteOutcome::Done { note: changed }) = answers.into_iter().find(|answer| *answer != refused) else {
        panic!("nobody changed it")
    };
    // A repeat changes nothing, whatever version it names.
    let again = tenant.change_note(owner, id, note.id, &text(&changed.text), Some(1)).await.unwrap();
    assert_eq!(again, NoteOutcome::Done { note: changed.clone() });

    let deleted = tenant.delete_note(owner, id, note.id).await.unwrap();
    assert!(matches!(deleted, NoteDeletion::Deleted { .. }));
    assert_eq!(tenant.delete_note(owner, id, note.id).await.unwrap(), deleted, "a repeat gives the first answer");
    assert_eq!(tenant.change_note(bob, id, note.id, &one, None).await.unwrap(), NoteOutcome::NoteNotFound);
    let unknown = NoteId::new(Uuid::new_v4());
    assert_eq!(tenant.delete_note(owner, id, unknown).await.unwrap(), NoteDeletion::NoteNotFound);

    let told = told(&stage, id).await;
    let actions: Vec<&str> = told.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["note_added", "note_changed", "note_deleted"]);
    assert!(!json!(told).to_string().contains("Likes"), "the text is not written down");
    Ok(())
}

#[tokio::test]
async fn a_lead_has_a_hundred_notes_and_shows_them_newest_first() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let id = analysed(&stage, "nasa").await?;
    let fill = "insert into lead_notes (account_id, lead_id, text, author_id)
        select l.account_id, l.id, 'note ' || n, $1 from leads l, generate_series(1, 90) n";
    stage.execute(fill, &[&stage.member.user_id]).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let add = "select api.add_lead_note($1, $2, 'of the crowd')";
    let answers = try_join_all(
        crowd.iter().map(async |session| session.call(add, &[&stage.member.account_id, &id.uuid()]).await),
    );
    assert_eq!(outcomes(&answers.await?), counts([("ok", 10), ("note_limit", CROWD - 10)]));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = PageQuery { limit: 40, after };
        let page = stage.tenant().notes(acting(&stage.member), id, page).await.unwrap().unwrap();
        seen.extend(page.items.into_iter().map(|note| note.number));
        match page.next_cursor {
            Some(next) => after = oslira_app::shared::pagination::Cursor::decode(&next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 100);
    assert!(seen.is_sorted_by(|before, next| before > next), "{seen:?}");
    Ok(())
}

async fn names(stage: &Stage, who: &Member, filter: LeadFilter) -> Vec<String> {
    let query = LeadQuery { filter, sort: LeadSort::Score };
    let page = PageQuery { limit: 100, after: None };
    let page = stage.tenant().list(acting(who), &query, page).await.unwrap();
    let mut names: Vec<String> = page.items.into_iter().map(|lead| lead.username).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn leads_are_found_by_status_tags_and_owner_with_a_text_and_without() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    let bobs = Member { user_id: bob, ..stage.member };
    let me = stage.member.user_id;
    for (name, changes) in [
        ("anna", WorkChanges { status: Some(Contacted), ..owner(Some(me)) }),
        (
            "bert",
            WorkChanges { status: Some(Won), owner_id: Some(Some(UserId::new(bob))), ..tags(&["vip", "b\"e\\r{lin"]) },
        ),
        ("cleo", tags(&["vip"])),
        ("dora", status(Lost)),
    ] {
        let id = analysed(&stage, name).await?;
        set(&stage, id, &changes).await;
    }
    let none = LeadFilter::default;
    let of = |statuses: &[LeadStatus]| LeadFilter { statuses: BTreeSet::from_iter(statuses.iter().copied()), ..none() };
    let with = |texts: &[&str]| LeadFilter { tags: Tags::parse(texts.iter().copied()).unwrap(), ..none() };
    let by = |owner| LeadFilter { owner: Some(owner), ..none() };
    let cases: Vec<(LeadFilter, &[&str])> = vec![
        (of(&[Contacted]), &["anna"]),
        (of(&[Won, Lost, New]), &["bert", "cleo", "dora"]),
        (of(&[Replied]), &[]),
        (with(&["vip"]), &["bert", "cleo"]),
        (with(&["VIP", "b\"e\\r{lin"]), &["bert"]),
        (with(&["paris"]), &[]),
        (by(OwnerFilter::Me), &["anna"]),
        (by(OwnerFilter::Person(UserId::new(bob))), &["bert"]),
        (by(OwnerFilter::Nobody), &["cleo", "dora"]),
        (by(OwnerFilter::Person(UserId::new(Uuid::new_v4()))), &[]),
        (LeadFilter { owner: Some(OwnerFilter::Nobody), ..with(&["vip"]) }, &["cleo"]),
    ];
    for (filter, expected) in &cases {
        assert_eq!(names(&stage, &stage.member, filter.clone()).await, *expected, "{filter:?}");
        // All are called NASA; the search is another way to the same leads.
        for text in ["nasa", "na"] {
            let searched = LeadFilter { text: SearchText::parse(text), ..filter.clone() };
            assert_eq!(names(&stage, &stage.member, searched.clone()).await, *expected, "{searched:?}");
        }
        let query = LeadQuery { filter: filter.clone(), sort: LeadSort::Newest };
        let more = stage.tenant().are_more_than(acting(&stage.member), &query, 1).await.unwrap();
        assert_eq!(more, expected.len() > 1, "{filter:?}");
    }
    assert_eq!(names(&stage, &bobs, by(OwnerFilter::Me)).await, ["bert"], "me is whoever asks");
    Ok(())
}

#[tokio::test]
async fn whoever_leaves_owns_nothing_any_more_and_does_not_get_it_back() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let account = stage.member.account_id;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    let (cem, _) = colleague(&stage, "cem", "member").await?;
    let (removed, deleted) = (analysed(&stage, "nasa").await?, analysed(&stage, "esa").await?);
    set(&stage, removed, &owner(Some(bob))).await;
    set(&stage, deleted, &owner(Some(cem))).await;
    let unowned = LeadFilter { owner: Some(OwnerFilter::Nobody), ..LeadFilter::default() };
    assert_eq!(names(&stage, &stage.member, unowned.clone()).await, [""; 0]);

    stage.customer.call("select api.remove_member($1, $2)", &[&account, &bob]).await?;
    stage.execute("delete from auth.users where id = $1", &[&cem]).await?;
    assert_eq!(names(&stage, &stage.member, unowned.clone()).await, ["esa", "nasa"]);
    assert_eq!(stage.count("leads where owner_id is not null").await?, 0);
    let left = |who: Uuid| from_to("owner_left", who, Value::Null);
    assert_eq!(told(&stage, removed).await.last(), Some(&left(bob)));
    assert_eq!(told(&stage, deleted).await.last(), Some(&left(cem)));
    let join = "insert into account_members (user_id, account_id) values ($1, $2)";
    stage.execute(join, &[&bob, &account]).await?;
    assert_eq!(read(&stage, removed).await.owner_id, None);
    Ok(())
}

#[tokio::test]
async fn what_an_owner_leaves_behind_is_nobodys_at_once_and_forgotten_by_the_daily_job() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let account = stage.member.account_id;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    let leads = "insert into leads (account_id, business_profile_id, username, score, scraped_at, owner_id)
        select $1, $2, 'user_' || n, 50, now(), $3 from generate_series(1, 520) n";
    stage.execute(leads, &[&account, &stage.member.business_profile_id, &bob]).await?;
    // Somebody holds one of them: nobody waits for that.
    stage.superuser.batch_execute("begin; select from leads where username = 'user_1' for update").await?;
    stage.customer.call("select api.remove_member($1, $2)", &[&account, &bob]).await?;
    stage.superuser.batch_execute("rollback").await?;
    assert_eq!(stage.count("leads where owner_id is not null").await?, 20);
    let of_bob = LeadFilter { owner: Some(OwnerFilter::Person(UserId::new(bob))), ..LeadFilter::default() };
    assert_eq!(names(&stage, &stage.member, of_bob).await, [""; 0]);
    let query = LeadQuery {
        filter: LeadFilter { owner: Some(OwnerFilter::Nobody), ..LeadFilter::default() },
        sort: LeadSort::Newest,
    };
    assert!(stage.tenant().are_more_than(acting(&stage.member), &query, 519).await.unwrap());

    let batch = async || stage.admin().remove(Remains::LeftOwners, jiff::Timestamp::now(), 15).await.unwrap();
    assert_eq!((batch().await, batch().await, batch().await), (15, 5, 0));
    assert_eq!(stage.count("lead_actions where action = 'owner_left'").await?, 520);
    Ok(())
}

#[tokio::test]
async fn nobody_becomes_an_owner_while_they_leave() -> TestResult {
    for round in 0..8 {
        let stage = Stage::with_credits(5).await?;
        let id = analysed(&stage, "nasa").await?;
        let (bob, _) = colleague(&stage, &format!("bob {round}"), "member").await?;
        let changes = owner(Some(bob));
        let tenant = stage.tenant();
        let (owned, left) = join(
            tenant.set_work(acting(&stage.member), id, &changes),
            stage.execute("delete from auth.users where id = $1", &[&bob]),
        )
        .await;
        left?;
        let owned = owned.unwrap();
        assert!(matches!(owned, WorkOutcome::Done { .. } | WorkOutcome::OwnerNotMember), "{owned:?}");
        assert_eq!(stage.count("leads where owner_id is not null").await?, 0, "{owned:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_written_about_a_lead_goes_with_it() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, kept) = (analysed(&stage, "nasa").await?, analysed(&stage, "esa").await?);
    for lead in [id, kept] {
        set(&stage, lead, &tags(&["vip"])).await;
        note(&stage, lead, "Likes cake.").await;
    }
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    tenant.delete(who, id).await.unwrap();
    assert_eq!((stage.count("lead_notes").await?, stage.count("lead_actions").await?), (1, 2), "those of the other");
    assert_eq!(tenant.set_work(who, id, &status(Won)).await.unwrap(), WorkOutcome::NotFound);
    let again = analysed(&stage, "nasa").await?;
    let lead = read(&stage, again).await;
    assert_eq!((lead.status, lead.tags.len(), told(&stage, again).await.len()), (New, 0, 0), "a new lead begins anew");
    Ok(())
}
