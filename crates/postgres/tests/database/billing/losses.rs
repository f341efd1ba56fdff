//! Refunds and disputes: credits are taken back in proportion, once, and given back when the money comes back.

use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{applied, bought, grants, month, owed, spend, tell};
use crate::support::{Stage, begin, fail};

fn refund(purchase: Uuid, refunded_cents: i64) -> Value {
    json!({
        "kind": "refund", "payment_intent_id": format!("pi_{purchase}"), "invoice_id": null, "purchase_id": null,
        "refunded_cents": refunded_cents
    })
}

fn dispute(purchase: Uuid, status: &str) -> Value {
    json!({
        "kind": "dispute", "dispute_id": "dp_1", "payment_intent_id": format!("pi_{purchase}"), "amount_cents": 2000,
        "status": status
    })
}

/// Balance and debt.
async fn stands(stage: &Stage) -> Result<(i64, i64), Error> {
    Ok((stage.balance().await?, owed(stage).await?))
}

#[tokio::test]
async fn a_partial_refund_takes_its_part_of_the_credits_and_each_cent_once() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let purchase = bought(&stage).await?;
    for (event, cents, left) in [
        ("evt_a", 500, 15),
        ("evt_b", 500, 15),
        ("evt_c", 1000, 10),
        ("evt_d", 700, 10),
        ("evt_e", 1999, 1),
        ("evt_f", 2000, 0),
        ("evt_g", 2000, 0),
    ] {
        applied(&stage, event, &refund(purchase, cents)).await?;
        assert_eq!(stands(&stage).await?, (left, 0), "{event}: {cents} cents");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_is_spent_is_taken_from_other_grants_and_the_rest_is_owed_until_credits_come() -> TestResult {
    let stage = Stage::with_credits(4).await?;
    let purchase = bought(&stage).await?;
    spend(&stage, 18).await?;
    assert_eq!(grants(&stage).await?, ["free:0", "pack:6"]);
    applied(&stage, "evt_half", &refund(purchase, 1000)).await?;
    assert_eq!(stands(&stage).await?, (0, 4));
    assert_eq!(stage.count("account_events where kind = 'credits_owed' and details ->> 'credits' = '4'").await?, 1);
    bought(&stage).await?;
    assert_eq!(stands(&stage).await?, (16, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_that_comes_back_pays_the_debt_too() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let purchase = bought(&stage).await?;
    let deep = stage.request("nasa").of_type("DEEP");
    begin(&stage.customer, &deep).await?;
    applied(&stage, "evt_full", &refund(purchase, 2000)).await?;
    assert_eq!(stands(&stage).await?, (0, 5));
    assert_eq!(fail(&stage.backend, deep.run).await?["balance"], 0);
    assert_eq!(stands(&stage).await?, (0, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_dispute_that_is_lost_won_and_refunded_later_counts_once() -> TestResult {
    for (told, expected) in [
        (vec!["open"], (0, 0)),
        (vec!["open", "lost"], (0, 0)),
        (vec!["open", "won"], (20, 0)),
        // Late and repeated news change nothing.
        (vec!["won", "open"], (20, 0)),
        (vec!["won", "lost"], (20, 0)),
        // On appeal.
        (vec!["open", "lost", "open", "won"], (20, 0)),
        (vec!["lost", "open", "lost"], (0, 0)),
    ] {
        let stage = Stage::with_credits(0).await?;
        let purchase = bought(&stage).await?;
        for (number, status) in told.iter().enumerate() {
            applied(&stage, &format!("evt_{number}"), &dispute(purchase, status)).await?;
        }
        assert_eq!(stands(&stage).await?, expected, "{told:?}");
        // A refund beside it takes no more than the payment was.
        applied(&stage, "evt_refund", &refund(purchase, 2000)).await?;
        assert_eq!(stands(&stage).await?, (0, 0), "{told:?}");
        stage.assert_ledger_is_whole().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_dispute_that_is_won_gives_back_what_it_took_and_first_forgets_the_debt() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let purchase = bought(&stage).await?;
    spend(&stage, 15).await?;
    applied(&stage, "evt_1", &dispute(purchase, "open")).await?;
    assert_eq!(stands(&stage).await?, (0, 15));
    applied(&stage, "evt_2", &dispute(purchase, "won")).await?;
    assert_eq!(stands(&stage).await?, (5, 0));
    assert_eq!(grants(&stage).await?, ["free:0", "pack:0", "pack:5"]);
    assert_eq!(stage.count("credit_grants where expires_at is not null").await?, 0, "a pack never ends");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_refund_that_is_told_before_its_payment_waits_for_it() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let paid = month(&stage, "in_1", "starter_month", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    let refunded = json!({
        "kind": "refund", "payment_intent_id": "pi_other", "invoice_id": "in_1", "purchase_id": null, "refunded_cents": 2000
    });
    assert_eq!(tell(&stage.backend, "evt_refund", &refunded).await?["outcome"], "waiting");
    let claim = "select system.claim_events(10)";
    assert_eq!(stage.backend.call(claim, &[]).await?, json!([]), "it was just tried");
    applied(&stage, "evt_paid", &paid).await?;
    assert_eq!(stage.balance().await?, 25);
    // Now it may be that for which it waits.
    assert_eq!(stage.backend.call(claim, &[]).await?[0]["id"], "evt_refund");
    assert_eq!(stage.backend.call(claim, &[]).await?, json!([]), "it is the first caller's");
    applied(&stage, "evt_refund", &refunded).await?;
    assert_eq!(stands(&stage).await?, (0, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_refunded_year_takes_its_part_of_each_month_that_is_granted() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    // Far ahead, so that only the job grants later months.
    let (start, end) = ("2096-11-01T00:00:00Z", "2097-11-01T00:00:00Z");
    let state = super::subscription(&stage, "growth_year", start, end);
    let paid = super::invoice("in_1", &state, &[super::line("growth_year", start, end, 2000)]);
    applied(&stage, "evt_1", &paid).await?;
    let renew = "select to_jsonb(system.renew_subscription(id, $1::text::timestamptz)) from subscriptions";
    let refunded = json!({ "kind": "refund", "payment_intent_id": "pi_in_1", "refunded_cents": 500 });
    applied(&stage, "evt_2", &refunded).await?;
    assert_eq!(stage.balance().await?, 75);
    stage.backend.call(renew, &[&"2096-12-01T00:00:00Z"]).await?;
    // 75 of the second month beside the 75 of the first, of which 100 may stay.
    assert_eq!(stage.balance().await?, 150);
    stage.assert_ledger_is_whole().await
}
