//! What opens it, and for how long.

use futures_util::future::try_join_all;
use oslira_testkit::TestResult;
use serde_json::json;
use uuid::Uuid;

use super::{asked, down, exhausted, opening_s, pass, report, struck_out};
use crate::support::Stage;

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
    // Both are one opening: the next is the second.
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

    // A report is no quiet, even one that opens nothing.
    pass(&stage, 60.0 + 600.0).await?;
    down(&stage, "apify").await?;
    pass(&stage, 600.0).await?;
    exhausted(&stage, "apify").await?;
    assert_eq!(opening_s(&stage, "apify").await?, 120.0);
    Ok(())
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
