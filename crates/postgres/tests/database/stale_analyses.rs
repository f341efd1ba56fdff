//! `mark_stale`: marks what was concluded from an older scrape, in every account.

use futures_util::future::{join, try_join_all};
use oslira_app::features::analysis::SystemRuns;
use oslira_testkit::{Error, Session, TestResult};
use serde_json::json;

use crate::{
    support::{Request, Stage, advance, begun, complete_with, lead, result, sqlstate},
    workflow_double::{Scenario, work},
};

const SCRAPED: &str = "2026-05-05T12:00:00Z";

async fn mark(backend: &Session, username: &str, scraped_at: &str) -> Result<i64, Error> {
    let sql = "select system.mark_stale($1, $2::text::timestamptz)";
    let rows = backend.rows(sql, &[&username, &scraped_at]).await?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}

/// A finished analysis of a scrape of that time.
async fn analysed(stage: &Stage, customer: &Session, request: &Request, scraped_at: &str) -> Result<(), Error> {
    let run = begun(customer, request).await?;
    advance(&stage.backend, run, "saving").await?;
    complete_with(&stage.backend, run, &lead(scraped_at, 1000), &result(70)).await.map(drop)
}

#[tokio::test]
async fn every_accounts_older_analyses_of_the_username_become_stale_once() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let other = stage.database.member("bob", 50).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    for older in ["2026-05-05T11:59:59.999999Z", "2026-01-01T00:00:00Z"] {
        analysed(&stage, &stage.customer, &stage.request("nasa"), older).await?;
    }
    analysed(&stage, &others_session, &Request::new(&other, "nasa").of_type("DEEP"), "2026-05-05T11:00:00Z").await?;
    // Neither the scrape itself nor a newer one, nor another profile.
    for (username, scraped_at) in
        [("nasa", SCRAPED), ("nasa", "2026-05-05T12:00:01Z"), ("nasa.gov", "2026-01-01T00:00:00Z")]
    {
        analysed(&stage, &stage.customer, &stage.request(username), scraped_at).await?;
    }

    assert_eq!(mark(&stage.backend, "nasa", SCRAPED).await?, 3);
    let fresh = format!(
        "analyses a join leads l on l.id = a.lead_id where not a.is_stale and (l.username <> 'nasa' or a.scraped_at >= '{SCRAPED}')"
    );
    assert_eq!((stage.count(&fresh).await?, stage.count("analyses where is_stale").await?), (3, 3));
    assert_eq!(mark(&stage.backend, "nasa", SCRAPED).await?, 0);
    assert_eq!(mark(&stage.backend, "nobody", SCRAPED).await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_analysis_of_an_older_scrape_that_ends_after_the_change_is_born_stale() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    analysed(&stage, &stage.customer, &stage.request("nasa"), "2026-01-01T00:00:00Z").await?;
    assert_eq!(mark(&stage.backend, "nasa", SCRAPED).await?, 1);
    // An older change does not hide a newer one.
    assert_eq!(mark(&stage.backend, "nasa", "2026-02-01T00:00:00Z").await?, 0);
    for (username, scraped_at) in
        [("nasa", "2026-05-05T11:59:59Z"), ("nasa", SCRAPED), ("nasa.gov", "2026-01-01T00:00:00Z")]
    {
        analysed(&stage, &stage.customer, &stage.request(username), scraped_at).await?;
    }
    assert_eq!(stage.count("analyses where is_stale").await?, 2);
    assert_eq!(stage.count(&format!("analyses where is_stale and scraped_at >= '{SCRAPED}'")).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_deleted_is_left_alone() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    for username in ["kept", "deleted"] {
        for scraped_at in ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"] {
            analysed(&stage, &stage.customer, &stage.request(username), scraped_at).await?;
        }
    }
    stage.execute("update analyses set deleted_at = now() where scraped_at = '2026-01-01T00:00:00Z'", &[]).await?;
    stage.execute("update leads set deleted_at = now() where username = 'deleted'", &[]).await?;
    assert_eq!(mark(&stage.backend, "kept", SCRAPED).await?, 1);
    assert_eq!(mark(&stage.backend, "deleted", SCRAPED).await?, 0);
    assert_eq!(stage.count("analyses where is_stale").await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_analysis_that_is_just_being_completed_is_waited_for() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    analysed(&stage, &stage.customer, &stage.request("nasa"), "2026-01-01T00:00:00Z").await?;
    let run = stage.begun_and("nasa", "saving").await?;
    stage.superuser.batch_execute("begin").await?;
    stage.superuser.query(COMPLETING, &[&run, &lead("2026-01-02T00:00:00Z", 1), &result(50)]).await?;

    let (marked, committed) = join(mark(&stage.backend, "nasa", SCRAPED), commit_when_waited_for(&stage)).await;
    committed?;
    assert_eq!(marked?, 2);
    stage.assert_ledger_is_whole().await
}

/// Ends the superuser's transaction once another session waits for it.
async fn commit_when_waited_for(stage: &Stage) -> Result<(), Error> {
    let watcher = stage.database.superuser().await?;
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    for _ in 0..100 {
        if watcher.query_one(waiting, &[]).await?.get::<_, i64>(0) > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(stage.superuser.batch_execute("commit").await?)
}

const COMPLETING: &str = "select system.complete_run($1, $2, $3)";

#[tokio::test]
async fn the_first_analysis_of_a_lead_that_is_just_being_stored_is_marked() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    stage.superuser.batch_execute("begin").await?;
    stage.superuser.query(COMPLETING, &[&run, &lead("2026-01-02T00:00:00Z", 1), &result(50)]).await?;
    let (marked, committed) = join(mark(&stage.backend, "nasa", SCRAPED), commit_when_waited_for(&stage)).await;
    committed?;
    assert_eq!((marked?, stage.count("analyses where is_stale").await?), (1, 1));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_first_analysis_of_a_lead_sees_a_change_that_is_just_being_written() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    stage.superuser.batch_execute("begin").await?;
    stage.superuser.query("select system.mark_stale('nasa', $1::text::timestamptz)", &[&SCRAPED]).await?;
    let (old, result) = (lead("2026-01-02T00:00:00Z", 1), result(50));
    let (completed, committed) =
        join(complete_with(&stage.backend, run, &old, &result), commit_when_waited_for(&stage)).await;
    committed?;
    assert_eq!(completed?["outcome"], "completed");
    assert_eq!(stage.count("analyses where is_stale").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn two_first_analyses_of_one_profile_do_not_wait_for_each_other() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let other = stage.database.member("bob", 50).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    let others_run = begun(&stage.database.customer(other.user_id).await?, &Request::new(&other, "nasa")).await?;
    advance(&stage.backend, others_run, "saving").await?;
    stage.superuser.batch_execute("begin").await?;
    stage.superuser.query(COMPLETING, &[&run, &lead(SCRAPED, 1), &result(50)]).await?;
    assert_eq!(
        complete_with(&stage.backend, others_run, &lead(SCRAPED, 1), &result(50)).await?["outcome"],
        "completed"
    );
    stage.superuser.batch_execute("commit").await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_32_at_once_each_analysis_is_marked_by_one_and_none_waits_in_a_circle() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let mut members = vec![stage.member];
    for name in ["bob", "cleo", "dora"] {
        members.push(stage.database.member(name, 100).await?);
    }
    for member in &members {
        let customer = stage.database.customer(member.user_id).await?;
        for scraped_at in ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"] {
            analysed(&stage, &customer, &Request::new(member, "nasa"), scraped_at).await?;
        }
    }
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    let marked = try_join_all(crowd.iter().map(|backend| mark(backend, "nasa", SCRAPED))).await?;
    assert_eq!(marked.iter().sum::<i64>(), 12);
    Ok(())
}

#[tokio::test]
async fn no_table_is_scanned_for_it() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    for username in ["nasa", "esa"] {
        analysed(&stage, &stage.customer, &stage.request(username), "2026-01-01T00:00:00Z").await?;
    }
    stage
        .superuser
        .batch_execute(
            "insert into leads (account_id, business_profile_id, username, score, scraped_at)
               select account_id, business_profile_id, 'p' || n, 1, now() from leads cross join generate_series(1, 5000) n
                where username = 'esa';
             insert into runs (id, account_id, username, analysis_type, credits)
               select gen_random_uuid(), l.account_id, l.username, 'LIGHT', 1 from leads l where l.username like 'p%';
             insert into analyses (account_id, lead_id, run_id, analysis_type, score, provider, model, snapshot_key, scraped_at, result, is_new_lead)
               select l.account_id, l.id, r.id, 'LIGHT', 1, 'x', 'x', 'x', '2026-01-01', '{}', true
                 from leads l join runs r using (account_id, username) where l.username like 'p%';
             analyze leads; analyze analyses;",
        )
        .await?;
    // A new connection: the statistics of another may still count what it has read before.
    let fresh = stage.database.superuser().await?;
    fresh.batch_execute("begin").await?;
    let marked = fresh.query_one("select system.mark_stale('nasa', now())", &[]).await?;
    let read = "select relname || ' ' || seq_tup_read from pg_stat_xact_user_tables where relname in ('leads', 'analyses') order by 1";
    let read: Vec<String> = fresh.query(read, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!((marked.get::<_, i64>(0), read), (1, vec!["analyses 0".to_owned(), "leads 0".to_owned()]));
    Ok(())
}

#[tokio::test]
async fn the_product_marks_to_the_nanosecond_it_stored() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let scraped_at: jiff::Timestamp = "2026-05-05T12:00:00.123456789Z".parse().unwrap();
    analysed(&stage, &stage.customer, &stage.request("nasa"), &scraped_at.to_string()).await?;
    let admin = stage.admin();
    let (nasa, later) = ("nasa".parse().unwrap(), scraped_at + jiff::SignedDuration::from_millis(1));
    assert_eq!(admin.mark_stale(&nasa, scraped_at).await.unwrap(), 0);
    assert_eq!(admin.mark_stale(&nasa, later).await.unwrap(), 1);
    assert_eq!(admin.mark_stale(&nasa, later).await.unwrap(), 0);
    Ok(())
}

