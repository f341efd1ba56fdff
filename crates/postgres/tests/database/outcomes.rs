//! How leads turned out, through the product's own statements: marks, repeats, what is judged, the limit of a day,
//! tenancy, deletion, races, and the export.

use std::time::Duration;

use futures_util::future::{join, try_join_all};
use oslira_app::{
    features::leads::{
        JudgedOutcome, LeadFilter, LeadOutcome, LeadQuery, LeadRepository, LeadSort, Mark, MarkOutcome, NewestMark,
        OutcomeRepository,
    },
    shared::{
        ids::{BusinessProfileId, LeadId},
        pagination::{Cursor, PageQuery},
    },
};
use oslira_testkit::{Error, Member, Session, TestResult};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{
    CROWD, Request, Stage, acting, advance, begun, complete_with, counts, lead, outcome, outcomes, result, sqlstate,
};

use LeadOutcome::{Lost, Won, Wrong};

const SCRAPED_AT: &str = "2026-01-01T00:00:00Z";
const MARK: &str = "select api.mark_lead_outcome($1, $2, $3)";

/// Analyses a profile to the end and returns its lead and the analysis.
async fn analysed(stage: &Stage, username: &str, result: &Value) -> Result<(LeadId, Uuid), Error> {
    analysed_at(stage, username, SCRAPED_AT, result).await
}

async fn analysed_at(stage: &Stage, username: &str, scraped_at: &str, result: &Value) -> Result<(LeadId, Uuid), Error> {
    analysed_for(stage, &stage.customer, &stage.request(username), scraped_at, result).await
}

async fn analysed_for(
    stage: &Stage,
    customer: &Session,
    request: &Request,
    scraped_at: &str,
    result: &Value,
) -> Result<(LeadId, Uuid), Error> {
    let run = begun(customer, request).await?;
    advance(&stage.backend, run, "saving").await?;
    let done = complete_with(&stage.backend, run, &lead(scraped_at, 1000), result).await?;
    assert_eq!(outcome(&done), "completed");
    let id = |field: &str| done[field].as_str().unwrap().to_owned();
    Ok((id("lead_id").parse().unwrap(), id("analysis_id").parse().unwrap()))
}

async fn marked_by(stage: &Stage, member: &Member, lead: LeadId, outcome: Option<LeadOutcome>) -> MarkOutcome {
    stage.tenant().mark(acting(member), lead, outcome).await.unwrap()
}

/// Marks as the stage's member, which must succeed.
async fn marked(stage: &Stage, lead: LeadId, outcome: Option<LeadOutcome>) -> NewestMark {
    match marked_by(stage, &stage.member, lead, outcome).await {
        MarkOutcome::Marked { mark } => mark,
        refused => panic!("{refused:?}"),
    }
}

/// What the list and the lead itself say.
async fn shown(stage: &Stage, lead: LeadId) -> (Option<LeadOutcome>, Option<Mark>) {
    let query = LeadQuery { filter: LeadFilter::default(), sort: LeadSort::Newest };
    let page = stage.tenant().list(acting(&stage.member), &query, PageQuery { limit: 100, after: None }).await.unwrap();
    let listed = page.items.into_iter().find(|listed| listed.id == lead).unwrap();
    let (read, _) = stage.tenant().get(acting(&stage.member), lead, 0).await.unwrap().unwrap();
    (listed.outcome, read.outcome)
}

async fn exported_by(stage: &Stage, member: &Member, business: Option<BusinessProfileId>) -> Vec<JudgedOutcome> {
    let page = PageQuery { limit: 100, after: None };
    stage.tenant().outcomes(acting(member), business, page).await.unwrap().items
}

/// The outcomes that the stage's member exports, newest first.
async fn exported(stage: &Stage) -> Vec<LeadOutcome> {
    exported_by(stage, &stage.member, None).await.into_iter().map(|line| line.outcome).collect()
}

