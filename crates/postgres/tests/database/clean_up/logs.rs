//! Logs end 90 days after they were written.

use oslira_app::features::retention::{Remains, RemainsStore};
use oslira_testkit::{Error, TestResult};

use super::{ALL, batches, removed};
use crate::support::{Stage, ai_usage, record_usage, scrape_usage};

const LOGS: [(Remains, &str, &str); 3] = [
    (Remains::AiUsage, "ai_usage_logs", "created_at"),
    (Remains::ScrapeLogs, "scrape_logs", "created_at"),
    (Remains::JobRuns, "job_runs", "started_at"),
];

/// So many rows in each log.
async fn logged(stage: &Stage, rows: usize) -> Result<(), Error> {
    let run = stage.begun("nasa").await?;
    for row in 0..rows {
        record_usage(&stage.backend, run, "ai", &row.to_string(), &ai_usage()).await?;
        record_usage(&stage.backend, run, "scrape", &row.to_string(), &scrape_usage()).await?;
        stage.backend.rows("select system.begin_job('clean-up', now())", &[]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_log_ends_with_its_ninetieth_day() -> TestResult {
    for (what, table, time) in LOGS {
        let stage = Stage::with_credits(5).await?;
        logged(&stage, 1).await?;
        let age = format!("update {table} set {time} = now() - interval '90 days' + $1::text::interval");
        stage.execute(&age, &[&"1 minute"]).await?;
        assert_eq!((removed(&stage, what, ALL).await, stage.count(table).await?), (0, 1), "{table}");
        stage.execute(&age, &[&"-1 second"]).await?;
        assert_eq!((removed(&stage, what, ALL).await, stage.count(table).await?), (1, 0), "{table}");
        stage.assert_ledger_is_whole().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_written_at_that_very_moment_stays() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    logged(&stage, 1).await?;
    for (what, table, time) in LOGS {
        stage.execute(&format!("update {table} set {time} = '2026-01-01T00:00:00.000001Z'"), &[]).await?;
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(stage.admin().remove(what, at("2026-01-01T00:00:00.000001Z"), ALL).await.unwrap(), 0, "{table}");
        assert_eq!(stage.admin().remove(what, at("2026-01-01T00:00:00.000002Z"), ALL).await.unwrap(), 1, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn the_oldest_go_first_a_batch_at_a_time() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    logged(&stage, 5).await?;
    for (what, table, time) in LOGS {
        // The first is the youngest.
        stage
            .execute(&format!("update {table} set {time} = now() - make_interval(days => 90 + id::integer)"), &[])
            .await?;
        assert_eq!(removed(&stage, what, 2).await, 2);
        assert_eq!(stage.count(&format!("{table} where id <= 3")).await?, 3, "{table}");
        assert_eq!(batches(&stage, what, 2).await, [2, 1], "{table}");
    }
    stage.assert_ledger_is_whole().await
}
