//! The rows that tell what became of the scheduled jobs, through the product's own statements.

use oslira_app::{
    features::jobs::{JobRecords, JobReport},
    triggers::Job,
};
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};

use crate::support::{Stage, sqlstate};

const WHEN: &str = "2026-11-26T02:00:00Z";

async fn rows(stage: &Stage) -> Result<Vec<Value>, Error> {
    let sql = "select to_jsonb(j) - '{id,started_at,finished_at}'::text[]
                 || jsonb_build_object('has_ended', finished_at >= started_at) from job_runs j order by id";
    Ok(stage.superuser.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn a_job_leaves_its_report_or_its_error_or_if_it_died_neither() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let admin = stage.admin();
    let when = WHEN.parse().unwrap();
    for job in Job::ALL {
        admin.begin(job, when).await.unwrap();
    }
    let (good, bad) = (admin.begin(Job::CleanUp, when).await.unwrap(), admin.begin(Job::CleanUp, when).await.unwrap());
    let report = JobReport::of(&json!({ "rows": { "leads": 3 } }));
    admin.end(good, Ok(&report)).await.unwrap();
    admin.end(bad, Err("store unavailable: R2")).await.unwrap();
    // A repeat, or a late one, changes nothing.
    admin.end(bad, Ok(&report)).await.unwrap();

    let rows = rows(&stage).await?;
    for (row, job) in rows.iter().zip(Job::ALL) {
        let died = json!({
            "job": job.name(), "scheduled_for": "2026-11-26T02:00:00+00:00", "outcome": null, "report": null,
            "error": null, "has_ended": null,
        });
        assert_eq!(row, &died);
    }
    let ends: Vec<Value> = rows[Job::ALL.len()..]
        .iter()
        .map(|row| json!([row["outcome"], row["report"], row["error"], row["has_ended"]]))
        .collect();
    assert_eq!(
        ends,
        [json!(["ok", { "rows": { "leads": 3 } }, null, true]), json!(["failed", null, "store unavailable: R2", true])]
    );
    Ok(())
}

#[tokio::test]
async fn a_reason_of_any_length_is_kept_and_an_end_without_one_refused() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let admin = stage.admin();
    for (reason, kept) in [("", 7), ("é", 1), (&*"é".repeat(501), 500)] {
        let run = admin.begin(Job::WatchModels, WHEN.parse().unwrap()).await.unwrap();
        admin.end(run, Err(reason)).await.unwrap();
        let sql = "select char_length(error) from job_runs where id = $1";
        assert_eq!(stage.superuser.query_one(sql, &[&run.0]).await?.get::<_, i32>(0), kept);
    }
    for ends in ["null, null", "'{}', 'x'"] {
        let refused = stage.backend.rows(&format!("select system.end_job(1, {ends})"), &[]).await;
        assert_eq!(sqlstate(refused), "22023", "{ends}");
    }
    Ok(())
}
