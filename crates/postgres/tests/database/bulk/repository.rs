//! The product's own ports for bulks over the real database.

use oslira_app::{
    features::analysis::{
        BulkCancelled, BulkItem, BulkLine, BulkOptions, BulkOutcome, BulkPlan, BulkRefusal, BulkRepository, BulkStatus,
        ChargeOutcome, ListEntry, RequiredServices, RunStatus, SystemBulks,
    },
    features::judging::ModelChoice,
    shared::{
        analysis_type::AnalysisType,
        idempotency::IdempotencyKey,
        ids::{BulkId, BusinessProfileId, RunId, UserId},
    },
};
use oslira_testkit::Error;
use serde_json::json;
use uuid::Uuid;

use super::{Purchase, buy};
use crate::support::{Stage, acting, advance, complete, fail};

type Passed = Result<(), Box<dyn std::error::Error>>;

fn lines(names: &[&str]) -> Vec<BulkLine> {
    let line = |(line, name): (u32, &&str)| BulkLine {
        line,
        username: name.parse().unwrap(),
        run_id: RunId::new(Uuid::now_v7()),
    };
    (1..).zip(names).map(line).collect()
}

fn needs() -> RequiredServices {
    RequiredServices::of(AnalysisType::Light, &ModelChoice::default()).unwrap()
}

async fn begin(stage: &Stage, names: &[&str], options: BulkOptions) -> Result<BulkOutcome, Error> {
    let (bulk, profile) = (BulkId::new(Uuid::now_v7()), BusinessProfileId::new(stage.member.business_profile_id));
    let key = IdempotencyKey::parse("key").unwrap();
    let key = Some((&key, "body"));
    let tenant = stage.tenant();
    let member = acting(&stage.member);
    let begun = tenant.begin(member, bulk, &lines(names), profile, AnalysisType::Light, &options, &needs(), key).await;
    begun.map_err(|error| Error::Unexpected(error.to_string()))
}

