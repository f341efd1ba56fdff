//! The life of a run after it was bought: heartbeat, cancel, fail.

use oslira_app::{
    features::analysis::{Phase, RunRepository, RunStatus, SystemRuns, UndoOutcome},
    shared::{
        analysis_type::AnalysisType,
        ids::{RunId, UserId},
    },
};
use oslira_testkit::TestResult;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Request, Stage, advance, begun, cancel, complete, fail, sqlstate, undo};

#[tokio::test]
async fn each_phase_beats_and_the_phase_never_goes_back() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    let active = json!({ "active": true, "status": "processing" });
    for phase in ["cache", "scraping", "storing", "analyzing", "saving"] {
        stage.let_beat_age(run, 200.0).await?;
        assert_eq!(advance(&stage.backend, run, phase).await?, active);
        assert_eq!(stage.run_field(run, "phase").await?.as_deref(), Some(phase));
        assert_eq!(stage.run_field(run, "heartbeat_at > now() - interval '1 minute'").await?.as_deref(), Some("true"));
    }
    // A replayed step names an earlier phase: its heartbeat counts, and the phase does not go back.
    stage.let_beat_age(run, 200.0).await?;
    assert_eq!(advance(&stage.backend, run, "scraping").await?, active);
    assert_eq!(stage.run_field(run, "phase").await?.as_deref(), Some("saving"));
    assert_eq!(stage.run_field(run, "heartbeat_at > now() - interval '1 minute'").await?.as_deref(), Some("true"));
    Ok(())
}

#[tokio::test]
async fn a_phase_is_read_as_it_was_written() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    for phase in [Phase::Cache, Phase::Scraping, Phase::Storing, Phase::Analyzing, Phase::Saving] {
        assert!(stage.admin().advance(RunId::new(run), phase).await.unwrap());
        let stored = stage.run_field(run, "phase").await?;
        assert_eq!(serde_json::to_value(phase).unwrap(), json!(stored));
    }
    Ok(())
}

#[tokio::test]
async fn the_start_of_ai_work_is_recorded_once_and_only_then() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "storing").await?;
    assert_eq!(stage.run_field(run, "ai_started_at").await?, None);
    let started_at = stage.run_field(run, "started_at").await?;

    advance(&stage.backend, run, "analyzing").await?;
    let ai_started_at = stage.run_field(run, "ai_started_at").await?;
    assert!(ai_started_at.is_some());
    advance(&stage.backend, run, "analyzing").await?;
    advance(&stage.backend, run, "saving").await?;
    assert_eq!(stage.run_field(run, "ai_started_at").await?, ai_started_at);
    assert_eq!(stage.run_field(run, "started_at").await?, started_at);
    Ok(())
}

#[tokio::test]
async fn a_workflow_takes_up_a_run_with_the_business_it_was_bought_for_even_when_that_was_deleted_since() -> TestResult
{
    let stage = Stage::with_credits(5).await?;
    let (admin, run) = (stage.admin(), stage.begun("nasa").await?);
    stage.execute("update business_profiles set deleted_at = now()", &[]).await?;
    let assignment = admin.take_up(RunId::new(run)).await.unwrap().unwrap();
    assert_eq!(stage.run_field(run, "(status, phase)").await?.as_deref(), Some("(processing,cache)"));
    assert_eq!(assignment.account_id.uuid(), stage.member.account_id);
    assert_eq!((assignment.username.as_str(), assignment.analysis_type), ("nasa", AnalysisType::Light));
    let business = assignment.business;
    assert_eq!((business.id.uuid(), business.context_version), (stage.member.business_profile_id, 1));
    assert!(business.voice.is_some_and(|voice| voice.starts_with("Like a training partner")));
    assert_eq!(business.do_not_say, ["guilt-free", "cheat meal", "game-changer", "lose weight fast"]);
    assert_eq!(business.competitors, ["MealMachine", "Protein Parcel"]);
    assert_eq!(business.proof_points.len(), 3);
    let icp = business.ideal_customer;
    assert_eq!((icp.follower_min, icp.follower_max), (Some(5000), Some(500_000)));
    assert_eq!(icp.engagement_rate_min_percent, Some(1.5));
    assert_eq!(icp.geographies, ["United States", "Canada", "United Kingdom", "Australia"]);
    assert_eq!(icp.content_themes.len(), 7);

    assert!(admin.take_up(RunId::new(run)).await.unwrap().is_some(), "a replayed step asks again");
    cancel(&stage.customer, run).await?;
    assert_eq!(admin.take_up(RunId::new(run)).await.unwrap(), None);
    assert_eq!(admin.take_up(RunId::new(Uuid::now_v7())).await.unwrap(), None);
    Ok(())
}

