//! A pilot: the first lines now, the rest when the customer says so.

use oslira_testkit::TestResult;
use serde_json::json;

use super::{Purchase, buy, cancel_bulk, carry_on, tend, usernames};
use crate::support::{Stage, advance, complete, fail};

#[tokio::test]
async fn a_pilot_charges_its_lines_and_continue_the_rest_once() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let purchase = Purchase::of(&["a", "b", "c", "d"]).with(json!({ "pilot": 2 }));
    let answer = buy(&stage, &purchase).await?;
    assert_eq!((usernames(&answer["items"]), usernames(&answer["waiting"])), (vec!["a", "b"], vec!["c", "d"]));
    assert_eq!((&answer["credits"], stage.balance().await?, stage.count("runs").await?), (&json!(2), 8, 2));

    let continued = carry_on(&stage.customer, purchase.bulk).await?;

    assert_eq!((usernames(&continued["items"]), &continued["balance"]), (vec!["c", "d"], &json!(6)));
    let mut again = carry_on(&stage.customer, purchase.bulk).await?;
    assert_eq!(again["outcome"], "replay");
    again["outcome"] = json!("ok");
    assert_eq!((again, stage.balance().await?), (continued, 6));
    assert_eq!(stage.run_field(purchase.run(3), "bulk_line").await?.as_deref(), Some("4"));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn after_a_day_the_rest_is_not_bought_and_the_bulk_ends() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let purchase = Purchase::of(&["a", "b"]).with(json!({ "pilot": 1 }));
    buy(&stage, &purchase).await?;
    fail(&stage.backend, purchase.run(0)).await?;
    assert_eq!(tend(&stage.backend, purchase.bulk).await?["status"], "processing", "it can still be continued");
    stage.execute("update bulk_runs set continue_until = clock_timestamp()", &[]).await?;

    assert_eq!(carry_on(&stage.customer, purchase.bulk).await?, json!({ "outcome": "nothing_to_continue" }));
    assert_eq!(stage.backend.rows("select system.end_finished_bulks(10)", &[]).await?[0].get::<_, i64>(0), 1);

    assert_eq!(stage.count("bulk_runs where status = 'complete' and rest is null").await?, 1);
    assert_eq!(carry_on(&stage.customer, purchase.bulk).await?, json!({ "outcome": "nothing_to_continue" }));
    assert_eq!(stage.balance().await?, 10);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_continuation_that_cannot_be_paid_is_refused_and_can_be_repeated() -> TestResult {
    let stage = Stage::with_credits(2).await?;
    let purchase = Purchase::of(&["a", "b", "c"]).with(json!({ "pilot": 1 }));
    buy(&stage, &purchase).await?;
    let refused = json!({ "outcome": "insufficient_credits", "balance": 1, "required": 2 });
    assert_eq!(carry_on(&stage.customer, purchase.bulk).await?, refused);
    stage
        .backend
        .call(
            "select system.grant_credits($1, 5, 'promotion', null, null, 'gift', 'A gift')",
            &[&stage.member.account_id],
        )
        .await?;
    assert_eq!(carry_on(&stage.customer, purchase.bulk).await?["balance"], 4);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_rest_is_looked_through_again_before_it_is_bought() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let options = json!({ "pilot": 1, "fresh_within_days": 7 });
    let purchase = Purchase::of(&["a", "running", "held", "b"]).with(options);
    buy(&stage, &purchase).await?;
    let running = stage.begun("running").await?;
    let held = stage.begun("held").await?;
    advance(&stage.backend, held, "saving").await?;
    complete(&stage.backend, held).await?;

    let continued = carry_on(&stage.customer, purchase.bulk).await?;

    assert_eq!(usernames(&continued["items"]), ["b"]);
    assert_eq!(continued["skipped"][0]["run_id"], json!(running));
    assert_eq!(usernames(&continued["held"]), ["held"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_price_that_rose_since_the_pilot_does_not_concern_the_rest() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let purchase = Purchase::of(&["a", "b"]).with(json!({ "pilot": 1 }));
    buy(&stage, &purchase).await?;
    stage.execute("update analysis_prices set credits = 4 where analysis_type = 'LIGHT'", &[]).await?;
    assert_eq!(carry_on(&stage.customer, purchase.bulk).await?["credits"], 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_cancelled_pilot_cannot_be_continued() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let purchase = Purchase::of(&["a", "b"]).with(json!({ "pilot": 1 }));
    buy(&stage, &purchase).await?;
    cancel_bulk(&stage.customer, purchase.bulk).await?;
    assert_eq!(carry_on(&stage.customer, purchase.bulk).await?, json!({ "outcome": "nothing_to_continue" }));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (10, 1));
    stage.assert_ledger_is_whole().await
}
