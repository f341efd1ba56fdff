//! What is not sold while it is open.

use futures_util::future::{join, try_join_all};
use oslira_app::{
    features::{
        analysis::{AnalysisRequest, BeginOutcome, Outage, RequiredServices, RunRepository, SystemRuns},
        judging::ModelChoice,
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{BusinessProfileId, RunId},
    },
};
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{asked, exhausted, pass, report};
use crate::support::{CROWD, Request, Stage, acting, begin, begun, counts, fail, outcomes, sqlstate};

#[tokio::test]
async fn a_refusal_says_when_to_come_back_and_moves_nothing() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    exhausted(&stage, "apify").await?;
    let answer = begin(&stage.customer, &stage.request("nasa").keyed("key")).await?;
    let retry_after_s = answer["retry_after_s"].as_i64().unwrap();
    assert_eq!(answer, json!({ "outcome": "provider_unavailable", "retry_after_s": retry_after_s }));
    assert!((1..=60).contains(&retry_after_s), "{retry_after_s}");
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (5, 0));

    // Nor does it use up the key.
    pass(&stage, 60.0).await?;
    begun(&stage.customer, &stage.request("nasa").keyed("key")).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn one_alternative_of_each_need_is_enough() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    exhausted(&stage, "openai").await?;
    for (needs, expected) in [
        (json!([]), "ok"),
        (json!([[]]), "ok"),
        (json!([["apify"]]), "ok"),
        (json!([["apify"], ["openai", "anthropic"]]), "ok"),
        (json!([["apify"], ["anthropic", "openai"]]), "ok"),
        (json!([["apify"], ["openai"]]), "provider_unavailable"),
        (json!([["openai"], ["apify"]]), "provider_unavailable"),
        (json!([["apify"], ["openai", "anthropic"], ["openai"]]), "provider_unavailable"),
    ] {
        assert_eq!(asked(&stage, needs.clone()).await?, expected, "{needs}");
    }
    exhausted(&stage, "anthropic").await?;
    assert_eq!(asked(&stage, json!([["apify"], ["openai", "anthropic"]])).await?, "provider_unavailable");
    assert_eq!(asked(&stage, json!([["apify"]])).await?, "ok");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_wait_is_until_every_need_has_its_first_alternative_again() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for provider in ["apify", "openai", "anthropic"] {
        exhausted(&stage, provider).await?;
    }
    let wait = async |services: Value| -> Result<Option<i32>, Error> {
        let at = "2026-01-01T00:00:00Z";
        for (provider, seconds) in [("apify", 100.0), ("openai", 250.2), ("anthropic", 40.0)] {
            let sql = "update service_outages set open_until = $2::text::timestamptz + make_interval(secs => $3) where service = $1";
            stage.execute(sql, &[&provider, &at, &seconds]).await?;
        }
        let sql = "select private.service_wait_s($1, $2::text::timestamptz)";
        Ok(stage.superuser.query_one(sql, &[&services, &at]).await?.get(0))
    };
    assert_eq!(wait(json!([["apify"], ["openai", "anthropic"]])).await?, Some(100));
    assert_eq!(wait(json!([["anthropic", "openai"]])).await?, Some(40));
    assert_eq!(wait(json!([["openai"], ["apify"]])).await?, Some(251));
    assert_eq!(wait(json!([["stripe"], ["openai", "stripe"]])).await?, None);
    Ok(())
}

#[tokio::test]
async fn what_is_known_already_is_answered_although_it_is_open() -> TestResult {
    let stage = Stage::with_credits(3).await?;
    let keyed = stage.request("nasa").keyed("key");
    begun(&stage.customer, &keyed).await?;
    let running = stage.begun("esa").await?;
    exhausted(&stage, "apify").await?;

    let replay = json!({ "outcome": "replay", "run_id": keyed.run, "credits": 1, "balance": 2 });
    assert_eq!(begin(&stage.customer, &keyed.again()).await?, replay);
    let reused = Request { body_hash: "other", ..keyed.again() };
    assert_eq!(begin(&stage.customer, &reused).await?["outcome"], "idempotency_key_reused");
    let duplicate = json!({ "outcome": "duplicate", "run_id": running });
    assert_eq!(begin(&stage.customer, &stage.request("esa")).await?, duplicate);
    let nowhere = Request { business_profile: Uuid::now_v7(), ..stage.request("jaxa") };
    assert_eq!(begin(&stage.customer, &nowhere).await?["outcome"], "business_profile_not_found");
    assert_eq!(
        begin(&stage.customer, &stage.request("jaxa").of_type("MEGA")).await?["outcome"],
        "unknown_analysis_type"
    );

    // The outage is told even to an account without credits: nobody should buy credits for what is not sold now.
    stage.begun_after_calm("jaxa").await?;
    assert_eq!(stage.balance().await?, 0);
    exhausted(&stage, "apify").await?;
    assert_eq!(begin(&stage.customer, &stage.request("isro")).await?["outcome"], "provider_unavailable");
    fail(&stage.backend, running).await?;
    stage.assert_ledger_is_whole().await
}

