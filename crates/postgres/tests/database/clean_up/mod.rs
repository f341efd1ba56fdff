//! What the daily clean-up removes and erases, through the product's own statements.

mod accounts;
mod bulks;
mod business_profiles;
mod deleted;
mod ghosts;
mod invitations;
mod logs;

use jiff::{SignedDuration, Timestamp};
use oslira_app::features::retention::{Remains, RemainsStore};
use oslira_testkit::{Error, TestResult};
use uuid::Uuid;

use crate::support::{Stage, complete};

/// More than any test has rows.
const ALL: u32 = 1_000;

/// Removes up to so many rows, as a job does that runs now.
async fn removed(stage: &Stage, what: Remains, limit: u32) -> u32 {
    stage.admin().remove(what, Timestamp::now() - what.kept_for(), limit).await.unwrap()
}

/// The rows that each of the batches takes until one is not full.
async fn batches(stage: &Stage, what: Remains, limit: u32) -> Vec<u32> {
    let mut taken = Vec::new();
    loop {
        taken.push(removed(stage, what, limit).await);
        if taken.last().is_some_and(|rows| *rows < limit) {
            return taken;
        }
    }
}

/// A complete run, and its lead.
async fn analysed(stage: &Stage, username: &str) -> Result<(Uuid, Uuid), Error> {
    let run = stage.begun_and(username, "saving").await?;
    let lead = complete(&stage.backend, run).await?["lead_id"].as_str().unwrap().parse().unwrap();
    Ok((run, lead))
}

/// Deletes leads as their customer would have done so many days ago.
async fn delete_leads(stage: &Stage, leads: &[Uuid], days: f64) -> TestResult {
    for lead in leads {
        stage.customer.call("select api.delete_lead($1, $2)", &[&stage.member.account_id, lead]).await?;
    }
    for (table, id) in [("leads", "id"), ("analyses", "lead_id")] {
        let age = format!(
            "update {table} set deleted_at = now() - make_interval(secs => $2::float8 * 86400) where {id} = any ($1)"
        );
        stage.execute(&age, &[&leads, &days]).await?;
    }
    Ok(())
}

/// A statement that chooses the rows of a batch, and the index that it has to walk.
const CHOICES: [(&str, &str); 8] = [
    ("id from ai_usage_logs where created_at < now() order by created_at limit 10", "ai_usage_logs_oldest"),
    ("id from scrape_logs where created_at < now() order by created_at limit 10", "scrape_logs_oldest"),
    ("id from job_runs where started_at < now() order by started_at limit 10", "job_runs_oldest"),
    ("id from analyses where deleted_at < now() order by deleted_at limit 10", "analyses_deleted"),
    ("id from leads where deleted_at < now() order by deleted_at limit 10", "leads_deleted"),
    ("id from business_profiles where deleted_at < now() order by deleted_at limit 10", "business_profiles_deleted"),
    (
        "id from accounts where deleted_at < now() and tombstoned_at is null order by deleted_at limit 10",
        "accounts_to_erase",
    ),
    (
        "id from invitations where least(accepted_at, revoked_at, expires_at) < now()
          order by least(accepted_at, revoked_at, expires_at) limit 10",
        "invitations_over",
    ),
];

#[tokio::test]
async fn the_rows_of_a_batch_are_the_beginning_of_an_index() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    // The tables are empty: the planner would scan and sort them whatever indexes there are.
    stage.superuser.batch_execute("set enable_seqscan = off; set enable_sort = off").await?;
    for (choice, index) in CHOICES {
        let plan = stage.superuser.query(&format!("explain select {choice}"), &[]).await?;
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains(&format!("using {index} on"))), "{choice}: {plan:#?}");
        assert!(!plan.iter().any(|line| line.contains("Sort")), "{choice}: {plan:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_limit_that_is_none_is_refused_and_nothing_is_removed() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (_, lead) = analysed(&stage, "nasa").await?;
    delete_leads(&stage, &[lead], 31.0).await?;
    for what in Remains::ALL {
        for limit in [0, 5_001] {
            let refused = stage.admin().remove(what, Timestamp::now() + SignedDuration::from_hours(24), limit).await;
            assert!(refused.unwrap_err().to_string().contains("22023"), "{what:?} {limit}");
        }
    }
    assert_eq!(stage.count("leads").await?, 1);
    Ok(())
}
