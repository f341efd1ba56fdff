//! The hourly limit: exact, a column of the plan, and its answer says when to come back.

use futures_util::future::try_join_all;
use oslira_testkit::TestResult;

use crate::support::{CROWD, Stage, begin, cancel, counts, outcomes};

#[tokio::test]
async fn the_hundred_and_first_analysis_of_an_hour_waits_for_the_first_to_age() -> TestResult {
    let stage = Stage::with_credits(200).await?;
    let mut first = None;
    for number in 0..100 {
        let run = stage.begun(&format!("profile_{number}")).await?;
        first.get_or_insert(run);
    }

    let refused = begin(&stage.customer, &stage.request("one_more")).await?;
    assert_eq!(refused["outcome"], "rate_limited");
    let retry_after_s = refused["retry_after_s"].as_i64().unwrap();
    assert!((3590..=3600).contains(&retry_after_s), "{retry_after_s}");
    assert_eq!(refused["limit"], 100);
    assert_eq!(stage.balance().await?, 100);

    let age = "update runs set created_at = now() - interval '1 hour' where id = $1";
    stage.execute(age, &[&first]).await?;
    stage.begun("one_more").await?;
    assert_eq!(begin(&stage.customer, &stage.request("two_more")).await?["outcome"], "rate_limited");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_limit_is_the_plans_and_counts_what_was_cancelled() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    stage.execute("update plans set hourly_analyses_max = 2", &[]).await?;
    let run = stage.begun("a").await?;
    cancel(&stage.customer, run).await?;
    stage.begun("b").await?;
    assert_eq!(begin(&stage.customer, &stage.request("c")).await?["outcome"], "rate_limited");
    stage.execute("update plans set hourly_analyses_max = 3", &[]).await?;
    stage.begun("c").await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_crowd_gets_exactly_what_is_left_of_the_hour() -> TestResult {
    let stage = Stage::with_credits(200).await?;
    stage.execute("update plans set hourly_analyses_max = 20", &[]).await?;
    for number in 0..9 {
        stage.begun(&format!("before_{number}")).await?;
    }
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<_> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();

    let answers = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request))).await?;

    assert_eq!(outcomes(&answers), counts([("ok", 11), ("rate_limited", CROWD - 11)]));
    assert_eq!(stage.balance().await?, 180);
    stage.assert_ledger_is_whole().await
}
