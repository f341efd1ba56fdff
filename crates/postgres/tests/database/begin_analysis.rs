//! `begin_analysis`: the checks, the charge and the answers, one caller at a time.

use std::time::Duration;

use oslira_testkit::TestResult;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{Request, Stage, advance, begin, begun, complete, fail, unexpected};

#[tokio::test]
async fn an_accepted_request_is_charged_and_its_run_is_pending() -> TestResult {
    let stage = Stage::with_credits(17).await?;
    let request = stage.request("nasa").keyed("key-1");

    let answer = begin(&stage.customer, &request).await?;

    assert_eq!(answer, json!({ "outcome": "ok", "run_id": request.run, "credits": 1, "balance": 16 }));
    assert_eq!(stage.balance().await?, 16);
    let run = stage
        .superuser
        .query_one(
            "select to_jsonb(r) - 'created_at' || jsonb_build_object('is_fresh', r.created_at > now() - interval '1 minute')
               from runs r where id = $1",
            &[&request.run],
        )
        .await?;
    let expected = json!({
        "id": request.run, "account_id": request.account, "business_profile_id": request.business_profile,
        "created_by": stage.member.user_id, "username": "nasa", "analysis_type": "LIGHT", "status": "pending", "phase": null,
        "credits": 1, "charge_outcome": null, "cache_hit": null, "ai_started_at": null, "heartbeat_at": null, "claimed_at": null,
        "woken_at": null, "error_code": null,
        "error_message": null, "idempotency_key": "key-1", "body_hash": "body", "lead_id": null, "started_at": null,
        "finished_at": null, "bulk_id": null, "bulk_line": null, "is_fresh": true
    });
    assert_eq!(run.get::<_, serde_json::Value>(0), expected);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn each_type_costs_what_the_price_table_says() -> TestResult {
    let stage = Stage::with_credits(12).await?;
    for (analysis_type, credits, balance) in [("LIGHT", 1, 11), ("DEEP", 5, 6), ("XRAY", 6, 0)] {
        let answer = begin(&stage.customer, &stage.request("nasa").of_type(analysis_type)).await?;
        assert_eq!((&answer["credits"], &answer["balance"]), (&json!(credits), &json!(balance)), "{analysis_type}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_unknown_type_is_refused_and_nothing_moves() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for analysis_type in ["light", "MEGA", ""] {
        let answer = begin(&stage.customer, &stage.request("nasa").of_type(analysis_type)).await?;
        assert_eq!(answer, json!({ "outcome": "unknown_analysis_type" }));
    }
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (5, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn too_few_credits_are_refused_with_both_numbers() -> TestResult {
    let stage = Stage::with_credits(4).await?;
    let answer = begin(&stage.customer, &stage.request("nasa").of_type("DEEP")).await?;
    assert_eq!(answer, json!({ "outcome": "insufficient_credits", "balance": 4, "required": 5 }));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (4, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_stranger_is_forbidden_and_cannot_even_wait_for_the_lock() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let stranger = stage.database.member("eve", 5).await?;
    let strangers_session = stage.database.customer(stranger.user_id).await?;
    let nobody = stage.database.customer(Uuid::now_v7()).await?;

    stage.customer.open().await?;
    let lock = "select from credit_balances where account_id = $1 for no key update";
    stage.superuser.batch_execute("begin").await?;
    stage.superuser.query(lock, &[&stage.member.account_id]).await?;
    for session in [&strangers_session, &nobody] {
        let answer = timeout(Duration::from_secs(5), begin(session, &stage.request("nasa"))).await;
        let answer = answer.map_err(|_| unexpected(&json!("the stranger waited for the account's lock")))??;
        assert_eq!(answer, json!({ "outcome": "forbidden" }));
    }
    stage.superuser.batch_execute("rollback").await?;

    let nowhere = Request { account: Uuid::now_v7(), ..stage.request("nasa") };
    assert_eq!(begin(&strangers_session, &nowhere).await?, json!({ "outcome": "forbidden" }));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (5, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_deleted_account_is_forbidden() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    stage.execute("update accounts set deleted_at = now() where id = $1", &[&stage.member.account_id]).await?;
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?, json!({ "outcome": "forbidden" }));
    assert_eq!(stage.balance().await?, 5);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn only_a_live_business_profile_of_the_account_will_do() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let stranger = stage.database.member("eve", 5).await?;
    let refused = json!({ "outcome": "business_profile_not_found" });

    for business_profile in [stranger.business_profile_id, Uuid::now_v7()] {
        let request = Request { business_profile, ..stage.request("nasa") };
        assert_eq!(begin(&stage.customer, &request).await?, refused);
    }
    let delete = "update business_profiles set deleted_at = now() where id = $1";
    stage.execute(delete, &[&stage.member.business_profile_id]).await?;
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?, refused);
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (5, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_second_request_while_the_first_runs_is_a_duplicate() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let run = stage.begun("nasa").await?;
    let duplicate = json!({ "outcome": "duplicate", "run_id": run });

    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?, duplicate);
    advance(&stage.backend, run, "analyzing").await?;
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?, duplicate);

    begun(&stage.customer, &stage.request("nasa").of_type("DEEP")).await?;
    begun(&stage.customer, &stage.request("esa")).await?;
    complete(&stage.backend, run).await?;
    let second = stage.begun("nasa").await?;
    fail(&stage.backend, second).await?;
    stage.begun("nasa").await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_duplicate_without_a_beat_for_five_minutes_is_failed_and_refunded_first() -> TestResult {
    // One credit: the new run can only be paid with the old one's refund.
    let stage = Stage::with_credits(1).await?;
    let stale = stage.begun_and("nasa", "analyzing").await?;
    // Not 299.9: the test takes time itself.
    stage.let_beat_age(stale, 298.0).await?;
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?["outcome"], "duplicate");
    stage.let_beat_age(stale, 301.0).await?;

    let answer = begin(&stage.customer, &stage.request("nasa")).await?;

    assert_eq!((&answer["outcome"], &answer["balance"]), (&json!("ok"), &json!(0)));
    assert_eq!(stage.run_field(stale, "status").await?.as_deref(), Some("failed"));
    assert_eq!(stage.run_field(stale, "error_code").await?.as_deref(), Some("stalled"));
    assert_eq!(advance(&stage.backend, stale, "saving").await?, json!({ "active": false, "status": "failed" }));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_pending_run_that_nobody_picked_up_goes_stale_by_its_creation() -> TestResult {
    let stage = Stage::with_credits(1).await?;
    let stale = stage.begun("nasa").await?;
    stage.execute("update runs set created_at = created_at - interval '6 minutes' where id = $1", &[&stale]).await?;
    begun(&stage.customer, &stage.request("nasa")).await?;
    assert_eq!(stage.run_field(stale, "charge_outcome").await?.as_deref(), Some("refunded"));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_stale_duplicate_that_is_just_completing_keeps_its_result() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let slow = stage.begun_and("nasa", "saving").await?;
    stage.let_beat_age(slow, 400.0).await?;
    stage.backend.open().await?;
    let completing = "select system.complete_run($1, $2, $3)";
    let (lead, result) = (crate::support::lead("2026-01-01T00:00:00Z", 1), crate::support::result(50));
    stage.backend.client().query_one(completing, &[&slow, &lead, &result]).await?;

    let request = stage.request("nasa");
    let waiting = begin(&stage.customer, &request);
    let committing = async {
        // Time for the request to reach the lock. If it comes later, less is tested, but nothing fails.
        tokio::time::sleep(Duration::from_millis(200)).await;
        stage.backend.client().batch_execute("commit").await
    };
    let (answer, committed) = futures_util::future::join(waiting, committing).await;
    committed?;

    assert_eq!(answer?["outcome"], "ok");
    assert_eq!(stage.run_field(slow, "charge_outcome").await?.as_deref(), Some("result"));
    assert_eq!(stage.balance().await?, 3);
    stage.assert_ledger_is_whole().await
}
