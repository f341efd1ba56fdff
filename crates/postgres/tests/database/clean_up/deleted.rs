//! Analyses and leads go 30 days after their customer deleted them; the runs that they came from stay.

use std::time::Duration;

use futures_util::future::try_join_all;
use oslira_app::features::retention::Remains;
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::{ALL, analysed, batches, delete_leads, removed};
use crate::support::{CROWD, Stage};

#[tokio::test]
async fn what_was_deleted_goes_with_its_thirtieth_day_and_what_lives_stays() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let (_, kept) = analysed(&stage, "kept").await?;
    let (_, young) = analysed(&stage, "young").await?;
    let (run, old) = analysed(&stage, "old").await?;
    delete_leads(&stage, &[young], 29.999).await?;
    delete_leads(&stage, &[old], 30.001).await?;

    assert_eq!(removed(&stage, Remains::Leads, ALL).await, 0, "its analysis points at it");
    assert_eq!(removed(&stage, Remains::Analyses, ALL).await, 1);
    stage.assert_ledger_is_whole().await?;
    assert_eq!(removed(&stage, Remains::Leads, ALL).await, 1);

    let left: Vec<Uuid> =
        stage.superuser.query("select id from leads order by id", &[]).await?.iter().map(|row| row.get(0)).collect();
    let mut expected = vec![kept, young];
    expected.sort_unstable();
    assert_eq!(left, expected);
    assert_eq!(stage.count("analyses").await?, 2);
    let run: Value = stage
        .superuser
        .query_one(
            "select jsonb_build_array(status, username, charge_outcome, lead_id) from runs where id = $1",
            &[&run],
        )
        .await?
        .get(0);
    assert_eq!(run, json!(["complete", "old", "result", null]), "what was bought is remembered");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_profile_that_was_deleted_and_found_again_loses_the_old_lead_only() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (_, old) = analysed(&stage, "nasa").await?;
    delete_leads(&stage, &[old], 31.0).await?;
    let (run, new) = analysed(&stage, "nasa").await?;
    let mark = "select api.mark_lead_outcome($1, $2, 'won')";
    stage.customer.call(mark, &[&stage.member.account_id, &new]).await?;
    for what in [Remains::Analyses, Remains::Leads] {
        assert_eq!(removed(&stage, what, ALL).await, 1);
    }
    assert_eq!(stage.run_field(run, "lead_id").await?, Some(new.to_string()));
    assert_eq!((stage.count("leads").await?, stage.count("lead_outcomes").await?), (1, 1));
    stage.assert_ledger_is_whole().await
}

/// So many leads that were deleted long ago.
async fn graveyard(stage: &Stage, leads: usize) -> Result<(), Error> {
    let mut ids = Vec::new();
    for number in 0..leads {
        ids.push(analysed(stage, &format!("lead_{number}")).await?.1);
    }
    delete_leads(stage, &ids, 40.0).await
}

#[tokio::test]
async fn a_batch_takes_no_more_than_its_limit() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    graveyard(&stage, 5).await?;
    assert_eq!(batches(&stage, Remains::Analyses, 2).await, [2, 2, 1]);
    assert_eq!(batches(&stage, Remains::Leads, 2).await, [2, 2, 1]);
    assert_eq!(batches(&stage, Remains::Leads, 2).await, [0]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn many_jobs_at_once_remove_each_row_once() -> TestResult {
    let stage = Stage::with_credits(40).await?;
    graveyard(&stage, 40).await?;
    let _turn = stage.database.crowd_turn().await?;
    let backends = stage.backend_crowd().await?;
    for function in ["remove_analyses", "remove_leads"] {
        let sql = format!("select system.{function}(now() - interval '30 days', 3)");
        let taken = try_join_all(backends.iter().map(|backend| backend.rows(&sql, &[]))).await?;
        let taken: i64 = taken.iter().map(|rows| rows[0].get::<_, i64>(0)).sum();
        assert_eq!((taken, backends.len()), (40, CROWD), "{function}");
    }
    assert_eq!(stage.count("leads").await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_row_that_somebody_holds_keeps_no_other_from_being_removed() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    graveyard(&stage, 3).await?;
    let holder = stage.database.superuser().await?;
    holder.batch_execute("begin; select from analyses limit 1 for update").await?;
    let removing = timeout(Duration::from_secs(3), removed(&stage, Remains::Analyses, ALL)).await;
    assert_eq!(removing.ok(), Some(2));
    assert_eq!(removed(&stage, Remains::Leads, ALL).await, 2, "the third still has an analysis");
    holder.batch_execute("rollback").await?;
    assert_eq!((removed(&stage, Remains::Analyses, ALL).await, removed(&stage, Remains::Leads, ALL).await), (1, 1));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_job_that_dies_leaves_whole_batches() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    graveyard(&stage, 4).await?;
    removed(&stage, Remains::Analyses, ALL).await;
    let dying = stage.database.backend().await?;
    dying.open().await?;
    let batch = "select system.remove_leads(now() - interval '30 days', 3)";
    assert_eq!(dying.client().query_one(batch, &[]).await?.get::<_, i64>(0), 3);
    drop(dying);
    assert_eq!(batches(&stage, Remains::Leads, 3).await, [3, 1]);
    assert_eq!(stage.count("runs where lead_id is not null").await?, 0);
    stage.assert_ledger_is_whole().await
}