#[tokio::test]
async fn a_mark_is_kept_replaced_and_taken_back_and_every_one_stays_written() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, analysis) = analysed(&stage, "nasa", &result(70)).await?;
    assert_eq!(shown(&stage, id).await, (None, None));
    for outcome in [Won, Lost, Wrong] {
        let mark = marked(&stage, id, Some(outcome)).await;
        let told = (mark.lead_id, mark.outcome, mark.analysis_id.map(|id| id.uuid()), mark.score);
        assert_eq!(told, (id, Some(outcome), Some(analysis), Some(70)));
        let (word, whole) = shown(&stage, id).await;
        assert_eq!(word, Some(outcome));
        let whole = whole.unwrap();
        assert_eq!((whole.outcome, Some(whole.marked_at)), (outcome, mark.marked_at));
        assert_eq!((Some(whole.analysis_id), Some(whole.score)), (mark.analysis_id, mark.score));
    }
    let back = marked(&stage, id, None).await;
    assert_eq!((back.outcome, back.analysis_id.map(|id| id.uuid()), back.score), (None, Some(analysis), Some(70)));
    assert_eq!(shown(&stage, id).await, (None, None));
    assert_eq!(exported(&stage).await, []);
    let said = "lead_outcomes where marked_by = (select user_id from account_members limit 1)";
    assert_eq!((stage.count("lead_outcomes").await?, stage.count(said).await?), (4, 4));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_repeat_gives_the_first_answer_and_writes_nothing() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    let nothing = NewestMark { lead_id: id, outcome: None, analysis_id: None, score: None, marked_at: None };
    assert_eq!(marked(&stage, id, None).await, nothing, "nothing was said that could be taken back");
    assert_eq!(stage.count("lead_outcomes").await?, 0);
    for (written, outcome) in [Some(Won), None, Some(Won), Some(Lost)].into_iter().enumerate() {
        let first = marked(&stage, id, outcome).await;
        assert_eq!(marked(&stage, id, outcome).await, first);
        assert_eq!(stage.count("lead_outcomes").await?, i64::try_from(written).unwrap() + 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_mark_judges_the_analysis_that_was_the_latest_then() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, first) = analysed(&stage, "nasa", &result(70)).await?;
    marked(&stage, id, Some(Won)).await;
    let (_, second) = analysed_at(&stage, "nasa", "2026-01-02T00:00:00Z", &result(30)).await?;
    let judged = async || shown(&stage, id).await.1.map(|mark| (mark.analysis_id.uuid(), mark.score));
    assert_eq!(judged().await, Some((first, 70)));
    let repeat = marked(&stage, id, Some(Won)).await;
    assert_eq!((repeat.analysis_id.map(|id| id.uuid()), repeat.score), (Some(first), Some(70)), "the same mark");
    marked(&stage, id, Some(Lost)).await;
    assert_eq!(judged().await, Some((second, 30)));
    // An analysis of an older scrape ends last: it is newer, but not what the lead shows.
    analysed_at(&stage, "nasa", "2025-12-01T00:00:00Z", &result(99)).await?;
    marked(&stage, id, Some(Wrong)).await;
    assert_eq!(judged().await, Some((second, 30)));
    Ok(())
}

#[tokio::test]
async fn another_accounts_member_can_neither_mark_nor_read_nor_export() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    marked(&stage, id, Some(Won)).await;
    let eve = stage.database.member("eve", 0).await?;
    // As herself, and naming the other's account, as if the application had failed to check that.
    let disguised = Member { user_id: eve.user_id, ..stage.member };
    let business = Some(BusinessProfileId::new(stage.member.business_profile_id));
    for who in [eve, disguised] {
        for outcome in [Some(Lost), Some(Won), None] {
            assert_eq!(marked_by(&stage, &who, id, outcome).await, MarkOutcome::NotFound);
        }
        assert_eq!(exported_by(&stage, &who, None).await, []);
        assert_eq!(exported_by(&stage, &who, business).await, []);
        assert!(!stage.tenant().are_more_outcomes_than(acting(&who), None, 0).await.unwrap());
    }
    let session = stage.database.customer(eve.user_id).await?;
    assert_eq!(session.rows("select from lead_outcomes", &[]).await?.len(), 0);
    assert_eq!(stage.customer.rows("select from lead_outcomes", &[]).await?.len(), 1);

    // A member of both marks and exports of each account only what belongs to it.
    let join = "insert into account_members (user_id, account_id) values ($1, $2)";
    stage.execute(join, &[&eve.user_id, &stage.member.account_id]).await?;
    assert_eq!(marked_by(&stage, &eve, id, Some(Lost)).await, MarkOutcome::NotFound);
    assert_eq!(exported_by(&stage, &eve, None).await, []);
    assert_eq!(exported_by(&stage, &disguised, None).await.len(), 1);
    assert_eq!(stage.count("lead_outcomes").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_stranger_does_not_even_wait_for_the_locks_of_an_account() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    let eve = stage.database.member("eve", 0).await?;
    let disguised = Member { user_id: eve.user_id, ..stage.member };
    stage
        .superuser
        .batch_execute("begin; select from credit_balances for update; select from leads for update")
        .await?;
    assert_eq!(marked_by(&stage, &disguised, id, Some(Won)).await, MarkOutcome::NotFound);
    stage.superuser.batch_execute("rollback").await?;
    Ok(())
}

