//! `record_usage`: what each provider call cost, once.

use oslira_testkit::TestResult;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Stage, ai_usage, cancel, record_usage, scrape_usage};

#[tokio::test]
async fn a_call_counts_once_however_often_its_step_is_replayed() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    for (kind, usage) in [("ai", ai_usage()), ("scrape", scrape_usage())] {
        assert!(record_usage(&stage.backend, run, kind, "key-1", &usage).await?);
        assert!(!record_usage(&stage.backend, run, kind, "key-1", &usage).await?);
        assert!(record_usage(&stage.backend, run, kind, "key-2", &usage).await?);
    }
    assert_eq!((stage.count("ai_usage_logs").await?, stage.count("scrape_logs").await?), (2, 2));
    Ok(())
}

#[tokio::test]
async fn every_field_is_kept_under_the_runs_account() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    for (kind, table, usage) in [("ai", "ai_usage_logs", ai_usage()), ("scrape", "scrape_logs", scrape_usage())] {
        record_usage(&stage.backend, run, kind, "key", &usage).await?;
        let sql = format!("select to_jsonb(t) - '{{id,created_at}}'::text[] from {table} t");
        let stored: Value = stage.superuser.query_one(&sql, &[]).await?.get(0);
        let mut expected = usage;
        expected["run_id"] = json!(run);
        expected["account_id"] = json!(stage.member.account_id);
        expected["provider_key"] = json!("key");
        assert_eq!(stored, expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_run_that_was_cancelled_keeps_its_true_cost() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "analyzing").await?;
    cancel(&stage.customer, run).await?;
    assert!(record_usage(&stage.backend, run, "ai", "late", &ai_usage()).await?);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_unknown_run_records_nothing_and_an_unknown_kind_is_an_error() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    assert!(!record_usage(&stage.backend, Uuid::now_v7(), "ai", "key", &ai_usage()).await?);
    let run = stage.begun("nasa").await?;
    let refused = record_usage(&stage.backend, run, "water", "key", &ai_usage()).await;
    assert_eq!(crate::support::sqlstate(refused), "22023");
    Ok(())
}
