//! The idempotency key of `begin_analysis`: one account's, for 24 hours, for one body.

use oslira_testkit::TestResult;
use serde_json::json;

use crate::support::{Request, Stage, advance, begin, begun, cancel, fail};

#[tokio::test]
async fn a_repeat_gets_the_first_answer_whatever_happened_since() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let request = stage.request("nasa").keyed("key");
    let first = begin(&stage.customer, &request).await?;
    let replay = json!({ "outcome": "replay", "run_id": request.run, "credits": 1, "balance": 9 });
    assert_eq!(first["balance"], 9);

    assert_eq!(begin(&stage.customer, &request.again()).await?, replay);
    stage.begun("esa").await?;
    assert_eq!(begin(&stage.customer, &request.again()).await?, replay);
    fail(&stage.backend, request.run).await?;
    assert_eq!(begin(&stage.customer, &request.again()).await?, replay);
    stage.execute("update business_profiles set deleted_at = now()", &[]).await?;
    assert_eq!(begin(&stage.customer, &request.again()).await?, replay);
    assert_eq!(stage.balance().await?, 9);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_used_key_with_another_body_is_refused() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let request = stage.request("nasa").keyed("key");
    begun(&stage.customer, &request).await?;

    let other = Request { body_hash: "other", username: "esa".to_owned(), ..request.again() };
    assert_eq!(begin(&stage.customer, &other).await?, json!({ "outcome": "idempotency_key_reused" }));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (9, 1));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let request = stage.request("nasa").keyed("key");
    assert_eq!(begin(&stage.customer, &request).await?["outcome"], "insufficient_credits");
    let grant = "select system.grant_credits($1, 1, 'promotion', null, null, 'promotion:1', 'A gift')";
    stage.backend.call(grant, &[&stage.member.account_id]).await?;
    begun(&stage.customer, &request.again()).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_key_belongs_to_its_account() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let other = stage.database.member("bob", 5).await?;
    begun(&stage.customer, &stage.request("nasa").keyed("key")).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    begun(&others_session, &Request::new(&other, "nasa").keyed("key")).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_key_is_free_again_after_24_hours() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let request = stage.request("nasa").keyed("key");
    begun(&stage.customer, &request).await?;
    fail(&stage.backend, request.run).await?;
    let age = "update runs set created_at = now() - $2::text::interval where id = $1";

    stage.execute(age, &[&request.run, &"23 hours 59 minutes"]).await?;
    assert_eq!(begin(&stage.customer, &request.again()).await?["outcome"], "replay");
    stage.execute(age, &[&request.run, &"24 hours 1 second"]).await?;
    let fresh = Request { body_hash: "other", ..request.again() };
    begun(&stage.customer, &fresh).await?;
    assert_eq!(begin(&stage.customer, &fresh.again()).await?["run_id"], json!(fresh.run));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn cancelling_a_run_that_nobody_started_frees_its_key() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let request = stage.request("nasa").keyed("key");
    begun(&stage.customer, &request).await?;
    cancel(&stage.customer, request.run).await?;
    begun(&stage.customer, &request.again()).await?;
    assert_eq!(stage.balance().await?, 4);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn cancelling_a_run_that_had_started_keeps_its_key() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let request = stage.request("nasa").keyed("key");
    begun(&stage.customer, &request).await?;
    advance(&stage.backend, request.run, "cache").await?;
    cancel(&stage.customer, request.run).await?;
    assert_eq!(begin(&stage.customer, &request.again()).await?["outcome"], "replay");
    stage.assert_ledger_is_whole().await
}