#[tokio::test]
async fn a_closed_account_and_a_lead_that_never_was_have_no_marks() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    let unknown = LeadId::new(Uuid::new_v4());
    assert_eq!(marked_by(&stage, &stage.member, unknown, Some(Won)).await, MarkOutcome::NotFound);
    marked(&stage, id, Some(Won)).await;
    stage.execute("update accounts set deleted_at = now() where id = $1", &[&stage.member.account_id]).await?;
    assert_eq!(marked_by(&stage, &stage.member, id, Some(Lost)).await, MarkOutcome::NotFound);
    assert_eq!(exported(&stage).await, []);
    assert_eq!(stage.customer.rows("select from lead_outcomes", &[]).await?.len(), 0);
    assert_eq!(stage.count("lead_outcomes").await?, 1, "an account can be opened again");
    Ok(())
}

#[tokio::test]
async fn the_marks_of_a_lead_go_with_it() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (gone, _) = analysed(&stage, "nasa", &result(70)).await?;
    let (kept, _) = analysed(&stage, "esa", &result(60)).await?;
    for outcome in [Won, Lost] {
        marked(&stage, gone, Some(outcome)).await;
    }
    marked(&stage, kept, Some(Wrong)).await;
    assert_eq!(exported(&stage).await, [Wrong, Lost]);
    stage.tenant().delete(acting(&stage.member), gone).await.unwrap().unwrap();
    assert_eq!(exported(&stage).await, [Wrong]);
    assert_eq!(stage.count("lead_outcomes").await?, 1, "they are deleted, not hidden");
    for outcome in [Some(Won), Some(Lost), None] {
        assert_eq!(marked_by(&stage, &stage.member, gone, outcome).await, MarkOutcome::NotFound);
    }
    let (again, _) = analysed(&stage, "nasa", &result(50)).await?;
    assert_eq!(shown(&stage, again).await, (None, None), "the new lead begins anew");
    // Whatever will once delete rows for good takes marks along.
    stage.execute("delete from analyses where lead_id = $1", &[&kept.uuid()]).await?;
    assert_eq!(stage.count("lead_outcomes").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_mark_that_waits_for_a_deletion_finds_no_lead() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    marked(&stage, id, Some(Won)).await;
    stage.customer.open().await?;
    let delete = "select api.delete_lead($1, $2)";
    stage.customer.client().query(delete, &[&stage.member.account_id, &id.uuid()]).await?;
    let committed = async {
        let waiting =
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        while stage.superuser.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 1 {
            tokio::task::yield_now().await;
        }
        stage.customer.client().batch_execute("commit").await.unwrap();
    };
    // It must wait: else nobody is seen waiting, and this ends by its time.
    let both = join(marked_by(&stage, &stage.member, id, Some(Lost)), committed);
    let (marked, ()) = timeout(Duration::from_secs(10), both).await.unwrap();
    assert_eq!(marked, MarkOutcome::NotFound);
    assert_eq!(stage.count("lead_outcomes").await?, 0);
    Ok(())
}

#[tokio::test]
async fn of_32_equal_marks_one_is_written_and_all_hear_of_it() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    let _turn = stage.database.crowd_turn().await?;
    let (crowd, lead) = (stage.crowd().await?, id.uuid());
    let account = stage.member.account_id;
    let marks = crowd.iter().map(|session| async move { session.call(MARK, &[&account, &lead, &Some("won")]).await });
    let answers = try_join_all(marks).await?;
    assert_eq!(outcomes(&answers), counts([("marked", CROWD)]));
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
    assert_eq!(stage.count("lead_outcomes").await?, 1);
    Ok(())
}

#[tokio::test]
async fn of_two_marks_at_once_the_later_one_counts() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    for _ in 0..10 {
        let (won, lost) = join(marked(&stage, id, Some(Won)), marked(&stage, id, Some(Lost))).await;
        let newest = if won.marked_at > lost.marked_at { Won } else { Lost };
        let (word, whole) = shown(&stage, id).await;
        assert_eq!((word, whole.map(|mark| mark.outcome)), (Some(newest), Some(newest)));
        assert_eq!(exported(&stage).await, [newest]);
        marked(&stage, id, None).await;
    }
    assert_eq!(stage.count("lead_outcomes").await?, 30);
    Ok(())
}