fn bought(outcome: BulkOutcome) -> BulkPlan {
    match outcome {
        BulkOutcome::Bought(plan) => plan,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_answer_of_a_purchase_is_understood() -> Passed {
    let stage = Stage::with_credits(2).await?;
    let dry = BulkOptions { dry_run: true, ..BulkOptions::default() };
    let BulkOutcome::DryRun(dry) = begin(&stage, &["a", "b", "c"], dry).await? else { panic!("no dry run") };
    assert_eq!((dry.plan.bulk_id, dry.plan.items[2].run_id, dry.plan.credits), (None, None, 3));
    assert!(matches!(dry.refusal, Some(BulkRefusal::AsOne(_))), "{:?}", dry.refusal);

    let ceiling = BulkOptions { max_credits: Some(1), ..BulkOptions::default() };
    let over = BulkOutcome::Refused(BulkRefusal::OverCeiling { max_credits: 1, required: 2 });
    assert_eq!(begin(&stage, &["a", "b"], ceiling).await?, over);
    assert_eq!(begin(&stage, &[], ceiling).await?, BulkOutcome::Refused(BulkRefusal::NothingToDo));

    let pilot = BulkOptions { pilot: Some(1), ..BulkOptions::default() };
    let plan = bought(begin(&stage, &["a", "b"], pilot).await?);
    assert_eq!((plan.items.len(), plan.waiting.len(), plan.balance), (1, 1, 1));
    assert_eq!(begin(&stage, &["a", "b"], pilot).await?, BulkOutcome::Replay(plan.clone()));

    let (user, bulk) = (UserId::new(stage.member.user_id), plan.bulk_id.unwrap());
    assert_eq!(stage.tenant().type_of(user, bulk).await?, Some(AnalysisType::Light));
    let rest = bought(stage.tenant().go_on(user, bulk, &needs()).await?);
    assert_eq!((rest.items[0].username.as_str(), rest.balance), ("b", 0));
    let stopped = stage.tenant().cancel(user, bulk, false).await?;
    let BulkCancelled::Cancelled { runs, refunded: 2, kept: 0, balance: 2 } = stopped else { panic!("{stopped:?}") };
    assert_eq!(runs.len(), 2);
    let nobodys = BulkId::new(Uuid::now_v7());
    assert_eq!(stage.tenant().cancel(user, nobodys, false).await?, BulkCancelled::NotFound);
    assert_eq!(stage.tenant().go_on(user, nobodys, &needs()).await?, BulkOutcome::Refused(BulkRefusal::NotFound));
    Ok(())
}

#[tokio::test]
async fn a_bulk_is_read_with_every_line_and_its_state() -> Passed {
    let stage = Stage::with_credits(9).await?;
    let held = stage.begun_and("held", "saving").await?;
    complete(&stage.backend, held).await?;
    stage.begun("skipped").await?;
    let options = json!({ "pilot": 3, "fresh_within_days": 7 });
    let purchase = Purchase::of(&["done", "held", "failed", "skipped", "going", "waiting"]).with(options);
    buy(&stage, &purchase).await?;
    advance(&stage.backend, purchase.run(0), "saving").await?;
    complete(&stage.backend, purchase.run(0)).await?;
    fail(&stage.backend, purchase.run(2)).await?;
    advance(&stage.backend, purchase.run(4), "analyzing").await?;
    let (tenant, member) = (stage.tenant(), acting(&stage.member));
    let (user, bulk) = (UserId::new(stage.member.user_id), BulkId::new(purchase.bulk));

    let found = tenant.get(member, bulk).await?.unwrap();
    let states: Vec<_> = found.items.iter().map(|item| (item.line, item.status, item.charge_outcome)).collect();
    assert_eq!(
        states,
        [
            (1, RunStatus::Complete, Some(ChargeOutcome::Result)),
            (3, RunStatus::Failed, Some(ChargeOutcome::Refunded)),
            (5, RunStatus::Processing, None),
        ]
    );
    let done: &BulkItem = &found.items[0];
    assert_eq!((done.score, done.lead_id.is_some()), (Some(70), true));
    assert_eq!(found.items[1].error.as_ref().unwrap().code, "profile_not_found");
    assert_eq!((found.status, found.credits_spent), (BulkStatus::Processing, 2));
    assert_eq!((found.held[0].line, found.skipped[0].line, found.waiting[0].line), (2, 4, 6));
    let progress = tenant.progress(user, bulk).await?.unwrap().view();
    assert_eq!((progress.status, progress.percent), (RunStatus::Processing, 65));
    let failed = ListEntry { line: 3, username: "failed".parse().unwrap() };
    assert_eq!(tenant.failed_lines(member, bulk).await?, Some(vec![failed]));

    // Of another account nothing of it is seen.
    let bob = stage.database.member("bob", 9).await?;
    assert_eq!(tenant.get(acting(&bob), bulk).await?, None);
    assert_eq!(tenant.failed_lines(acting(&bob), bulk).await?, None);
    assert!(tenant.progress(UserId::new(bob.user_id), bulk).await?.is_none());
    assert_eq!(tenant.type_of(UserId::new(bob.user_id), bulk).await?, None);

    fail(&stage.backend, purchase.run(4)).await?;
    assert_eq!(tenant.get(member, bulk).await?.unwrap().status, BulkStatus::AwaitingContinue);
    assert_eq!(tenant.progress(user, bulk).await?.unwrap().status, BulkStatus::AwaitingContinue);
    stage.execute("update bulk_runs set continue_until = clock_timestamp()", &[]).await?;
    // Nobody has written its end down yet.
    let over = tenant.get(member, bulk).await?.unwrap();
    assert_eq!((over.status, over.waiting.len(), over.finished_at.is_some()), (BulkStatus::Complete, 0, true));
    assert_eq!(tenant.progress(user, bulk).await?.unwrap().view().percent, 100);
    Ok(())
}

#[tokio::test]
async fn stale_leads_are_listed_best_first() -> Passed {
    let stage = Stage::with_credits(9).await?;
    for name in ["a", "b", "fresh"] {
        let run = stage.begun_and(name, "saving").await?;
        complete(&stage.backend, run).await?;
    }
    let stale = "update analyses set is_stale = true, score = case when lead_id = (select id from leads where username = 'b') then 90 else 10 end
                  where lead_id in (select id from leads where username <> 'fresh')";
    stage.execute(stale, &[]).await?;
    let profile = BusinessProfileId::new(stage.member.business_profile_id);
    let found = stage.tenant().stale_leads(acting(&stage.member), profile, 100).await?;
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(stage.tenant().stale_leads(acting(&stage.member), profile, 1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_workflow_and_the_job_are_understood() -> Passed {
    let stage = Stage::with_credits(9).await?;
    let purchase = Purchase::of(&["a", "b"]);
    buy(&stage, &purchase).await?;
    let (admin, bulk) = (stage.admin(), BulkId::new(purchase.bulk));
    let runs: Vec<RunId> = purchase.runs().into_iter().map(RunId::new).collect();
    let tended = admin.tend(bulk).await?;
    assert_eq!(
        (tended.account_id.unwrap().uuid(), tended.active, &tended.pending),
        (stage.member.account_id, 2, &runs)
    );
    fail(&stage.backend, purchase.run(0)).await?;
    assert_eq!(admin.beat_unstarted(bulk, &runs).await?, runs[1..]);
    assert_eq!(admin.end_finished(10).await?, 0);
    fail(&stage.backend, purchase.run(1)).await?;
    assert_eq!(admin.end_finished(10).await?, 1);
    assert_eq!(admin.tend(BulkId::new(Uuid::now_v7())).await?.account_id, None);
    Ok(())
}
