//! A customer stops a bulk, or it could not be started.

use oslira_testkit::TestResult;
use serde_json::json;

use super::{Purchase, ask, buy, cancel_bulk, undo_bulk};
use crate::support::{Stage, advance, complete, fail};

#[tokio::test]
async fn unstarted_lines_are_refunded_and_running_ones_end_by_their_own_rule() -> TestResult {
    let stage = Stage::with_credits(30).await?;
    let purchase = Purchase::of(&["done", "failed", "judged", "scraped", "waiting"]).of_type("DEEP");
    buy(&stage, &purchase).await?;
    advance(&stage.backend, purchase.run(0), "saving").await?;
    complete(&stage.backend, purchase.run(0)).await?;
    fail(&stage.backend, purchase.run(1)).await?;
    advance(&stage.backend, purchase.run(2), "analyzing").await?;
    advance(&stage.backend, purchase.run(3), "scraping").await?;
    assert_eq!(stage.balance().await?, 10);

    let answer = cancel_bulk(&stage.customer, purchase.bulk).await?;

    let mut ended = purchase.runs().split_off(2);
    ended.sort_unstable();
    let expected = json!({ "outcome": "cancelled", "runs": ended, "refunded": 10, "kept": 5, "balance": 20 });
    assert_eq!(answer, expected);
    assert_eq!(cancel_bulk(&stage.customer, purchase.bulk).await?, expected, "a repeat");
    // Nothing of it is started any more, whoever comes with an old list of its runs.
    for line in [2, 3, 4] {
        let advanced = advance(&stage.backend, purchase.run(line), "cache").await?;
        assert_eq!(advanced, json!({ "active": false, "status": "cancelled" }));
    }
    assert_eq!(stage.balance().await?, 20);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_ended_bulk_cannot_be_cancelled() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let purchase = Purchase::of(&["a"]);
    buy(&stage, &purchase).await?;
    fail(&stage.backend, purchase.run(0)).await?;
    let finished = json!({ "outcome": "finished", "status": "complete" });
    assert_eq!(cancel_bulk(&stage.customer, purchase.bulk).await?, finished, "though nobody has ended it");
    assert_eq!(stage.count("bulk_runs where status = 'complete'").await?, 1);
    assert_eq!(cancel_bulk(&stage.customer, purchase.bulk).await?, finished);
    Ok(())
}

#[tokio::test]
async fn a_bulk_of_which_nothing_had_begun_frees_its_key() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let purchase = Purchase::of(&["a", "b"]).keyed("key");
    buy(&stage, &purchase).await?;
    cancel_bulk(&stage.customer, purchase.bulk).await?;
    assert_eq!(ask(&stage, &purchase.again()).await?["outcome"], "ok");

    let second = Purchase::of(&["c"]).keyed("second");
    buy(&stage, &second).await?;
    advance(&stage.backend, second.run(0), "scraping").await?;
    cancel_bulk(&stage.customer, second.bulk).await?;
    assert_eq!(ask(&stage, &second.again()).await?["outcome"], "replay");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_bulk_is_undone_whole_or_goes_on_with_what_was_taken_up() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let unstarted = Purchase::of(&["a", "b"]);
    buy(&stage, &unstarted).await?;
    assert_eq!(undo_bulk(&stage.customer, unstarted.bulk).await?["refunded"], 2);
    assert_eq!(stage.balance().await?, 10);

    let started = Purchase::of(&["a", "b"]);
    buy(&stage, &started).await?;
    advance(&stage.backend, started.run(0), "analyzing").await?;
    assert_eq!(undo_bulk(&stage.customer, started.bulk).await?, json!({ "outcome": "started" }));
    assert_eq!(stage.run_field(started.run(0), "status").await?.as_deref(), Some("processing"));
    assert_eq!(stage.run_field(started.run(1), "status").await?.as_deref(), Some("pending"), "all of it goes on");
    assert_eq!(stage.count("bulk_runs where status = 'processing'").await?, 1);
    stage.assert_ledger_is_whole().await
}
