//! Cancelling is no way to have us scrape for nothing: after a scrape has begun, ten cancels of an account a day are
//! refunded, and what a cancel would give back is told before.

use futures_util::future::try_join_all;
use oslira_app::{features::analysis::RunRepository, shared::ids::RunId};
use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bulk::{Purchase, buy};
use crate::support::{Stage, acting, advance, cancel};

async fn told(session: &Session, id: Uuid) -> Result<Option<i64>, Error> {
    Ok(session.rows("select api.refund_if_cancelled($1)", &[&id]).await?[0].get(0))
}

/// Cancels so many runs whose scrape has begun, and returns what came back.
async fn cancel_scraped(stage: &Stage, count: usize, letters: &str) -> Result<i64, Error> {
    let mut refunded = 0;
    for number in 0..count {
        let run = stage.begun_and(&format!("{letters}_{number}"), "scraping").await?;
        let before = told(&stage.customer, run).await?.unwrap();
        let answer = cancel(&stage.customer, run).await?;
        assert_eq!(answer["refunded"], json!(before), "it was told before");
        refunded += before;
    }
    Ok(refunded)
}

#[tokio::test]
async fn the_eleventh_cancel_after_a_scrape_began_is_kept_until_the_next_day() -> TestResult {
    let stage = Stage::with_credits(30).await?;
    assert_eq!(cancel_scraped(&stage, 12, "first").await?, 10);
    assert_eq!((stage.balance().await?, stage.count("runs where charge_outcome = 'kept'").await?), (28, 2));
    // What nobody has scraped for is refunded as always.
    let untouched = stage.begun("untouched").await?;
    assert_eq!(told(&stage.customer, untouched).await?, Some(1));
    assert_eq!(cancel(&stage.customer, untouched).await?["refunded"], 1);
    let looked_up = stage.begun_and("looked_up", "cache").await?;
    assert_eq!(cancel(&stage.customer, looked_up).await?["refunded"], 1);

    stage.superuser.batch_execute("alter table runs disable trigger guard_run").await?;
    stage.execute("update runs set finished_at = finished_at - interval '24 hours'", &[]).await?;
    assert_eq!(cancel_scraped(&stage, 1, "next_day").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_scrape_that_began_before_the_workflow_counts_once_it_is_noted() -> TestResult {
    let stage = Stage::with_credits(30).await?;
    cancel_scraped(&stage, 10, "first").await?;
    let (asked, analyzing) = (stage.begun("asked").await?, stage.begun_and("analyzing", "analyzing").await?);
    let other = stage.database.member("bob", 0).await?;
    let bob = stage.database.customer(other.user_id).await?;
    let note = async |session: &Session| {
        session.call("select to_jsonb(api.note_scrapes($1))", &[&[asked, analyzing].as_slice()]).await
    };
    assert_eq!(note(&bob).await?, 0, "of others nothing is noted");
    assert_eq!(told(&stage.customer, asked).await?, Some(1));
    assert_eq!(note(&stage.customer).await?, 1);
    assert_eq!(note(&stage.customer).await?, 0);
    assert_eq!(stage.run_field(analyzing, "phase").await?.as_deref(), Some("analyzing"));
    assert_eq!(told(&stage.customer, asked).await?, Some(0));
    assert_eq!(cancel(&stage.customer, asked).await?["kept"], 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn each_account_has_its_own_ten() -> TestResult {
    let stage = Stage::with_credits(30).await?;
    cancel_scraped(&stage, 11, "first").await?;
    let other = Stage { member: stage.database.member("bob", 9).await?, ..Stage::with_credits(0).await? };
    let bob = stage.database.customer(other.member.user_id).await?;
    let run = crate::support::begun(&bob, &other.request("nasa")).await?;
    advance(&stage.backend, run, "scraping").await?;
    assert_eq!(told(&stage.customer, run).await?, None, "of others nothing is told");
    assert_eq!(cancel(&bob, run).await?["refunded"], 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_many_cancels_at_once_ten_are_refunded() -> TestResult {
    let stage = Stage::with_credits(30).await?;
    let _turn = stage.database.crowd_turn().await?;
    let mut runs = Vec::new();
    for number in 0..16 {
        runs.push(stage.begun_and(&format!("name_{number}"), "storing").await?);
    }
    let crowd = stage.crowd().await?;
    let answers: Vec<Value> = try_join_all(crowd.iter().zip(&runs).map(|(session, run)| cancel(session, *run))).await?;
    assert_eq!(answers.iter().filter(|answer| answer["refunded"] == 1).count(), 10);
    assert_eq!(stage.balance().await?, 24);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_lines_of_a_bulk_count_one_by_one() -> TestResult {
    let stage = Stage::with_credits(40).await?;
    let purchase = Purchase::many(14, "line");
    buy(&stage, &purchase).await?;
    for line in 0..12 {
        advance(&stage.backend, purchase.run(line), "scraping").await?;
    }
    advance(&stage.backend, purchase.run(12), "analyzing").await?;
    assert_eq!(told(&stage.customer, purchase.bulk).await?, Some(11), "ten scraped, one untouched");

    let answer = stage.customer.call("select api.cancel_bulk($1, false)", &[&purchase.bulk]).await?;

    assert_eq!((&answer["refunded"], &answer["kept"]), (&json!(11), &json!(3)));
    assert_eq!(told(&stage.customer, purchase.bulk).await?, None);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_that_is_looked_at_tells_what_a_cancel_would_give_back() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let run = stage.begun_and("nasa", "scraping").await?;
    let (tenant, member) = (stage.tenant(), acting(&stage.member));
    let look = async || tenant.get(member, RunId::new(run)).await.unwrap().unwrap().refund_if_cancelled;
    assert_eq!(look().await, Some(1));
    advance(&stage.backend, run, "analyzing").await?;
    assert_eq!(look().await, Some(0));
    cancel(&stage.customer, run).await?;
    assert_eq!(look().await, None);
    Ok(())
}