impl Stage {
    async fn begun_after_calm(&self, username: &str) -> Result<Uuid, Error> {
        self.execute("delete from service_outages", &[]).await?;
        self.begun(username).await
    }
}

#[tokio::test]
async fn a_forgotten_list_or_a_senseless_report_is_an_error() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for services in [Value::Null, json!({}), json!("apify"), json!(["apify"]), json!([{ "apify": 1 }])] {
        let request = Request { services: services.clone(), ..stage.request("nasa") };
        assert_eq!(sqlstate(begin(&stage.customer, &request).await), "22023", "{services}");
    }
    let forgotten = "select api.begin_analysis($1, $2, 'nasa', $3, 'LIGHT', null, 'body', null)";
    let (member, run) = (stage.member, Uuid::now_v7());
    let call = stage.customer.call(forgotten, &[&member.account_id, &run, &member.business_profile_id]).await;
    assert_eq!(sqlstate(call), "22023");

    let run = Uuid::now_v7();
    for arguments in
        ["null, 'down', $1", "'apify', null, $1", "'apify', 'tired', $1", "'apify', 'down', nullif($1::uuid, $1::uuid)"]
    {
        let sql = format!("select system.report_outage({arguments})");
        assert_eq!(sqlstate(stage.backend.call(&sql, &[&run]).await), "22023", "{arguments}");
    }
    assert_eq!(sqlstate(report(&stage.backend, "No such name", "down", run).await), "23514");
    assert_eq!((stage.balance().await?, stage.count("service_outages").await?), (5, 0));
    Ok(())
}

#[tokio::test]
async fn of_32_requests_that_wait_while_it_opens_none_is_charged() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<_> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();
    stage.superuser.batch_execute("begin").await?;
    let lock = "select from credit_balances where account_id = $1 for no key update";
    stage.superuser.query(lock, &[&stage.member.account_id]).await?;

    let asking = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request)));
    let opening = async {
        let watcher = stage.database.superuser().await?;
        let waiting =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while watcher.query_one(waiting, &[]).await?.get::<_, i64>(0) < i64::try_from(CROWD).unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(exhausted(&stage, "apify").await?);
        stage.superuser.batch_execute("rollback").await?;
        Ok::<_, Error>(())
    };
    let (answers, opened) = join(asking, opening).await;
    opened?;

    assert_eq!(outcomes(&answers?), counts([("provider_unavailable", CROWD)]));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (100, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_product_reports_an_outage_and_hears_of_it_before_the_charge() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (admin, tenant, member) = (stage.admin(), stage.tenant(), acting(&stage.member));
    let request = AnalysisRequest {
        username: "nasa".parse().unwrap(),
        business_profile_id: BusinessProfileId::new(stage.member.business_profile_id),
        analysis_type: AnalysisType::Light,
    };
    let needs = RequiredServices::of(AnalysisType::Light, &ModelChoice::default()).unwrap();
    let run = || RunId::new(Uuid::now_v7());

    for provider in ["openai", "openai", "openai", "anthropic"] {
        admin.report_outage(run(), provider, Outage::Down).await.unwrap();
    }
    let begun = tenant.begin(member, run(), &request, &needs, None, "body").await.unwrap();
    assert!(matches!(begun, BeginOutcome::Started(_)), "{begun:?}");
    admin.report_outage(run(), "anthropic", Outage::Exhausted).await.unwrap();
    let other = AnalysisRequest { username: "esa".parse().unwrap(), ..request };
    let refused = tenant.begin(member, run(), &other, &needs, None, "body").await.unwrap();
    assert!(matches!(refused, BeginOutcome::ProviderUnavailable { retry_after_s: 1..=30 }), "{refused:?}");
    assert_eq!(stage.balance().await?, 4);
    stage.assert_ledger_is_whole().await
}
