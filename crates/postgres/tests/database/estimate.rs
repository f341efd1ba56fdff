//! What an estimate is measured from: the account's own last runs.

use oslira_app::{
    features::{
        analysis::{RunRepository, Spread},
        auth::Member,
    },
    shared::analysis_type::AnalysisType,
};
use oslira_testkit::{Error, TestResult};
use uuid::Uuid;

use crate::support::{Request, Stage, acting, advance, begun, complete, fail, record_usage, scrape_usage};

/// A run of these seconds from request to result.
async fn ran(stage: &Stage, request: &Request, seconds: f64, scrapes: bool) -> Result<Uuid, Error> {
    let run = begun(&stage.customer, request).await?;
    advance(&stage.backend, run, "saving").await?;
    if scrapes {
        record_usage(&stage.backend, run, "scrape", &run.to_string(), &scrape_usage()).await?;
    }
    complete(&stage.backend, run).await?;
    let lasted = "update runs set created_at = finished_at - make_interval(secs => $2) where id = $1";
    stage.execute(lasted, &[&run, &seconds]).await?;
    Ok(run)
}

fn is(spread: Option<Spread>, p50: f64, p90: f64, based_on_runs: u32) -> bool {
    spread.is_some_and(|spread| {
        (spread.p50 - p50).abs() < 1e-6 && (spread.p90 - p90).abs() < 1e-6 && spread.based_on_runs == based_on_runs
    })
}

#[tokio::test]
async fn an_account_without_runs_hears_its_price_and_balance() -> TestResult {
    let stage = Stage::with_credits(17).await?;
    let measured = stage.tenant().measure(acting(&stage.member), AnalysisType::Deep).await.unwrap().unwrap();
    assert_eq!((measured.credits_each, measured.balance), (5, 17));
    assert_eq!((measured.daily_cap, measured.used_today), (None, 0));
    assert_eq!((measured.all, measured.cold, measured.cached), (None, None, None));
    Ok(())
}

#[tokio::test]
async fn the_last_fifty_complete_runs_of_the_type_are_measured_cold_and_cached_apart() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    // Older than the last fifty, of another type, imported, or not complete: none of them is measured.
    for number in 0..5 {
        ran(&stage, &stage.request(&format!("old_{number}")), 9_000.0, true).await?;
    }
    for seconds in 1..=50 {
        ran(&stage, &stage.request(&format!("p_{seconds}")), f64::from(seconds), seconds > 40).await?;
    }
    ran(&stage, &stage.request("deep").of_type("DEEP"), 7_000.0, true).await?;
    ran(&stage, &stage.request("imported"), 0.0, true).await?;
    let failed = stage.begun("failed").await?;
    fail(&stage.backend, failed).await?;
    stage.begun("running").await?;
    let cap = "update accounts set daily_credit_cap = 70 where id = $1";
    stage.execute(cap, &[&stage.member.account_id]).await?;

    let measured = stage.tenant().measure(acting(&stage.member), AnalysisType::Light).await.unwrap().unwrap();

    assert!(is(measured.all, 25.5, 45.1, 50), "{measured:?}");
    assert!(is(measured.cold, 45.5, 49.1, 10), "{measured:?}");
    assert!(is(measured.cached, 20.5, 36.1, 40), "{measured:?}");
    assert_eq!((measured.credits_each, measured.balance, measured.daily_cap), (1, 38, Some(70)));
    Ok(())
}

#[tokio::test]
async fn another_accounts_runs_and_account_are_nobody_elses() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    ran(&stage, &stage.request("nasa"), 5.0, true).await?;
    let other = stage.database.member("bob", 7).await?;
    let measured = stage.tenant().measure(acting(&other), AnalysisType::Light).await.unwrap().unwrap();
    assert_eq!((measured.balance, measured.all, measured.used_today), (7, None, 0));

    let intruder = Member::new(acting(&other).user(), acting(&stage.member).account());
    assert_eq!(stage.tenant().measure(intruder, AnalysisType::Light).await.unwrap(), None);
    Ok(())
}