/// Writes marks of a lead straight into the table, `won` and `lost` in turn.
async fn said_before(stage: &Stage, lead: LeadId, analysis: Uuid, count: i32, at: &str) -> Result<(), Error> {
    let insert = format!(
        "insert into lead_outcomes (account_id, lead_id, analysis_id, score, outcome, marked_by, marked_at)
         select $1, $2, $3, 70, case n % 2 when 0 then 'won' else 'lost' end, $4, {at} from generate_series(1, $5) n"
    );
    let member = &stage.member;
    stage.execute(&insert, &[&member.account_id, &lead.uuid(), &analysis, &member.user_id, &count]).await?;
    Ok(())
}

#[tokio::test]
async fn an_account_says_at_most_a_thousand_times_a_day_how_leads_turned_out() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let other = stage.database.member("bob", 9).await?;
    let (id, analysis) = analysed(&stage, "nasa", &result(70)).await?;
    let bobs = stage.database.customer(other.user_id).await?;
    let (bobs_lead, _) = analysed_for(&stage, &bobs, &Request::new(&other, "nasa"), SCRAPED_AT, &result(70)).await?;
    // What was said yesterday does not count.
    said_before(&stage, id, analysis, 1_500, "date_trunc('day', now(), 'UTC') - interval '1 microsecond'").await?;
    said_before(&stage, id, analysis, 999, "date_trunc('day', now(), 'UTC')").await?;
    marked(&stage, id, Some(Wrong)).await;
    for outcome in [Some(Won), None] {
        let refused = marked_by(&stage, &stage.member, id, outcome).await;
        assert!(
            matches!(refused, MarkOutcome::Limit { daily_max: 1_000, retry_after_s: 1..=86_400 }),
            "{outcome:?}: {refused:?}"
        );
    }
    assert_eq!(marked(&stage, id, Some(Wrong)).await.outcome, Some(Wrong), "a repeat costs nothing");
    assert_eq!(stage.count("lead_outcomes").await?, 2_500);
    let theirs = marked_by(&stage, &other, bobs_lead, Some(Won)).await;
    assert!(matches!(theirs, MarkOutcome::Marked { .. }), "every account has its own limit: {theirs:?}");
    Ok(())
}

#[tokio::test]
async fn of_32_marks_at_once_no_more_are_written_than_the_day_allows() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let (id, analysis) = analysed(&stage, "nasa", &result(70)).await?;
    let mut leads = Vec::new();
    for number in 0..CROWD {
        leads.push(analysed(&stage, &format!("profile_{number}"), &result(60)).await?.0.uuid());
    }
    said_before(&stage, id, analysis, 983, "now()").await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let account = stage.member.account_id;
    let marks = crowd
        .iter()
        .zip(&leads)
        .map(|(session, lead)| async move { session.call(MARK, &[&account, lead, &Some("won")]).await });
    assert_eq!(outcomes(&try_join_all(marks).await?), counts([("marked", 17), ("limit", CROWD - 17)]));
    assert_eq!(stage.count("lead_outcomes").await?, 1_000);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_database_takes_no_other_word_and_changes_no_mark() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &result(70)).await?;
    let (account, lead) = (stage.member.account_id, id.uuid());
    for word in ["", "Won", "maybe"] {
        let refused = stage.customer.call(MARK, &[&account, &lead, &Some(word)]).await;
        assert_eq!(sqlstate(refused), "23514", "{word:?}");
    }
    marked(&stage, id, Some(Won)).await;
    let rewritten = stage.execute("update lead_outcomes set outcome = 'lost'", &[]).await;
    assert_eq!(sqlstate(rewritten), "23001");
    // No run leaves a lead without an analysis; if there were one, there would be nothing to judge.
    stage.execute("update leads set latest_analysis_id = null", &[]).await?;
    assert_eq!(sqlstate(stage.customer.call(MARK, &[&account, &lead, &Some("lost")]).await), "23502");
    assert_eq!(exported(&stage).await, [Won]);
    Ok(())
}

/// A result with everything that an export takes from it, and more.
fn whole_result(score: i64) -> Value {
    let mut whole = result(score);
    whole["result"] = json!({
        "summary": "A fit.", "fit_score": 82, "confidence": 60, "role": "partner", "seems_minor": true, "reasons": [],
        "profile": { "username": "nasa", "biography": "Ünïcode \u{2028} \"quoted\"" },
        "facts": { "engagement_rate_percent": 1.25, "content_mix": { "image": 3 } },
    });
    whole
}

