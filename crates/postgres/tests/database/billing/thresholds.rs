//! Crossing a threshold: the account is told once, and buys once.

use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};

use super::{applied, paid, tell};
use crate::support::{Stage, begin};

async fn set(stage: &Stage, low: Option<i32>, top_up: &Value) -> Result<Value, Error> {
    let top_up = (!top_up.is_null()).then_some(top_up);
    let sql = "select api.set_credit_alerts($1, $2, $3)";
    stage.customer.call(sql, &[&stage.member.account_id, &low, &top_up]).await
}

fn buys(monthly_max_cents: i64) -> Value {
    json!({ "is_on": true, "threshold": 5, "pack": "pack_20", "monthly_max_cents": monthly_max_cents })
}

async fn begun(stage: &Stage, username: &str, kind: &'static str) -> Result<Value, Error> {
    begin(&stage.customer, &stage.request(username).of_type(kind)).await
}

#[tokio::test]
async fn a_crossing_is_told_once_and_the_next_one_again() -> TestResult {
    let stage = Stage::with_credits(12).await?;
    assert_eq!(set(&stage, Some(8), &Value::Null).await?["low_balance_at"], 8);
    let told = "account_events where kind = 'low_balance'";
    begun(&stage, "a", "LIGHT").await?;
    assert_eq!(stage.count(told).await?, 0);
    begun(&stage, "b", "DEEP").await?;
    begun(&stage, "c", "LIGHT").await?;
    assert_eq!(stage.count(told).await?, 1);
    super::bought(&stage).await?;
    for username in ["d", "e", "f", "g"] {
        begun(&stage, username, "DEEP").await?;
    }
    assert_eq!(stage.count(told).await?, 2);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_crossing_buys_one_pack_however_many_charges_follow() -> TestResult {
    let stage = Stage::with_credits(8).await?;
    stage.customer.call("select api.link_customer($1, 'cus_1')", &[&stage.member.account_id]).await?;
    set(&stage, None, &buys(100_000)).await?;
    assert_eq!(begun(&stage, "a", "LIGHT").await?["top_up"], Value::Null);
    let purchase = begun(&stage, "b", "DEEP").await?["top_up"].clone();
    assert!(purchase.is_string(), "{purchase}");
    assert_eq!(begun(&stage, "c", "LIGHT").await?["top_up"], Value::Null);
    assert_eq!(stage.count("credit_purchases where origin = 'auto_top_up'").await?, 1);

    // Whoever asks is told the same.
    let attempt = "select coalesce(system.attempt_top_up($1::text::uuid), 'null')";
    let id = purchase.as_str().unwrap();
    let first = stage.backend.call(attempt, &[&id]).await?;
    assert_eq!((&first["price_cents"], &first["customer_id"]), (&json!(2000), &json!("cus_1")));
    assert_eq!(stage.backend.call(attempt, &[&id]).await?, first);

    // The answer to the charge and the event that tells of it.
    let effect = paid(id.parse().unwrap());
    assert_eq!(stage.backend.call("select system.settle_top_up($1)", &[&effect]).await?["outcome"], "applied");
    applied(&stage, "evt_1", &effect).await?;
    assert_eq!(stage.balance().await?, 21);
    assert_eq!(stage.backend.call(attempt, &[&id]).await?, Value::Null);
    assert_eq!(stage.count("account_events where kind = 'auto_top_up_bought'").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_month_costs_no_more_than_its_ceiling_and_the_account_is_told() -> TestResult {
    let stage = Stage::with_credits(6).await?;
    set(&stage, None, &buys(3_999)).await?;
    let purchase = begun(&stage, "a", "DEEP").await?["top_up"].clone();
    applied(&stage, "evt_1", &paid(purchase.as_str().unwrap().parse().unwrap())).await?;
    for username in ["b", "c", "d", "e"] {
        assert_eq!(begun(&stage, username, "DEEP").await?["top_up"], Value::Null, "{username}");
    }
    assert_eq!(stage.count("account_events where kind = 'auto_top_up_ceiling'").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_declined_card_turns_the_buying_off() -> TestResult {
    let stage = Stage::with_credits(6).await?;
    set(&stage, None, &buys(100_000)).await?;
    let purchase = begun(&stage, "a", "DEEP").await?["top_up"].clone();
    let failed = json!({ "kind": "failed_purchase", "purchase_id": purchase });
    tell(&stage.backend, "evt_1", &failed).await?;
    tell(&stage.backend, "evt_2", &failed).await?;
    assert_eq!(stage.count("auto_top_ups where not is_on and stopped_because = 'payment_failed'").await?, 1);
    assert_eq!(stage.count("account_events where kind = 'auto_top_up_failed'").await?, 1);
    let alerts = stage.customer.call("select api.credit_alerts($1)", &[&stage.member.account_id]).await?;
    assert_eq!(alerts["auto_top_up"]["stopped_because"], "payment_failed");
    // An owner turns it on again.
    let set = set(&stage, None, &buys(100_000)).await?;
    assert_eq!((&set["auto_top_up"]["is_on"], &set["auto_top_up"]["stopped_because"]), (&json!(true), &Value::Null));
    Ok(())
}

#[tokio::test]
async fn an_account_that_nobody_pays_for_buys_nothing_and_is_told() -> TestResult {
    let stage = Stage::with_credits(6).await?;
    set(&stage, None, &buys(100_000)).await?;
    let purchase = begun(&stage, "a", "DEEP").await?["top_up"].clone();
    let attempt = "select coalesce(system.attempt_top_up($1::text::uuid), 'null')";
    for _ in 0..2 {
        assert_eq!(stage.backend.call(attempt, &[&purchase.as_str()]).await?, Value::Null);
    }
    assert_eq!(stage.count("credit_purchases where status = 'failed'").await?, 1);
    assert_eq!(stage.count("auto_top_ups where not is_on").await?, 1);
    assert_eq!(stage.count("account_events where kind = 'auto_top_up_failed'").await?, 1);
    let unknown = "select coalesce(system.attempt_top_up(gen_random_uuid()), 'null')";
    assert_eq!(stage.backend.call(unknown, &[]).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn what_was_turned_off_or_is_a_day_old_is_not_charged_any_more() -> TestResult {
    let attempt = "select coalesce(system.attempt_top_up($1::text::uuid), 'null')";
    for change in [
        "",
        "update credit_purchases set created_at = now() - interval '24 hours'",
        "update accounts set deleted_at = now()",
        "update auto_top_ups set is_on = false",
    ] {
        let stage = Stage::with_credits(6).await?;
        stage.customer.call("select api.link_customer($1, 'cus_1')", &[&stage.member.account_id]).await?;
        set(&stage, None, &buys(100_000)).await?;
        let purchase = begun(&stage, "a", "DEEP").await?["top_up"].clone();
        if change.is_empty() {
            set(&stage, None, &Value::Null).await?;
        } else {
            stage.execute(change, &[]).await?;
        }
        assert_eq!(stage.backend.call(attempt, &[&purchase.as_str()]).await?, Value::Null, "{change}");
        assert_eq!(stage.count("credit_purchases where status = 'failed'").await?, 1, "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn a_bulk_that_crosses_buys_one_pack() -> TestResult {
    let stage = Stage::with_credits(6).await?;
    set(&stage, Some(4), &buys(100_000)).await?;
    let answer = crate::bulk::buy(&stage, &crate::bulk::Purchase::of(&["a", "b", "c"])).await?;
    assert!(answer["top_up"].is_string(), "{answer}");
    assert_eq!(stage.count("credit_purchases").await?, 1);
    assert_eq!(stage.count("account_events where kind = 'low_balance'").await?, 1);
    stage.assert_ledger_is_whole().await
}
