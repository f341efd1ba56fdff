//! What the daily job asks: whose pictures nobody needs, and which changes no run can meet.

use jiff::{SignedDuration, Timestamp};
use oslira_app::features::profiles::{AbandonedWhen, InstagramHandle, ProfileRecords};
use oslira_testkit::{Error, TestResult};
use uuid::Uuid;

use crate::support::{Request, Stage, advance, begun, complete, fail};

/// The abandoned usernames of the last week, up to yesterday.
async fn abandoned(stage: &Stage, after: Option<&str>, limit: usize) -> Vec<String> {
    let after: Option<InstagramHandle> = after.map(|after| after.parse().unwrap());
    let now = Timestamp::now();
    let days_ago = |days: i64| now - SignedDuration::from_hours(days * 24);
    let when = AbandonedWhen { since: days_ago(7), until: days_ago(1), closed_before: days_ago(30) };
    let names = stage.admin().abandoned(when, after.as_ref(), limit).await.unwrap();
    names.into_iter().map(|name| name.to_string()).collect()
}

/// A lead that was deleted two days ago.
async fn deleted(stage: &Stage, username: &str) -> TestResult {
    let run = stage.begun_and(username, "saving").await?;
    complete(&stage.backend, run).await?;
    let delete = "update leads set deleted_at = now() - interval '2 days' where username = $1";
    stage.execute(delete, &[&username]).await?;
    let analyses = "update analyses set deleted_at = now() - interval '2 days' where run_id = $1";
    stage.execute(analyses, &[&run]).await?;
    stage.execute("update runs set created_at = now() - interval '3 days' where id = $1", &[&run]).await?;
    Ok(())
}

async fn ended(stage: &Stage, username: &str) -> Result<Uuid, Error> {
    let run = stage.begun_and(username, "scraping").await?;
    fail(&stage.backend, run).await?;
    stage.execute("update runs set created_at = now() - interval '2 days' where id = $1", &[&run]).await?;
    Ok(run)
}

#[tokio::test]
async fn a_picture_is_abandoned_when_no_account_has_a_lead_or_a_run_of_it() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let other = stage.database.member("bob", 50).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    for username in ["gone", "kept.by.another", "sought.again"] {
        deleted(&stage, username).await?;
    }
    for username in ["failed", "failed.then.found"] {
        ended(&stage, username).await?;
    }
    let run = begun(&others_session, &Request::new(&other, "kept.by.another")).await?;
    advance(&stage.backend, run, "saving").await?;
    complete(&stage.backend, run).await?;
    let found = stage.begun_and("failed.then.found", "saving").await?;
    complete(&stage.backend, found).await?;
    begun(&others_session, &Request::new(&other, "sought.again")).await?;

    assert_eq!(abandoned(&stage, None, 10).await, ["failed", "gone"]);
    assert_eq!(abandoned(&stage, None, 1).await, ["failed"]);
    assert_eq!(abandoned(&stage, Some("failed"), 10).await, ["gone"]);
    assert_eq!(abandoned(&stage, Some("gone"), 10).await, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn what_somebody_did_with_the_profile_since_then_makes_it_wait_again() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    for username in ["failed.again", "deleted.again"] {
        ended(&stage, username).await?;
    }
    let again = stage.begun_and("failed.again", "scraping").await?;
    fail(&stage.backend, again).await?;
    deleted(&stage, "deleted.again").await?;
    // Both happened after the time up to which the job looks: their pictures are as new.
    stage.execute("update leads set deleted_at = now() - interval '1 hour'", &[]).await?;
    stage.execute("update runs set created_at = now() - interval '3 days' where lead_id is not null", &[]).await?;
    assert_eq!(abandoned(&stage, None, 10).await, [""; 0]);
    stage.execute("update leads set deleted_at = now() - interval '2 days'", &[]).await?;
    stage.execute("update runs set created_at = now() - interval '2 days'", &[]).await?;
    assert_eq!(abandoned(&stage, None, 10).await, ["deleted.again", "failed.again"]);
    Ok(())
}

#[tokio::test]
async fn a_closed_account_needs_its_pictures_for_thirty_days() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    complete(&stage.backend, run).await?;
    stage.execute("update runs set created_at = now() - interval '60 days'", &[]).await?;
    // However long ago: a job that failed for weeks finds them too.
    for (days, expected) in [(1, vec![]), (29, vec![]), (31, vec!["nasa"]), (90, vec!["nasa"])] {
        stage.execute("update accounts set deleted_at = now() - make_interval(days => $1)", &[&days]).await?;
        assert_eq!(abandoned(&stage, None, 10).await, expected, "closed {days} days ago");
    }
    stage.execute("update accounts set tombstoned_at = now()", &[]).await?;
    assert_eq!(abandoned(&stage, None, 10).await, [""; 0], "they are gone");
    stage.execute("update accounts set deleted_at = null, tombstoned_at = null", &[]).await?;
    assert_eq!(abandoned(&stage, None, 10).await, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_run_of_an_erased_account_names_no_picture() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let run = ended(&stage, "failed").await?;
    stage.execute("update runs set username = 'erased..' where id = $1", &[&run]).await?;
    assert_eq!(abandoned(&stage, None, 10).await, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn what_was_deleted_just_now_waits() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    deleted(&stage, "gone").await?;
    stage.execute("update leads set deleted_at = now() - interval '23 hours'", &[]).await?;
    assert_eq!(abandoned(&stage, None, 10).await, [""; 0]);
    stage.execute("update leads set deleted_at = now() - interval '8 days'", &[]).await?;
    assert_eq!(abandoned(&stage, None, 10).await, [""; 0], "an earlier job deleted it");
    Ok(())
}

#[tokio::test]
async fn changes_are_forgotten_by_their_age() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for (username, days) in [("old", 8), ("older", 30), ("new", 6)] {
        let insert =
            "insert into profile_changes (username, changed_at) values ($1, now() - make_interval(days => $2))";
        stage.execute(insert, &[&username, &days]).await?;
    }
    let until = Timestamp::now() - SignedDuration::from_hours(7 * 24);
    assert_eq!(stage.admin().forget_changes(until).await.unwrap(), 2);
    assert_eq!(stage.admin().forget_changes(until).await.unwrap(), 0);
    assert_eq!(stage.count("profile_changes where username = 'new'").await?, 1);
    Ok(())
}
