//! What the bulk's workflow and the five-minute job do.

use oslira_testkit::TestResult;
use serde_json::json;
use uuid::Uuid;

use super::{Purchase, buy, tend};
use crate::support::{Stage, advance, complete, fail, sweep};

#[tokio::test]
async fn a_bulk_ends_with_its_last_run() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let purchase = Purchase::of(&["a", "b"]);
    buy(&stage, &purchase).await?;
    let account = stage.member.account_id;
    let standing = |status: &str, active: u32, pending: &[Uuid]| json!({ "account_id": account, "status": status, "active": active, "pending": pending });
    let answer = tend(&stage.backend, purchase.bulk).await?;
    assert_eq!(answer, standing("processing", 2, &purchase.runs()));
    advance(&stage.backend, purchase.run(0), "saving").await?;
    let answer = tend(&stage.backend, purchase.bulk).await?;
    assert_eq!(answer, standing("processing", 2, &[purchase.run(1)]));
    complete(&stage.backend, purchase.run(0)).await?;
    fail(&stage.backend, purchase.run(1)).await?;
    let ended = standing("complete", 0, &[]);
    assert_eq!(tend(&stage.backend, purchase.bulk).await?, ended);
    assert_eq!(tend(&stage.backend, purchase.bulk).await?, ended, "a repeat");
    let nobodys = tend(&stage.backend, Uuid::now_v7()).await?;
    assert_eq!((&nobodys["account_id"], &nobodys["active"]), (&json!(null), &json!(0)));
    Ok(())
}

#[tokio::test]
async fn the_job_ends_a_bulk_whose_workflow_died_and_no_other() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (dead, alive) = (Purchase::of(&["a"]), Purchase::of(&["b"]));
    let piloted = Purchase::of(&["c", "d"]).with(json!({ "pilot": 1 }));
    for purchase in [&dead, &alive, &piloted] {
        buy(&stage, purchase).await?;
    }
    fail(&stage.backend, dead.run(0)).await?;
    fail(&stage.backend, piloted.run(0)).await?;
    let end = "select system.end_finished_bulks(10)";
    assert_eq!(stage.backend.rows(end, &[]).await?[0].get::<_, i64>(0), 1);
    assert_eq!(stage.backend.rows(end, &[]).await?[0].get::<_, i64>(0), 0);
    let status = "select status from bulk_runs where id = $1";
    for (purchase, expected) in [(&dead, "complete"), (&alive, "processing"), (&piloted, "processing")] {
        assert_eq!(stage.superuser.query_one(status, &[&purchase.bulk]).await?.get::<_, String>(0), expected);
    }
    Ok(())
}

#[tokio::test]
async fn runs_that_wait_for_their_start_are_not_swept_while_the_bulk_beats() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let purchase = Purchase::of(&["started", "waiting", "cancelled"]);
    buy(&stage, &purchase).await?;
    let other = stage.database.member("bob", 3).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    let others = Purchase::of(&["other"]);
    super::buy_as(&others_session, &other, &others).await?;
    crate::support::cancel(&stage.customer, purchase.run(2)).await?;
    stage.execute("update runs set created_at = created_at - interval '6 minutes'", &[]).await?;

    let beat = "select system.beat_unstarted($1, $2)";
    let named = [purchase.run(1), purchase.run(2), others.run(0)];
    let beating = stage.backend.call(beat, &[&purchase.bulk, &named.as_slice()]).await?;

    assert_eq!(beating, json!([purchase.run(1)]), "neither what has ended nor what is another bulk's");
    let mut swept = vec![];
    while let Some(run) = sweep(&stage.backend, 1).await?.as_array().and_then(|swept| swept.first().cloned()) {
        swept.push(run["run_id"].clone());
    }
    swept.sort_by_key(ToString::to_string);
    let mut silent = vec![json!(purchase.run(0)), json!(others.run(0))];
    silent.sort_by_key(ToString::to_string);
    assert_eq!(swept, silent);
    assert_eq!(stage.run_field(purchase.run(1), "status").await?.as_deref(), Some("pending"));
    stage.assert_ledger_is_whole().await
}
