//! What becomes of a month's unspent credits.

use oslira_testkit::TestResult;

use super::{applied, grants, month, spend};
use crate::support::Stage;

/// Two months of a plan, of the first of which these credits are spent; what is left of each afterwards, behind the free
/// credits of every account, which are gone.
async fn two_months(plan: &str, spent: i32) -> Result<Vec<String>, oslira_testkit::Error> {
    let stage = Stage::with_credits(0).await?;
    stage.execute("update plans set rollover_cap = 30 where id = 'growth'", &[]).await?;
    let first = month(&stage, "in_1", plan, "2026-10-26T00:00:00Z", "2026-11-26T00:00:00Z");
    applied(&stage, "evt_1", &first).await?;
    spend(&stage, spent).await?;
    let second = month(&stage, "in_2", plan, "2026-11-26T00:00:00Z", "2026-12-26T00:00:00Z");
    applied(&stage, "evt_2", &second).await?;
    stage.assert_ledger_is_whole().await?;
    grants(&stage).await
}

#[tokio::test]
async fn without_rollover_the_rest_ends_with_the_next_month() -> TestResult {
    assert_eq!(two_months("starter_month", 5).await?, ["free:0", "plan:0", "plan:25"]);
    Ok(())
}

#[tokio::test]
async fn with_a_cap_so_much_stays() -> TestResult {
    assert_eq!(two_months("growth_month", 10).await?, ["free:0", "plan:30", "plan:100"]);
    assert_eq!(two_months("growth_month", 80).await?, ["free:0", "plan:20", "plan:100"]);
    Ok(())
}

#[tokio::test]
async fn without_a_limit_all_of_it_stays() -> TestResult {
    assert_eq!(two_months("agency_month", 1).await?, ["free:0", "plan:499", "plan:500"]);
    Ok(())
}

#[tokio::test]
async fn the_cap_is_for_all_months_together_and_the_oldest_goes_first() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for (number, (start, end)) in [
        ("2026-08-26T00:00:00Z", "2026-09-26T00:00:00Z"),
        ("2026-09-26T00:00:00Z", "2026-10-26T00:00:00Z"),
        ("2026-10-26T00:00:00Z", "2026-11-26T00:00:00Z"),
        ("2026-11-26T00:00:00Z", "2026-12-26T00:00:00Z"),
    ]
    .into_iter()
    .enumerate()
    {
        let paid = month(&stage, &format!("in_{number}"), "growth_month", start, end);
        applied(&stage, &format!("evt_{number}"), &paid).await?;
    }
    assert_eq!(grants(&stage).await?, ["free:0", "plan:0", "plan:0", "plan:100", "plan:100"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_a_cap_let_stay_may_stay_again() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    stage.execute("update plans set rollover_cap = 150 where id = 'growth'", &[]).await?;
    let months = ["2026-08-26", "2026-09-26", "2026-10-26", "2026-11-26", "2026-12-26"];
    for (number, pair) in months.windows(2).enumerate() {
        let [start, end] = pair else { panic!("two") };
        let (start, end) = (format!("{start}T00:00:00Z"), format!("{end}T00:00:00Z"));
        applied(
            &stage,
            &format!("evt_{number}"),
            &month(&stage, &format!("in_{number}"), "growth_month", &start, &end),
        )
        .await?;
    }
    // Of the first month nothing, of the second a half that was cut once, of the others all.
    assert_eq!(grants(&stage).await?, ["free:0", "plan:0", "plan:50", "plan:100", "plan:100"]);
    spend(&stage, 40).await?;
    let next = month(&stage, "in_next", "growth_month", "2026-12-26T00:00:00Z", "2027-01-26T00:00:00Z");
    applied(&stage, "evt_next", &next).await?;
    assert_eq!(grants(&stage).await?, ["free:0", "plan:0", "plan:0", "plan:50", "plan:100", "plan:100"]);
    stage.assert_ledger_is_whole().await
}
