//! What a purchase charges, and what it answers to repeats and strangers.

use oslira_testkit::TestResult;
use serde_json::json;

use super::{Purchase, ask, buy, cancel_bulk, carry_on, try_buying, usernames};
use crate::support::{Stage, begin, cancel, fail, sqlstate};

#[tokio::test]
async fn each_line_is_a_run_with_a_charge_of_its_own() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let purchase = Purchase::of(&["nasa", "esa", "jaxa"]).of_type("DEEP");

    let answer = buy(&stage, &purchase).await?;

    assert_eq!(
        answer,
        json!({
            "outcome": "ok", "bulk_id": purchase.bulk, "credits_each": 5, "credits": 15, "balance": 5,
            "items": purchase.lines, "held": [], "skipped": [], "erased": [], "waiting": [], "continue_until": null,
        })
    );
    let rows = "select jsonb_agg(jsonb_build_array(r.username, r.bulk_line, r.status, r.analysis_type, t.amount, t.balance_after, t.idempotency_key = 'charge:' || r.id) order by t.id)
                  from runs r join credit_transactions t on t.run_id = r.id where r.bulk_id = $1";
    let rows: serde_json::Value = stage.superuser.query_one(rows, &[&purchase.bulk]).await?.get(0);
    assert_eq!(
        rows,
        json!([
            ["nasa", 1, "pending", "DEEP", -5, 15, true],
            ["esa", 2, "pending", "DEEP", -5, 10, true],
            ["jaxa", 3, "pending", "DEEP", -5, 5, true],
        ])
    );
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn one_line_that_fails_is_refunded_by_itself() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let purchase = Purchase::of(&["nasa", "esa", "jaxa"]);
    buy(&stage, &purchase).await?;
    fail(&stage.backend, purchase.run(1)).await?;
    assert_eq!(stage.balance().await?, 1);
    assert_eq!(stage.count("runs where status = 'pending'").await?, 2);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn one_line_can_be_cancelled_by_itself() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let purchase = Purchase::of(&["nasa", "esa", "jaxa"]);
    buy(&stage, &purchase).await?;
    assert_eq!(cancel(&stage.customer, purchase.run(0)).await?["refunded"], 1);
    assert_eq!(stage.balance().await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_is_not_charged() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let purchase = Purchase::of(&["nasa", "esa"]).keyed("key");
    let first = buy(&stage, &purchase).await?;
    fail(&stage.backend, purchase.run(0)).await?;

    let mut replay = ask(&stage, &purchase.again()).await?;

    assert_eq!(replay["outcome"], "replay");
    replay["outcome"] = json!("ok");
    assert_eq!(replay, first);
    let other = Purchase { body_hash: "other", ..purchase.again() };
    assert_eq!(ask(&stage, &other).await?, json!({ "outcome": "idempotency_key_reused" }));
    assert_eq!((stage.balance().await?, stage.count("bulk_runs").await?), (8, 1));

    stage.execute("update bulk_runs set created_at = created_at - interval '24 hours'", &[]).await?;
    stage.execute("update runs set created_at = created_at - interval '24 hours', heartbeat_at = now()", &[]).await?;
    assert_eq!(
        ask(&stage, &Purchase { body_hash: "other", ..Purchase::of(&["new"]).keyed("key") }).await?["outcome"],
        "ok"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_running_is_skipped_and_named() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let running = stage.begun("esa").await?;
    let purchase = Purchase::of(&["nasa", "esa", "jaxa"]);

    let answer = buy(&stage, &purchase).await?;

    assert_eq!(usernames(&answer["items"]), ["nasa", "jaxa"]);
    assert_eq!(answer["skipped"], json!([{ "line": 2, "username": "esa", "run_id": running }]));
    assert_eq!((&answer["credits"], stage.balance().await?), (&json!(2), 6));
    // And the other way round: a line that is running is no second single analysis.
    let single = begin(&stage.customer, &stage.request("jaxa")).await?;
    assert_eq!(single, json!({ "outcome": "duplicate", "run_id": purchase.run(2) }));
    // All of it again: nothing is left to buy, and that is an answer.
    let again = buy(&stage, &purchase.again()).await?;
    assert_eq!((again["items"].clone(), usernames(&again["skipped"]).len()), (json!([]), 3));
    assert_eq!(stage.count("bulk_runs where status = 'complete'").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_that_is_silent_for_five_minutes_is_refunded_and_its_line_bought() -> TestResult {
    // Two credits: the second line can only be paid with the silent run's refund.
    let stage = Stage::with_credits(2).await?;
    let silent = stage.begun_and("esa", "analyzing").await?;
    stage.let_beat_age(silent, 301.0).await?;
    let purchase = Purchase::of(&["nasa", "esa"]);
    let dry = ask(&stage, &purchase.again().with(json!({ "dry_run": true }))).await?;
    assert_eq!(
        (usernames(&dry["items"]), &dry["refusal"], &dry["balance"]),
        (vec!["nasa", "esa"], &json!(null), &json!(0))
    );
    assert_eq!(stage.run_field(silent, "status").await?.as_deref(), Some("processing"), "a dry run writes nothing");

    let answer = buy(&stage, &purchase).await?;

    assert_eq!((usernames(&answer["items"]), &answer["balance"]), (vec!["nasa", "esa"], &json!(0)));
    assert_eq!(stage.run_field(silent, "error_code").await?.as_deref(), Some("stalled"));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn another_accounts_bulk_does_not_exist() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let eve = stage.database.member("eve", 9).await?;
    let eves_session = stage.database.customer(eve.user_id).await?;
    let purchase = Purchase::of(&["nasa", "esa"]).with(json!({ "pilot": 1 })).keyed("key");
    buy(&stage, &purchase).await?;

    assert_eq!(carry_on(&eves_session, purchase.bulk).await?, json!({ "outcome": "not_found" }));
    assert_eq!(cancel_bulk(&eves_session, purchase.bulk).await?, json!({ "outcome": "not_found" }));
    let in_anns_name = try_buying(&eves_session, &stage.member, &purchase.again()).await?;
    assert_eq!(in_anns_name, json!({ "outcome": "forbidden" }));
    let mut borrowed = eve;
    borrowed.business_profile_id = stage.member.business_profile_id;
    let answer = try_buying(&eves_session, &borrowed, &purchase.again()).await?;
    assert_eq!(answer, json!({ "outcome": "business_profile_not_found" }));
    assert_eq!(eves_session.rows("select 1 from bulk_runs", &[]).await?.len(), 0);
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (8, 1));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_the_api_never_sends_is_an_error() -> TestResult {
    let stage = Stage::with_credits(300).await?;
    assert_eq!(sqlstate(ask(&stage, &Purchase::many(101, "name")).await), "22023");
    assert_eq!(sqlstate(ask(&stage, &Purchase::of(&["nasa"]).with(json!({ "pilot": 0 }))).await), "22023");
    assert_eq!(sqlstate(ask(&stage, &Purchase::of(&["nasa", "nasa"])).await), "23505");
    assert_eq!(sqlstate(ask(&stage, &Purchase::of(&["Not A Name"])).await), "23514");
    assert_eq!(ask(&stage, &Purchase::of(&[])).await?, json!({ "outcome": "nothing_to_do" }));
    assert_eq!(
        ask(&stage, &Purchase::of(&["nasa"]).of_type("HUGE")).await?,
        json!({ "outcome": "unknown_analysis_type" })
    );
    let bought = Purchase::of(&["nasa"]);
    buy(&stage, &bought).await?;
    let other_line = stage.execute("update runs set bulk_line = 2 where id = $1", &[&bought.run(0)]).await;
    assert_eq!(sqlstate(other_line), "23001", "what was bought never changes");
    assert_eq!(stage.balance().await?, 299);
    stage.assert_ledger_is_whole().await
}