#[tokio::test]
async fn a_line_tells_the_verdict_of_the_analysis_that_was_marked() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (id, _) = analysed(&stage, "nasa", &whole_result(70)).await?;
    let mark = marked(&stage, id, Some(Lost)).await;
    analysed_at(&stage, "nasa", "2026-01-02T00:00:00Z", &result(30)).await?;
    let criteria =
        "update business_profiles set follower_min = 1000, follower_max = null, engagement_rate_min_percent = 1.25,
        content_themes = '{space}', geographies = '{}', deleted_at = now()";
    stage.execute(criteria, &[]).await?;

    let lines = exported_by(&stage, &stage.member, None).await;
    let stored = whole_result(70);
    let written = serde_json::to_value(&lines[0]).unwrap();
    let business = stage.superuser.query_one("select name, offering, target_audience from business_profiles", &[]);
    let business = business.await?;
    let text = |column: usize| business.get::<_, String>(column);
    let expected = json!({
        "outcome": "lost", "marked_at": mark.marked_at, "analysis_type": "LIGHT", "score": 70, "fit_score": 82,
        "confidence": 60, "role": "partner", "seems_minor": true,
        "business": { "name": text(0), "offering": text(1), "target_audience": text(2), "ideal_customer": {
            "follower_min": 1000, "follower_max": null, "engagement_rate_min_percent": 1.25,
            "content_themes": ["space"], "geographies": []
        } },
        "profile": stored["result"]["profile"], "facts": stored["result"]["facts"],
    });
    assert_eq!((lines.len(), written), (1, expected));
    Ok(())
}

#[tokio::test]
async fn a_result_that_stored_no_verdict_is_exported_without_it() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let mut bare = result(70);
    bare["result"] = json!({});
    let (id, _) = analysed(&stage, "nasa", &bare).await?;
    marked(&stage, id, Some(Won)).await;
    let line = exported_by(&stage, &stage.member, None).await.remove(0);
    assert_eq!((line.fit_score, line.confidence, line.role, line.seems_minor), (None, None, None, None));
    assert_eq!((line.profile, line.facts, line.score), (Value::Null, Value::Null, 70));
    Ok(())
}

#[tokio::test]
async fn pages_of_the_export_show_each_marked_lead_once_newest_first() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let mut expected = Vec::new();
    for number in 0..23 {
        let (id, _) = analysed(&stage, &format!("profile_{number}"), &result(number)).await?;
        marked(&stage, id, Some(Won)).await;
        if number % 3 == 0 {
            marked(&stage, id, Some(Wrong)).await;
        }
        if number % 5 == 0 {
            marked(&stage, id, None).await;
        } else {
            expected.insert(0, (number, if number % 3 == 0 { Wrong } else { Won }));
        }
    }
    let mut seen = Vec::new();
    let mut after: Option<Cursor<i64>> = None;
    loop {
        let page = PageQuery { limit: 4, after };
        let page = stage.tenant().outcomes(acting(&stage.member), None, page).await.unwrap();
        seen.extend(page.items.into_iter().map(|line| (i64::from(line.score), line.outcome)));
        match page.next_cursor {
            Some(next) => after = Some(Cursor::decode(&next).unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    for (rows, more) in [(0, true), (17, true), (18, false)] {
        let asked = stage.tenant().are_more_outcomes_than(acting(&stage.member), None, rows).await.unwrap();
        assert_eq!(asked, more, "{rows}");
    }
    Ok(())
}

#[tokio::test]
async fn an_export_of_one_business_holds_its_leads_only() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let insert = "insert into business_profiles (account_id, name, offering, target_audience)
        values ($1, 'B', 'x', 'y') returning id";
    let second: Uuid = stage.superuser.query_one(insert, &[&stage.member.account_id]).await?.get(0);
    let (of_first, _) = analysed(&stage, "nasa", &result(70)).await?;
    let request = Request { business_profile: second, ..stage.request("nasa") };
    let (of_second, _) = analysed_for(&stage, &stage.customer, &request, SCRAPED_AT, &result(40)).await?;
    marked(&stage, of_first, Some(Won)).await;
    marked(&stage, of_second, Some(Lost)).await;
    let first = stage.member.business_profile_id;
    for (business, expected) in
        [(None, vec![Lost, Won]), (Some(first), vec![Won]), (Some(second), vec![Lost]), (Some(Uuid::new_v4()), vec![])]
    {
        let business = business.map(BusinessProfileId::new);
        let lines = exported_by(&stage, &stage.member, business).await;
        assert_eq!(lines.iter().map(|line| line.outcome).collect::<Vec<_>>(), expected, "{business:?}");
        let rows = u32::try_from(expected.len()).unwrap();
        for (rows, more) in [(rows, false), (rows.saturating_sub(1), rows > 0)] {
            let asked = stage.tenant().are_more_outcomes_than(acting(&stage.member), business, rows).await.unwrap();
            assert_eq!(asked, more, "{business:?} {rows}");
        }
    }
    Ok(())
}
