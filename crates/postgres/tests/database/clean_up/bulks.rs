//! What a list was asked for with is forgotten when a repeat would not count any more.

use oslira_app::features::retention::Remains;
use oslira_testkit::TestResult;

use super::{ALL, removed};
use crate::{
    bulk::{Purchase, ask, buy},
    support::Stage,
};

#[tokio::test]
async fn the_key_and_the_hash_of_a_list_go_after_a_day() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let purchase = Purchase::of(&["ann_77", "bob_77"]).keyed("once");
    buy(&stage, &purchase).await?;
    let age = "update bulk_runs set created_at = now() - $1::text::interval";
    stage.execute(age, &[&"23 hours 59 minutes"]).await?;
    assert_eq!(removed(&stage, Remains::BulkKeys, ALL).await, 0);
    assert_eq!(ask(&stage, &purchase).await?["outcome"], "replay");
    stage.execute(age, &[&"24 hours 1 minute"]).await?;
    assert_eq!(removed(&stage, Remains::BulkKeys, ALL).await, 1);
    assert_eq!(stage.count("bulk_runs where idempotency_key is null and body_hash is null").await?, 1);
    assert_eq!(removed(&stage, Remains::BulkKeys, ALL).await, 0);
    Ok(())
}