#[tokio::test]
async fn an_unknown_phase_is_an_error() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    assert_eq!(sqlstate(advance(&stage.backend, run, "dreaming").await), "22023");
    Ok(())
}

#[tokio::test]
async fn a_workflow_hears_that_its_run_has_ended() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "cache").await?;
    cancel(&stage.customer, run).await?;
    assert_eq!(advance(&stage.backend, run, "scraping").await?, json!({ "active": false, "status": "cancelled" }));
    assert_eq!(stage.run_field(run, "phase").await?.as_deref(), Some("cache"));
    let unknown = advance(&stage.backend, Uuid::now_v7(), "cache").await?;
    assert_eq!(unknown, json!({ "active": false, "status": "not_found" }));
    Ok(())
}

#[tokio::test]
async fn a_cancel_before_ai_work_refunds_in_full() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let deep = stage.request("nasa").of_type("DEEP");
    begun(&stage.customer, &deep).await?;
    let refunded = json!({ "outcome": "cancelled", "refunded": 5, "kept": 0, "balance": 20 });
    assert_eq!(cancel(&stage.customer, deep.run).await?, refunded);

    let light = stage.begun_and("nasa", "storing").await?;
    let refunded = json!({ "outcome": "cancelled", "refunded": 1, "kept": 0, "balance": 20 });
    assert_eq!(cancel(&stage.customer, light).await?, refunded);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_cancel_after_ai_work_began_keeps_the_charge() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let run = stage.begun_and("nasa", "analyzing").await?;
    let kept = json!({ "outcome": "cancelled", "refunded": 0, "kept": 1, "balance": 19 });
    assert_eq!(cancel(&stage.customer, run).await?, kept);
    assert_eq!(stage.run_field(run, "charge_outcome").await?.as_deref(), Some("kept"));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_repeated_cancel_gives_its_first_answer_though_the_balance_moved_on() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let early = stage.begun("early").await?;
    let first_early = cancel(&stage.customer, early).await?;
    let late = stage.begun_and("late", "analyzing").await?;
    let first_late = cancel(&stage.customer, late).await?;
    stage.begun("later").await?;
    let later = stage.begun("even_later").await?;
    fail(&stage.backend, later).await?;
    assert_eq!(stage.balance().await?, 18);

    assert_eq!(cancel(&stage.customer, early).await?, first_early);
    assert_eq!(cancel(&stage.customer, late).await?, first_late);
    assert_eq!(first_late["balance"], 19);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_finished_run_cannot_be_cancelled() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let done = stage.begun_and("done", "saving").await?;
    complete(&stage.backend, done).await?;
    assert_eq!(cancel(&stage.customer, done).await?, json!({ "outcome": "finished", "status": "complete" }));
    let failed = stage.begun("failed").await?;
    fail(&stage.backend, failed).await?;
    assert_eq!(cancel(&stage.customer, failed).await?, json!({ "outcome": "finished", "status": "failed" }));
    assert_eq!(stage.balance().await?, 4);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_of_others_is_not_found() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let stranger = stage.database.member("eve", 5).await?;
    let strangers_session = stage.database.customer(stranger.user_id).await?;
    let run = stage.begun("nasa").await?;
    let not_found = json!({ "outcome": "not_found" });

    assert_eq!(cancel(&strangers_session, run).await?, not_found);
    assert_eq!(cancel(&stage.customer, Uuid::now_v7()).await?, not_found);
    stage.execute("update accounts set deleted_at = now() where id = $1", &[&stage.member.account_id]).await?;
    assert_eq!(cancel(&stage.customer, run).await?, not_found);
    assert_eq!(stage.run_field(run, "status").await?.as_deref(), Some("pending"));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn any_member_of_the_account_may_cancel() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let colleague = stage.database.member("bob", 0).await?;
    let join = "insert into account_members (user_id, account_id) values ($1, $2)";
    stage.execute(join, &[&colleague.user_id, &stage.member.account_id]).await?;
    let colleagues_session = stage.database.customer(colleague.user_id).await?;

    let run = begun(&colleagues_session, &Request::new(&stage.member, "nasa")).await?;
    assert_eq!(cancel(&stage.customer, run).await?["refunded"], 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_failure_refunds_once_even_after_ai_work() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "analyzing").await?;
    assert_eq!(fail(&stage.backend, run).await?, json!({ "outcome": "failed", "refunded": 1, "balance": 5 }));
    assert_eq!(fail(&stage.backend, run).await?, json!({ "outcome": "unchanged", "status": "failed" }));
    assert_eq!(stage.run_field(run, "error_code").await?.as_deref(), Some("profile_not_found"));
    assert_eq!(stage.run_field(run, "error_message").await?.as_deref(), Some("This profile does not exist."));
    let unknown = fail(&stage.backend, Uuid::now_v7()).await?;
    assert_eq!(unknown, json!({ "outcome": "unchanged", "status": "not_found" }));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_poor_reason_does_not_stop_a_refund() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let long = "x".repeat(5000);
    for (code, message) in [(None, None), (Some(""), Some("")), (Some(long.as_str()), Some(long.as_str()))] {
        let run = stage.begun("nasa").await?;
        let answer = stage.backend.call("select system.fail_run($1, $2, $3)", &[&run, &code, &message]).await?;
        assert_eq!(answer, json!({ "outcome": "failed", "refunded": 1, "balance": 5 }));
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_purchase_that_no_workflow_has_taken_up_is_undone_as_if_it_had_not_been_made() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let request = stage.request("nasa").keyed("key");
    begun(&stage.customer, &request).await?;
    let undone = json!({ "outcome": "undone" });
    for _ in 0..2 {
        assert_eq!(undo(&stage.customer, request.run).await?, undone);
        assert_eq!((stage.balance().await?, stage.count("credit_transactions where kind = 'refund'").await?), (5, 1));
    }
    assert_eq!(advance(&stage.backend, request.run, "cache").await?["active"], false);
    begun(&stage.customer, &request.again()).await?;

    let cancelled = stage.begun("cancelled").await?;
    cancel(&stage.customer, cancelled).await?;
    assert_eq!(undo(&stage.customer, cancelled).await?, undone);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_that_a_workflow_has_taken_up_is_not_undone() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    for phase in ["cache", "scraping", "analyzing", "saving"] {
        let run = stage.begun_and(phase, phase).await?;
        let balance = stage.balance().await?;
        assert_eq!(undo(&stage.customer, run).await?, json!({ "outcome": "unchanged", "status": "processing" }));
        assert_eq!(stage.run_field(run, "(status, phase)").await?, Some(format!("(processing,{phase})")));
        assert_eq!(stage.balance().await?, balance);
        assert_eq!(complete(&stage.backend, run).await?["outcome"], "completed", "its customer gets the result");
        assert_eq!(undo(&stage.customer, run).await?, json!({ "outcome": "unchanged", "status": "complete" }));
    }
    let failed = stage.begun("failed").await?;
    fail(&stage.backend, failed).await?;
    assert_eq!(undo(&stage.customer, failed).await?, json!({ "outcome": "unchanged", "status": "failed" }));
    let cancelled = stage.begun_and("cancelled", "cache").await?;
    cancel(&stage.customer, cancelled).await?;
    assert_eq!(undo(&stage.customer, cancelled).await?, json!({ "outcome": "unchanged", "status": "cancelled" }));

    let stranger = stage.database.member("eve", 5).await?;
    let run = stage.begun("pending").await?;
    let not_found = json!({ "outcome": "not_found" });
    assert_eq!(undo(&stage.database.customer(stranger.user_id).await?, run).await?, not_found);
    assert_eq!(undo(&stage.customer, Uuid::now_v7()).await?, not_found);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_product_undoes_through_its_own_port() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (tenant, user) = (stage.tenant(), UserId::new(stage.member.user_id));
    let run = stage.begun("nasa").await?;
    assert_eq!(tenant.undo(user, RunId::new(run)).await.unwrap(), UndoOutcome::Undone);
    let run = stage.begun_and("nasa", "analyzing").await?;
    let unchanged = UndoOutcome::Unchanged { status: RunStatus::Processing };
    assert_eq!(tenant.undo(user, RunId::new(run)).await.unwrap(), unchanged);
    assert_eq!(tenant.undo(user, RunId::new(Uuid::now_v7())).await.unwrap(), UndoOutcome::NotFound);
    stage.assert_ledger_is_whole().await
}
