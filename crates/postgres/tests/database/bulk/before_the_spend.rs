//! Dry run, ceiling, limits and leads that are held already: what keeps a purchase from costing more than was meant.

use oslira_testkit::TestResult;
use serde_json::{Value, json};

use super::{Purchase, ask, buy, usernames};
use crate::support::{Stage, advance, begin, complete};

#[tokio::test]
async fn a_dry_run_writes_nothing_and_is_what_the_purchase_then_charges() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    stage.begun("esa").await?;
    let purchase = Purchase::of(&["nasa", "esa", "jaxa", "isro"]).with(json!({ "pilot": 2 })).keyed("key");
    let before = stage.count("runs").await?;

    let dry = ask(&stage, &Purchase { options: json!({ "pilot": 2, "dry_run": true }), ..purchase.again() }).await?;

    assert_eq!((&dry["outcome"], &dry["refusal"]), (&json!("dry_run"), &Value::Null));
    assert_eq!((stage.balance().await?, stage.count("runs").await?, stage.count("bulk_runs").await?), (8, before, 0));
    let bought = buy(&stage, &purchase).await?;
    for field in ["credits", "credits_each", "balance", "held", "skipped", "waiting"] {
        assert_eq!(dry[field], bought[field], "{field}");
    }
    assert_eq!(usernames(&dry["items"]), usernames(&bought["items"]));
    assert_eq!(dry["items"][0], json!({ "line": 1, "username": "nasa" }), "a run that does not exist has no id");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_dry_run_says_what_would_refuse_it() -> TestResult {
    let stage = Stage::with_credits(2).await?;
    let dry = |options: Value| Purchase::of(&["nasa", "esa", "jaxa"]).with(options);
    let answer = ask(&stage, &dry(json!({ "dry_run": true }))).await?;
    assert_eq!(answer["refusal"], json!({ "outcome": "insufficient_credits", "balance": 2, "required": 3 }));
    assert_eq!(usernames(&answer["items"]).len(), 3);
    let answer = ask(&stage, &dry(json!({ "dry_run": true, "max_credits": 1 }))).await?;
    assert_eq!(answer["refusal"], json!({ "outcome": "over_ceiling", "max_credits": 1, "required": 3 }));
    Ok(())
}

#[tokio::test]
async fn a_ceiling_refuses_the_whole_list_its_pilot_included() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let list = || Purchase::of(&["nasa", "esa", "jaxa"]).of_type("DEEP");
    let refused = json!({ "outcome": "over_ceiling", "max_credits": 14, "required": 15 });
    assert_eq!(ask(&stage, &list().with(json!({ "max_credits": 14 }))).await?, refused);
    // A pilot alone would fit; but the whole is what the ceiling is for.
    assert_eq!(ask(&stage, &list().with(json!({ "max_credits": 14, "pilot": 1 }))).await?, refused);
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (100, 0));
    assert_eq!(buy(&stage, &list().with(json!({ "max_credits": 15 }))).await?["credits"], 15);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_list_that_the_balance_or_the_cap_does_not_allow_is_refused_whole() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let four = Purchase::of(&["a", "b", "c", "d"]);
    let answer = ask(&stage, &four).await?;
    assert_eq!(answer, json!({ "outcome": "insufficient_credits", "balance": 3, "required": 4 }));
    let set = "update accounts set daily_credit_cap = 2 where id = $1";
    stage.execute(set, &[&stage.member.account_id]).await?;
    let three = Purchase::of(&["a", "b", "c"]);
    let answer = ask(&stage, &three).await?;
    assert_eq!((&answer["outcome"], &answer["required"]), (&json!("budget_exceeded"), &json!(3)));
    assert_eq!((stage.balance().await?, stage.count("runs").await?, stage.count("bulk_runs").await?), (3, 0, 0));
    buy(&stage, &Purchase::of(&["a", "b"])).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_service_that_is_out_refuses_before_the_charge() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let other = stage.begun("other").await?;
    stage.backend.call("select system.report_outage('apify', 'exhausted', $1)", &[&other]).await?;
    assert_eq!(ask(&stage, &Purchase::of(&["a"])).await?["outcome"], "provider_unavailable");
    Ok(())
}

