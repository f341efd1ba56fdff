//! The circuit breaker: what opens it, for how long, and what it keeps from being sold.

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
use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    product::admin,
    support::{CROWD, Request, Stage, acting, begin, begun, counts, fail, outcomes, sqlstate},
};

async fn report(backend: &Session, provider: &str, kind: &str, run: Uuid) -> Result<bool, Error> {
    let sql = "select system.report_outage($1, $2, $3)";
    Ok(backend.call(sql, &[&provider, &kind, &run]).await?["outcome"] == "opened")
}

/// A report of a run of its own.
async fn exhausted(stage: &Stage, provider: &str) -> Result<bool, Error> {
    report(&stage.backend, provider, "exhausted", Uuid::now_v7()).await
}

async fn down(stage: &Stage, provider: &str) -> Result<bool, Error> {
    report(&stage.backend, provider, "down", Uuid::now_v7()).await
}

/// Three runs that find a provider down.
async fn struck_out(stage: &Stage, provider: &str) -> Result<(), Error> {
    let struck = [down(stage, provider).await?, down(stage, provider).await?, down(stage, provider).await?];
    assert_eq!(struck, [false, false, true], "{provider}");
    Ok(())
}

/// Lets time pass for the breaker.
async fn pass(stage: &Stage, seconds: f64) -> TestResult {
    let sql = "with s as (select make_interval(secs => $1) as s)
        update service_outages set first_strike_at = first_strike_at - s, last_strike_at = last_strike_at - s,
          open_until = open_until - s, updated_at = updated_at - s from s";
    stage.execute(sql, &[&seconds]).await.map(drop)
}

/// How long the last opening lasts when its report was the last one, in seconds.
async fn opening_s(stage: &Stage, provider: &str) -> Result<f64, Error> {
    let sql = "select extract(epoch from open_until - updated_at)::float8 from service_outages where service = $1";
    Ok(stage.superuser.query_one(sql, &[&provider]).await?.get(0))
}

/// What a request for an analysis that needs these services hears.
async fn asked(stage: &Stage, services: Value) -> Result<String, Error> {
    let request = Request { services, ..stage.request(&format!("p{}", &Uuid::new_v4().simple().to_string()[..12])) };
    let answer = begin(&stage.customer, &request).await?;
    Ok(answer["outcome"].as_str().unwrap_or("none").to_owned())
}

#[tokio::test]
async fn an_exhausted_provider_opens_it_at_once_and_each_time_for_twice_as_long() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for expected_s in [60.0, 120.0, 240.0, 480.0, 600.0, 600.0] {
        assert!(exhausted(&stage, "apify").await?);
        assert_eq!(opening_s(&stage, "apify").await?, expected_s);
        assert_eq!(asked(&stage, json!([["apify"]])).await?, "provider_unavailable");
        pass(&stage, expected_s).await?;
    }
    assert_eq!(asked(&stage, json!([["apify"]])).await?, "ok");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_provider_that_is_down_opens_it_at_the_third_strike_and_each_time_for_twice_as_long() -> TestResult {
    let stage = Stage::with_credits(6).await?;
    for expected_s in [30.0, 60.0, 120.0, 240.0, 300.0, 300.0] {
        assert!(!down(&stage, "apify").await?);
        assert!(!down(&stage, "apify").await?);
        assert_eq!(asked(&stage, json!([["apify"]])).await?, "ok");
        assert!(down(&stage, "apify").await?);
        assert_eq!(opening_s(&stage, "apify").await?, expected_s);
        assert_eq!(asked(&stage, json!([["apify"]])).await?, "provider_unavailable");
        pass(&stage, expected_s).await?;
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn one_run_alone_never_opens_it() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (lonely, other) = (Uuid::now_v7(), Uuid::now_v7());
    for _ in 0..5 {
        assert!(!report(&stage.backend, "openai", "down", lonely).await?);
    }
    assert!(report(&stage.backend, "openai", "down", other).await?);

    pass(&stage, 30.0).await?;
    assert!(!report(&stage.backend, "openai", "down", lonely).await?);
    assert!(!report(&stage.backend, "openai", "down", other).await?);
    assert!(report(&stage.backend, "openai", "down", lonely).await?);
    Ok(())
}

#[tokio::test]
async fn only_strikes_of_the_last_minute_count() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    assert!(!down(&stage, "openai").await?);
    pass(&stage, 40.0).await?;
    assert!(!down(&stage, "openai").await?);
    pass(&stage, 20.5).await?;
    // The first is too old, the second is not.
    assert!(!down(&stage, "openai").await?);
    pass(&stage, 38.0).await?;
    assert!(down(&stage, "openai").await?);

    pass(&stage, 31.0).await?;
    assert!(!down(&stage, "openai").await?);
    assert!(!down(&stage, "openai").await?);
    pass(&stage, 60.5).await?;
    assert!(!down(&stage, "openai").await?);
    assert!(!down(&stage, "openai").await?);
    Ok(())
}

