//! In which order grants are spent, and where refunds go.

use oslira_testkit::TestResult;
use serde_json::json;

use super::{bought, give, grants, let_expire, spend};
use crate::support::{Stage, begin, fail};

#[tokio::test]
async fn a_charge_draws_by_priority_then_by_the_soonest_end_then_by_age() -> TestResult {
    // 10 free credits.
    let stage = Stage::with_credits(10).await?;
    bought(&stage).await?;
    give(&stage, 3, "promotion", None).await?;
    give(&stage, 3, "promotion", Some("2 days")).await?;
    give(&stage, 3, "promotion", Some("1 day")).await?;
    give(&stage, 3, "promotion", Some("1 day")).await?;
    spend(&stage, 4).await?;
    assert_eq!(
        grants(&stage).await?,
        ["free:10", "pack:20", "promotion:3", "promotion:3", "promotion:0", "promotion:2"]
    );
    spend(&stage, 9).await?;
    assert_eq!(
        grants(&stage).await?,
        ["free:9", "pack:20", "promotion:0", "promotion:0", "promotion:0", "promotion:0"]
    );
    spend(&stage, 10).await?;
    assert_eq!(
        grants(&stage).await?,
        ["free:0", "pack:19", "promotion:0", "promotion:0", "promotion:0", "promotion:0"]
    );
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_refund_goes_back_to_the_grants_it_came_from() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    give(&stage, 2, "promotion", Some("1 day")).await?;
    let deep = stage.request("nasa").of_type("DEEP");
    begin(&stage.customer, &deep).await?;
    give(&stage, 4, "promotion", Some("1 hour")).await?;
    assert_eq!(grants(&stage).await?, ["free:7", "promotion:0", "promotion:4"]);
    fail(&stage.backend, deep.run).await?;
    assert_eq!(grants(&stage).await?, ["free:10", "promotion:2", "promotion:4"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_comes_back_to_a_grant_that_has_ended_can_be_spent_for_another_week() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    give(&stage, 9, "promotion", Some("1 day")).await?;
    let deep = stage.request("nasa").of_type("DEEP");
    begin(&stage.customer, &deep).await?;
    let_expire(&stage, "source = 'promotion'").await?;
    assert_eq!(fail(&stage.backend, deep.run).await?["balance"], 5, "the four that were left have expired");
    let week = "credit_grants where source = 'promotion' and expires_at between now() + interval '6 days 23 hours' and now() + interval '7 days'";
    assert_eq!(stage.count(week).await?, 1);

    // And its time can be over once more.
    let_expire(&stage, "source = 'promotion'").await?;
    let ended = stage.backend.call("select to_jsonb(system.end_grants(clock_timestamp(), 10))", &[]).await?;
    assert_eq!((ended, stage.balance().await?), (json!(1), 0));
    assert_eq!(stage.count("credit_transactions where kind = 'expiry'").await?, 2);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_expired_grant_cannot_be_spent_even_before_its_end_is_posted() -> TestResult {
    let stage = Stage::with_credits(2).await?;
    give(&stage, 5, "promotion", Some("1 day")).await?;
    let_expire(&stage, "source = 'promotion'").await?;
    let answer = begin(&stage.customer, &stage.request("nasa").of_type("DEEP")).await?;
    assert_eq!(answer, json!({ "outcome": "insufficient_credits", "balance": 2, "required": 5 }));
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?["balance"], 1);
    let entry = "credit_transactions where kind = 'expiry' and amount = -5 and idempotency_key like 'expiry:%'";
    assert_eq!(stage.count(entry).await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_job_ends_grants_of_all_accounts_and_waits_for_none() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    give(&stage, 5, "promotion", Some("1 day")).await?;
    let_expire(&stage, "true").await?;
    let holder = stage.database.superuser().await?;
    holder.batch_execute("begin; select from credit_balances for update").await?;
    let end = "select to_jsonb(system.end_grants(clock_timestamp(), 10))";
    assert_eq!(stage.backend.call(end, &[]).await?, json!(0));
    holder.batch_execute("rollback").await?;
    assert_eq!(stage.backend.call(end, &[]).await?, json!(1));
    assert_eq!(stage.backend.call(end, &[]).await?, json!(0));
    stage.assert_ledger_is_whole().await
}