#[tokio::test]
async fn bulks_have_an_hourly_limit_of_their_own() -> TestResult {
    let stage = Stage::with_credits(1_000).await?;
    stage.execute("update plans set hourly_analyses_max = 1, hourly_bulk_analyses_max = 150", &[]).await?;
    // A single analysis does not block a hundred, nor a hundred a single one.
    stage.begun("single").await?;
    let first = Purchase::many(100, "first");
    buy(&stage, &first).await?;
    assert_eq!(begin(&stage.customer, &stage.request("one_more")).await?["outcome"], "rate_limited");
    stage.execute("update plans set hourly_analyses_max = 2", &[]).await?;
    stage.begun("one_more").await?;

    let refused = ask(&stage, &Purchase::many(51, "second")).await?;
    assert_eq!(refused["outcome"], "rate_limited");
    assert!((3_590..=3_600).contains(&refused["retry_after_s"].as_i64().unwrap()), "{refused}");
    assert_eq!((&refused["limit"], &refused["left"]), (&json!(150), &json!(50)));
    buy(&stage, &Purchase::many(50, "third")).await?;

    // Forty lines have aged: forty more fit, and no more.
    let aged = "update runs set created_at = created_at - interval '1 hour' where bulk_id = $1 and bulk_line <= 40";
    stage.execute(aged, &[&first.bulk]).await?;
    let refused = ask(&stage, &Purchase::many(41, "fourth")).await?;
    assert_eq!((&refused["outcome"], &refused["left"]), (&json!("rate_limited"), &json!(40)));
    buy(&stage, &Purchase::many(40, "fourth")).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn leads_that_are_held_and_fresh_are_returned_free() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let mut leads = Vec::new();
    for name in ["fresh", "old", "stale", "deleted"] {
        let run = stage.begun_and(name, "saving").await?;
        leads.push(complete(&stage.backend, run).await?["lead_id"].clone());
    }
    let age = "update analyses set created_at = created_at - interval '8 days'
                where lead_id = (select id from leads where username = 'old')";
    stage.execute(age, &[]).await?;
    stage
        .execute(
            "update analyses set is_stale = true where lead_id = (select id from leads where username = 'stale')",
            &[],
        )
        .await?;
    let delete = "select api.delete_lead($1, (select id from leads where username = 'deleted'))";
    stage.customer.call(delete, &[&stage.member.account_id]).await?;
    let list = || Purchase::of(&["fresh", "old", "stale", "deleted"]);

    let answer = ask(&stage, &list().with(json!({ "fresh_within_days": 7, "dry_run": true }))).await?;
    assert_eq!(usernames(&answer["items"]), ["old", "stale", "deleted"]);
    assert_eq!((usernames(&answer["held"]), &answer["held"][0]["lead_id"]), (vec!["fresh"], &leads[0]));
    assert_eq!(answer["held"][0]["score"], 70);
    let answer = ask(&stage, &list().with(json!({ "fresh_within_days": 9, "dry_run": true }))).await?;
    assert_eq!(usernames(&answer["held"]), ["fresh", "old"]);
    // Of another type, nothing is held; and without the option everything is bought.
    let deep = list().of_type("DEEP").with(json!({ "fresh_within_days": 7, "dry_run": true }));
    assert_eq!(usernames(&ask(&stage, &deep).await?["items"]).len(), 4);
    let answer = buy(&stage, &list()).await?;
    assert_eq!((usernames(&answer["items"]).len(), usernames(&answer["held"]).len()), (4, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_list_of_leads_that_are_all_held_costs_nothing_and_is_complete() -> TestResult {
    let stage = Stage::with_credits(1).await?;
    let run = stage.begun("nasa").await?;
    advance(&stage.backend, run, "saving").await?;
    complete(&stage.backend, run).await?;
    let purchase = Purchase::of(&["nasa"]).with(json!({ "fresh_within_days": 1 }));
    let answer = buy(&stage, &purchase).await?;
    assert_eq!((&answer["credits"], &answer["balance"]), (&json!(0), &json!(0)));
    assert_eq!(stage.count("bulk_runs where status = 'complete' and finished_at is not null").await?, 1);
    stage.assert_ledger_is_whole().await
}
