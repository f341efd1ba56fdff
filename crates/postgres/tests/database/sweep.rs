//! Silent runs: each is claimed by one who wakes it; without a heartbeat for five minutes it is failed and refunded.

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
async fn a_silent_run_is_claimed_by_one_and_again_only_after_as_long_a_silence() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let older = stage.begun_and("older", "scraping").await?;
    let newer = stage.begun("newer").await?;
    stage.let_beat_age(older, 200.0).await?;
    stage.execute("update runs set created_at = created_at - interval '100 seconds' where id = $1", &[&newer]).await?;
    stage.begun("just_begun").await?;
    let claim = async |limit: i32| -> Result<Vec<Uuid>, Error> {
        let claimed =
            stage.backend.call("select system.claim_silent_runs(interval '90 seconds', $1)", &[&limit]).await?;
        let run = |claimed: &Value| claimed["run_id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
        Ok(claimed.as_array().into_iter().flatten().map(run).collect())
    };
    assert_eq!(claim(1).await?, [older], "who is silent longest comes first");
    assert_eq!(claim(10).await?, [newer]);
    assert_eq!(claim(10).await?, [] as [Uuid; 0]);
    stage.execute("update runs set claimed_at = claimed_at - interval '91 seconds'", &[]).await?;
    assert_eq!(claim(10).await?, [older, newer], "whom waking did not help is woken again");
    Ok(())
}

#[tokio::test]
async fn a_silent_run_whose_row_is_locked_is_woken_and_not_waited_for() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "scraping").await?;
    stage.let_beat_age(run, 400.0).await?;
    stage.superuser.batch_execute("begin").await?;
    stage.superuser.query("select from runs where id = $1 for update", &[&run]).await?;
    let claim = stage.backend.call("select system.claim_silent_runs(interval '90 seconds', 10)", &[]);
    let claimed = timeout(Duration::from_secs(5), claim).await;
    let claimed = claimed.map_err(|_| Error::Unexpected("the claim waits for a row".to_owned()))??;
    stage.superuser.batch_execute("rollback").await?;
    assert_eq!(claimed[0]["run_id"], json!(run));
    Ok(())
}

#[tokio::test]
async fn a_run_is_swept_only_after_it_was_woken_and_had_time_to_answer() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "scraping").await?;
    stage.let_beat_age(run, 400.0).await?;
    let sweep = async || {
        let sql = "select system.sweep_stale_runs(interval '5 minutes', interval '10 seconds', 10)";
        stage.backend.call(sql, &[]).await
    };
    let woken = async |ago: &str| {
        stage.execute(&format!("update runs set woken_at = clock_timestamp() - interval '{ago}'"), &[]).await
    };
    assert_eq!(sweep().await?, nothing(), "nobody tried to wake it");
    woken("450 seconds").await?;
    assert_eq!(sweep().await?, nothing(), "it has answered since");
    woken("9 seconds").await?;
    assert_eq!(sweep().await?, nothing(), "it may still answer");
    woken("10 seconds").await?;
    assert_eq!(sweep().await?[0]["run_id"], json!(run));
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
    for (age, limit) in
        [("null", "1"), ("interval '-1 second'", "1"), ("interval '5 minutes'", "0"), ("interval '0'", "null")]
    {
        for call in [
            format!("claim_silent_runs({age}, {limit})"),
            format!("sweep_stale_runs({age}, interval '0', {limit})"),
            "sweep_stale_runs(interval '0', null, 1)".to_owned(),
        ] {
            assert_eq!(sqlstate(stage.backend.call(&format!("select system.{call}"), &[]).await), "22023", "{call}");
        }
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
