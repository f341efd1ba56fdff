//! The sweep: runs without a heartbeat for five minutes are failed and refunded, one transaction each.

use oslira_testkit::TestResult;
use serde_json::{Value, json};

use crate::support::{Stage, sqlstate, sweep};

fn nothing() -> Value {
    json!([])
}

#[tokio::test]
async fn a_run_that_beats_is_left_alone() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let beating = stage.begun_and("beating", "analyzing").await?;
    stage.let_beat_age(beating, 290.0).await?;
    stage.begun("just_begun").await?;
    let old = "update runs set created_at = created_at - interval '2 hours' where id = $1";
    stage.execute(old, &[&beating]).await?;
    assert_eq!(sweep(&stage.backend, 100).await?, nothing());
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_stale_run_is_failed_and_refunded_once() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let stale = stage.begun_and("nasa", "analyzing").await?;
    stage.let_beat_age(stale, 301.0).await?;

    let swept = sweep(&stage.backend, 1).await?;

    assert_eq!(swept, json!([{ "run_id": stale, "account_id": stage.member.account_id, "refunded": 1 }]));
    assert_eq!(stage.run_field(stale, "status").await?.as_deref(), Some("failed"));
    assert_eq!(stage.balance().await?, 5);
    assert_eq!(sweep(&stage.backend, 1).await?, nothing());
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_that_nobody_picked_up_is_swept_by_its_creation() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    stage.execute("update runs set created_at = created_at - interval '6 minutes' where id = $1", &[&run]).await?;
    assert_eq!(sweep(&stage.backend, 1).await?[0]["run_id"], json!(run));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_call_ends_as_many_as_it_was_asked_for() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let other = stage.database.member("bob", 10).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    for number in 0..4 {
        let username = format!("profile_{number}");
        stage.begun(&username).await?;
        crate::support::begun(&others_session, &crate::support::Request::new(&other, &username)).await?;
    }
    stage.execute("update runs set created_at = created_at - interval '6 minutes'", &[]).await?;

    assert_eq!(sweep(&stage.backend, 1).await?.as_array().map(Vec::len), Some(1));
    assert_eq!(stage.count("runs where status = 'failed'").await?, 1);
    assert_eq!(sweep(&stage.backend, 5).await?.as_array().map(Vec::len), Some(5));
    assert_eq!(sweep(&stage.backend, 100).await?.as_array().map(Vec::len), Some(2));
    assert_eq!(sweep(&stage.backend, 100).await?, nothing());
    assert_eq!(stage.balance().await?, 10);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_that_somebody_is_just_ending_is_passed_over() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let held = stage.begun("held").await?;
    let free = stage.begun("free").await?;
    stage.execute("update runs set created_at = created_at - interval '6 minutes'", &[]).await?;
    stage.superuser.batch_execute("begin").await?;
    stage.superuser.query("select from runs where id = $1 for no key update", &[&held]).await?;

    let swept = sweep(&stage.backend, 100).await?;
    stage.superuser.batch_execute("rollback").await?;

    assert_eq!(swept, json!([{ "run_id": free, "account_id": stage.member.account_id, "refunded": 1 }]));
    assert_eq!(sweep(&stage.backend, 100).await?[0]["run_id"], json!(held));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_senseless_age_or_limit_is_an_error() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for arguments in ["null, 1", "interval '-1 second', 1", "interval '5 minutes', 0", "interval '5 minutes', null"] {
        let sql = format!("select system.sweep_stale_runs({arguments})");
        assert_eq!(sqlstate(stage.backend.call(&sql, &[]).await), "22023", "{arguments}");
    }
    Ok(())
}