#[tokio::test]
async fn of_one_runs_many_strikes_the_newest_count() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let lonely = Uuid::now_v7();
    for _ in 0..3 {
        report(&stage.backend, "openai", "down", lonely).await?;
        pass(&stage, 35.0).await?;
    }
    // 105, 70 and 35 seconds old.
    assert!(!down(&stage, "openai").await?);
    assert!(down(&stage, "openai").await?);
    Ok(())
}

#[tokio::test]
async fn another_runs_old_strike_is_no_company_for_a_lonely_run() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let lonely = Uuid::now_v7();
    assert!(!down(&stage, "openai").await?);
    for seconds in [10.0, 52.0, 1.0, 1.0] {
        pass(&stage, seconds).await?;
        assert!(!report(&stage.backend, "openai", "down", lonely).await?);
    }
    assert!(down(&stage, "openai").await?);
    Ok(())
}

#[tokio::test]
async fn reports_while_it_is_open_change_nothing() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let state = "select (kind, strikes, openings)::text || ' ' || extract(epoch from open_until) from service_outages";
    for (provider, is_exhausted) in [("apify", true), ("openai", false)] {
        stage.execute("delete from service_outages", &[]).await?;
        if is_exhausted {
            exhausted(&stage, provider).await?;
        } else {
            struck_out(&stage, provider).await?;
        }
        let before: String = stage.superuser.query_one(state, &[]).await?.get(0);
        for _ in 0..4 {
            assert!(!down(&stage, provider).await?);
        }
        assert!(!is_exhausted || !exhausted(&stage, provider).await?);
        let after: String = stage.superuser.query_one(state, &[]).await?.get(0);
        assert_eq!(after, before);
    }
    Ok(())
}

#[tokio::test]
async fn what_was_taken_for_down_and_is_exhausted_stays_closed_for_longer() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    struck_out(&stage, "openai").await?;
    assert!(exhausted(&stage, "openai").await?);
    assert_eq!(opening_s(&stage, "openai").await?, 60.0);
    // It is one opening still: the next is the second.
    pass(&stage, 60.0).await?;
    assert!(exhausted(&stage, "openai").await?);
    assert_eq!(opening_s(&stage, "openai").await?, 120.0);
    Ok(())
}

#[tokio::test]
async fn a_quiet_quarter_of_an_hour_makes_the_next_opening_the_first_again() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    exhausted(&stage, "apify").await?;
    pass(&stage, 60.0).await?;
    exhausted(&stage, "apify").await?;
    pass(&stage, 120.0 + 890.0).await?;
    exhausted(&stage, "apify").await?;
    assert_eq!(opening_s(&stage, "apify").await?, 240.0);
    pass(&stage, 240.0 + 900.0).await?;
    exhausted(&stage, "apify").await?;
    assert_eq!(opening_s(&stage, "apify").await?, 60.0);

    // A strike is no quiet.
    pass(&stage, 60.0 + 600.0).await?;
    down(&stage, "apify").await?;
    pass(&stage, 600.0).await?;
    exhausted(&stage, "apify").await?;
    assert_eq!(opening_s(&stage, "apify").await?, 120.0);
    Ok(())
}

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

    // An empty purse is no reason to buy credits for what is not sold.
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
async fn of_32_reports_at_once_one_opens_it() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    for (provider, kind) in [("openai", "down"), ("apify", "exhausted")] {
        let reports = crowd.iter().map(|backend| report(backend, provider, kind, Uuid::now_v7()));
        let opened = try_join_all(reports).await?.into_iter().filter(|opened| *opened).count();
        assert_eq!(opened, 1, "{provider}");
        let openings = format!("service_outages where service = '{provider}' and openings = 1 and strikes = 0");
        assert_eq!(stage.count(&openings).await?, 1, "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn the_product_reports_an_outage_and_hears_of_it_before_the_charge() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (admin, tenant, member) = (admin(&stage), stage.tenant(), acting(&stage.member));
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
