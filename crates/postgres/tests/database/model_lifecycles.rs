//! Single models: one that is gone is out without its provider, and what the providers' lists say about it is kept.

use jiff::civil::date;
use oslira_app::{
    features::{
        analysis::{Outage, SystemRuns},
        judging::{LifecycleStatus, LifecycleStore, ModelLifecycle, ModelName},
    },
    shared::ids::RunId,
};
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Request, Stage, begin, sqlstate};

const LUNA: &str = "openai/gpt-6-luna";
const HAIKU: &str = "anthropic/claude-haiku-5-5";

fn lifecycle(model: &'static str, status: LifecycleStatus) -> ModelLifecycle {
    ModelLifecycle { model: ModelName::fixed(model), status, retires_on: None }
}

/// The answer to a request for an analysis that needs these services.
async fn asked(stage: &Stage, needs: Value) -> Result<Value, Error> {
    let username = format!("p{}", &Uuid::new_v4().simple().to_string()[..12]);
    let request = Request { services: needs, ..stage.request(&username) };
    begin(&stage.customer, &request).await
}

async fn gone(stage: &Stage, model: &str) -> bool {
    stage.admin().report_outage(RunId::new(Uuid::now_v7()), model, Outage::Gone).await.unwrap()
}

#[tokio::test]
async fn a_model_that_is_gone_is_out_at_once_alone_and_for_a_day() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    assert!(gone(&stage, LUNA).await, "the first report opens it");
    assert!(!gone(&stage, LUNA).await, "the next one does not");
    assert_eq!(asked(&stage, json!([["apify"], [LUNA, HAIKU]])).await?["outcome"], "ok");
    assert_eq!(asked(&stage, json!([["openai/gpt-6.1-terra"]])).await?["outcome"], "ok");
    assert_eq!(asked(&stage, json!([["openai"]])).await?["outcome"], "ok");
    let refused = asked(&stage, json!([["apify"], [LUNA]])).await?;
    assert_eq!(refused["outcome"], "provider_unavailable");
    let seconds = refused["retry_after_s"].as_i64().unwrap();
    assert!((86_000..=86_400).contains(&seconds), "{refused}");
    assert_eq!(stage.balance().await?, 6);
    Ok(())
}

#[tokio::test]
async fn a_model_is_out_while_its_provider_is() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    stage.admin().report_outage(RunId::new(Uuid::now_v7()), "openai", Outage::Exhausted).await.unwrap();
    assert_eq!(asked(&stage, json!([[LUNA]])).await?["outcome"], "provider_unavailable");
    assert_eq!(asked(&stage, json!([[LUNA, HAIKU]])).await?["outcome"], "ok");
    gone(&stage, HAIKU).await;
    let refused = asked(&stage, json!([[LUNA, HAIKU]])).await?;
    let seconds = refused["retry_after_s"].as_i64().unwrap();
    assert!(seconds <= 60, "the first alternative to come back counts: {refused}");
    assert_eq!(asked(&stage, json!([["openai-compatible/x"]])).await?["outcome"], "ok", "another provider's name");
    Ok(())
}

#[tokio::test]
async fn a_model_that_is_listed_again_is_sold_again_and_one_that_is_not_stays_out() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let admin = stage.admin();
    gone(&stage, LUNA).await;
    for status in [LifecycleStatus::Unlisted, LifecycleStatus::Retired, LifecycleStatus::Unknown] {
        admin.record(&[lifecycle(LUNA, status)]).await.unwrap();
        assert_eq!(asked(&stage, json!([[LUNA]])).await?["outcome"], "provider_unavailable", "{status:?}");
    }
    admin.record(&[lifecycle(LUNA, LifecycleStatus::Active)]).await.unwrap();
    assert_eq!(asked(&stage, json!([[LUNA]])).await?["outcome"], "ok");
    // A provider without money is another matter.
    admin.report_outage(RunId::new(Uuid::now_v7()), "openai", Outage::Exhausted).await.unwrap();
    admin.record(&[lifecycle(LUNA, LifecycleStatus::Active)]).await.unwrap();
    assert_eq!(asked(&stage, json!([[LUNA]])).await?["outcome"], "provider_unavailable");
    Ok(())
}

#[tokio::test]
async fn readiness_reads_what_the_last_job_found_and_keeps_what_it_could_not_ask() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (admin, tenant) = (stage.admin(), stage.tenant());
    assert_eq!(tenant.model_lifecycles().await.unwrap(), []);
    let ending =
        ModelLifecycle { retires_on: Some(date(2027, 1, 14)), ..lifecycle(HAIKU, LifecycleStatus::Deprecated) };
    let luna = lifecycle(LUNA, LifecycleStatus::Active);
    admin.record(&[luna.clone(), ending.clone()]).await.unwrap();
    assert_eq!(tenant.model_lifecycles().await.unwrap(), [ending.clone(), luna]);

    admin.record(&[lifecycle(HAIKU, LifecycleStatus::Unknown)]).await.unwrap();
    assert_eq!(tenant.model_lifecycles().await.unwrap(), [ending], "the other one is not in use any more");
    Ok(())
}

#[tokio::test]
async fn what_is_no_list_of_models_is_refused() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let sql = "select to_jsonb(true) from system.record_model_lifecycles($1)";
    for (models, expected) in [
        (json!({}), "22023"),
        (json!([{ "model": "luna", "status": "active" }]), "23514"),
        (json!([{ "model": LUNA, "status": "asleep" }]), "23514"),
        (json!([{ "model": LUNA }]), "23502"),
    ] {
        assert_eq!(sqlstate(stage.backend.call(sql, &[&models]).await), expected, "{models}");
    }
    assert_eq!(stage.count("model_lifecycles").await?, 0);
    Ok(())
}
