//! The sweep: runs without a heartbeat for five minutes are failed and refunded, one transaction each.

use std::time::Duration;

use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{Request, Stage, begun, sqlstate, sweep};

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
        begun(&others_session, &Request::new(&other, &username)).await?;
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

/// Two members with a stale run each, the one whose run the sweep comes to first in front.
async fn two_stale(stage: &Stage) -> Result<[(Uuid, Uuid); 2], Error> {
    let other = stage.database.member("bob", 10).await?;
    let others_run = begun(&stage.database.customer(other.user_id).await?, &Request::new(&other, "nasa")).await?;
    let run = stage.begun("nasa").await?;
    stage.execute("update runs set created_at = created_at - interval '6 minutes'", &[]).await?;
    let mut both = [(stage.member.account_id, run), (other.account_id, others_run)];
    both.sort_unstable();
    Ok(both)
}

#[tokio::test]
async fn an_account_that_somebody_holds_keeps_no_other_from_its_refund() -> TestResult {
    for held in ["credit_balances where account_id", "accounts where id"] {
        let stage = Stage::with_credits(10).await?;
        let [(first, first_run), (second, second_run)] = two_stale(&stage).await?;
        stage.superuser.batch_execute("begin").await?;
        stage.superuser.query(&format!("select from {held} = $1 for update"), &[&first]).await?;

        let swept = timeout(Duration::from_secs(5), sweep(&stage.backend, 1)).await;
        let swept = swept.map_err(|_| Error::Unexpected(format!("the sweep waits for {held}")))??;
        assert_eq!(swept, json!([{ "run_id": second_run, "account_id": second, "refunded": 1 }]), "{held}");
        assert_eq!(sweep(&stage.backend, 1).await?, nothing(), "{held}");

        stage.superuser.batch_execute("rollback").await?;
        assert_eq!(sweep(&stage.backend, 1).await?[0]["run_id"], json!(first_run), "{held}: it was left for later");
        stage.assert_ledger_is_whole().await?;
    }
    Ok(())
}