#[tokio::test]
async fn without_a_username_or_a_time_it_is_an_error() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for arguments in ["null, now()", "'nasa', null"] {
        let sql = format!("select to_jsonb(system.mark_stale({arguments}))");
        assert_eq!(sqlstate(stage.backend.call(&sql, &[]).await), "22023", "{arguments}");
    }
    assert_eq!(json!(mark(&stage.backend, "nasa", SCRAPED).await?), 0);
    Ok(())
}

#[tokio::test]
async fn what_is_older_than_every_snapshot_is_stale_because_nothing_is_left_to_compare_with() -> TestResult {
    for (kept_for_days, stale) in [(Some(29), 0), (Some(31), 1), (None, 1)] {
        let stage = Stage::with_credits(50).await?;
        // The workflow's clock says 20 November: fifty days ago, and nineteen.
        for scraped_at in ["2026-10-01T12:00:00Z", "2026-11-01T12:00:00Z"] {
            analysed(&stage, &stage.customer, &stage.request("nasa"), scraped_at).await?;
        }
        let run = begun(&stage.customer, &stage.request("nasa")).await?;
        work(&stage, run, Scenario { kept_for_days, ..Scenario::default() }).await;
        let marked = stage.count("analyses where is_stale and scraped_at < '2026-10-02'").await?;
        assert_eq!((marked, stage.count("analyses where is_stale").await?), (stale, stale), "{kept_for_days:?}");
        assert_eq!(stage.count("analyses").await?, 3);
    }
    Ok(())
}
