//! The trigger beneath the functions: even the owner of the tables cannot take a run where it must not go.

use oslira_testkit::{Error, TestResult};
use uuid::Uuid;

use crate::support::{Stage, advance, cancel, complete, fail, sqlstate};

const STATUSES: [&str; 5] = ["pending", "processing", "complete", "failed", "cancelled"];

/// An update that would be a whole and valid change to the status, were the change allowed.
fn change_to(status: &str) -> String {
    let rest = match status {
        "pending" => "charge_outcome = null, finished_at = null, error_code = null, error_message = null",
        "processing" => {
            "charge_outcome = null, finished_at = null, error_code = null, error_message = null, phase = 'cache', started_at = now()"
        }
        "complete" => "charge_outcome = 'result', finished_at = now(), error_code = null, error_message = null",
        "failed" => "charge_outcome = 'refunded', finished_at = now(), error_code = 'x', error_message = 'x'",
        _ => "charge_outcome = 'refunded', finished_at = now(), error_code = null, error_message = null",
    };
    format!("update runs set status = '{status}', {rest} where id = $1")
}

async fn run_in(stage: &Stage, status: &str, username: &str) -> Result<Uuid, Error> {
    let run = stage.begun(username).await?;
    if status == "processing" || status == "complete" {
        advance(&stage.backend, run, "cache").await?;
    }
    match status {
        "complete" => drop(complete(&stage.backend, run).await?),
        "failed" => drop(fail(&stage.backend, run).await?),
        "cancelled" => drop(cancel(&stage.customer, run).await?),
        _ => {}
    }
    assert_eq!(stage.run_field(run, "status").await?.as_deref(), Some(status));
    Ok(run)
}

#[tokio::test]
async fn exactly_the_designed_transitions_are_possible() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let allowed = [
        ("pending", "processing"),
        ("pending", "failed"),
        ("pending", "cancelled"),
        ("processing", "complete"),
        ("processing", "failed"),
        ("processing", "cancelled"),
    ];
    for from in STATUSES {
        for to in STATUSES.into_iter().filter(|to| *to != from) {
            let run = run_in(&stage, from, &format!("{from}.{to}")).await?;
            let outcome = stage.superuser.execute(&change_to(to), &[&run]).await;
            assert_eq!(outcome.is_ok(), allowed.contains(&(from, to)), "{from} -> {to}: {outcome:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_finished_run_never_changes() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let changes = [
        "charge_outcome = 'kept'",
        "finished_at = now() + interval '1 second'",
        "error_message = 'another'",
        "ai_started_at = now() + interval '1 second'",
        "phase = 'saving'",
        "cache_hit = true",
        "credits = credits + 1",
        "username = 'someone.else'",
        "account_id = gen_random_uuid()",
    ];
    for status in ["complete", "failed", "cancelled"] {
        let run = run_in(&stage, status, status).await?;
        for change in changes {
            let outcome = stage.superuser.execute(&format!("update runs set {change} where id = $1"), &[&run]).await;
            let code = outcome.err().and_then(|error| error.code().map(|code| code.code().to_owned()));
            assert_eq!(code.as_deref(), Some("23001"), "{status}: {change}");
        }
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_is_born_pending_and_its_purchase_never_changes() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    assert!(stage.execute("update runs set credits = 0 where id = $1", &[&run]).await.is_err());
    assert!(stage.execute("update runs set analysis_type = 'XRAY' where id = $1", &[&run]).await.is_err());
    let unborn = "insert into runs (id, account_id, username, analysis_type, credits, status, phase, started_at)
                  values (gen_random_uuid(), $1, 'esa', 'LIGHT', 1, 'processing', 'cache', now())";
    assert!(stage.execute(unborn, &[&stage.member.account_id]).await.is_err());
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn two_active_runs_for_the_same_work_cannot_exist() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    let copy = "insert into runs (id, account_id, business_profile_id, username, analysis_type, credits)
                select gen_random_uuid(), account_id, business_profile_id, username, analysis_type, credits
                  from runs where id = $1";
    assert_eq!(sqlstate(stage.execute(copy, &[&run]).await), "23505");
    advance(&stage.backend, run, "cache").await?;
    assert_eq!(sqlstate(stage.execute(copy, &[&run]).await), "23505");
    stage.assert_ledger_is_whole().await
}
